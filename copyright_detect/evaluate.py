"""How well does it find music under speech, and how often is it wrong? Measured on a folder of music and a folder of speech.

The tracks are dealt into folds; in each fold one share of them is not indexed, and the rest (with `filler`, synthetic songs that make the
catalogue large) is. Recall: clips of 5 s speech, 10 s of an indexed track under speech, 5 s speech. False alarms: hours of other speech
over tracks that are not indexed. Level: RMS of the music against RMS of the speech, over the overlap. All from one seed.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from copyright_detect import score
from copyright_detect.audio import decode_all
from copyright_detect.detector import Detector
from copyright_detect.index import Index, add_references, open_index
from copyright_detect.records import SAMPLE_RATE, Match
from copyright_detect.transforms import TRANSFORMS
from shared.errors import BadInput
from shared.output import progress

Samples = npt.NDArray[np.float32]
FOLDS = 4
AROUND_S, MUSIC_S = 5.0, 10.0
WITHIN_S = 1.0
FAINT = 1e10
LEVELS = (score.TOLERATED, 1e2, 1e3, 1e4, 1e5)
"""Expected false alarms in 1,000 h at which the expectation is held against what is seen."""
QUIET = 1e-3
"""RMS under which an excerpt is a pause of the track, not music."""
CLEAN = math.inf
CELLS = [("plain", level) for level in (CLEAN, 0.0, -6.0, -10.0, -15.0)]
CELLS += [(name, level) for name in TRANSFORMS for level in (CLEAN, -6.0)]


class Clip(NamedTuple):
    """A test clip: its audio, whose music it is, and from when to when."""

    samples: Samples
    track: str
    start_s: float
    end_s: float


class Outcome(NamedTuple):
    """What became of a clip."""

    track: str
    found: bool
    bounds: bool
    alarm_s: float  # after the music began; infinity when there was none
    wrong: int


def evaluate(
    music: dict[str, Samples],
    speech: Sequence[Samples],
    filler: dict[str, Samples],
    clips: int = 100,
    hours: float = 5.0,
    seed: int = 1,
    cells: Sequence[tuple[str, float]] = CELLS,
) -> dict[str, Any]:
    """The report: per cell recall with its Wilson interval, bounds, delay of the alarm; per track; false alarms and hours heard."""
    _check(music, filler)
    names = sorted(music)
    order = np.random.default_rng([seed, 0]).permutation(len(names))
    outcomes: dict[tuple[str, float], list[Outcome]] = {cell: [] for cell in cells}
    chance: list[Match] = []
    heard = 0.0
    for fold in progress(range(FOLDS), "folds"):
        absent = {names[i] for i in order[fold::FOLDS]}
        with TemporaryDirectory() as folder:
            known = {name: audio for name, audio in music.items() if name not in absent}
            add_references(folder, [*known.items(), *filler.items()])
            index = open_index(folder)
            for number, cell in enumerate(cells):
                rng = np.random.default_rng([seed, 1, fold, number])
                for _ in range(-(-clips // FOLDS)):
                    outcomes[cell].append(judge(index, make_clip(rng, known, speech, *cell)))
            rng, held = np.random.default_rng([seed, 2, fold]), [music[name] for name in sorted(absent)]
            seconds, matches = listen(index, unindexed(rng, held, speech, hours / FOLDS))
            heard += seconds
            chance += matches
    return {
        "cells": [_summary(*cell, outcomes[cell]) for cell in cells],
        "tracks": _by_track([o for cell in cells if cell[0] == "plain" for o in outcomes[cell]]),
        "false_alarms": _false_alarms(chance, heard / 3600),
        "seed": seed,
        "clips_per_cell": -(-clips // FOLDS) * FOLDS,
        "catalogue_s": round(sum(len(a) for a in [*music.values(), *filler.values()]) / SAMPLE_RATE),
    }


def _check(music: dict[str, Samples], filler: dict[str, Samples]) -> None:
    if len(music) < FOLDS:
        raise BadInput(f"{len(music)} tracks of music; expected at least {FOLDS}: each is once not indexed")
    for name, audio in music.items():
        if name in filler:
            raise BadInput(f"{name}: in the music and in the filler; expected different recordings and names")
        if len(audio) < MUSIC_S * SAMPLE_RATE or _rms(audio) <= 2 * QUIET:
            heard = f"{len(audio) / SAMPLE_RATE:.1f} s, RMS {_rms(audio):.1g}"
            raise BadInput(f"{name}: {heard}; expected at least {MUSIC_S:.0f} s of sound")


def make_clip(
    rng: np.random.Generator, music: dict[str, Samples], speech: Sequence[Samples], transform: str, level: float
) -> Clip:
    """5 s speech, 10 s of music under speech (clean: instead of it), 5 s speech; then the transform."""
    around, length = int(AROUND_S * SAMPLE_RATE), int(MUSIC_S * SAMPLE_RATE)
    track, excerpt = _excerpt(rng, music, length)
    voice = talk(rng, speech, 2 * around + length)
    over = voice[around : around + length]
    if level == CLEAN:
        voice[around : around + length] = excerpt * _gain(excerpt, voice, 0.0)
    else:
        if transform == "ducking":
            excerpt = duck(excerpt, over)
        voice[around : around + length] += excerpt * _gain(excerpt, over, level)
    change, stretch = TRANSFORMS.get(transform, (None, 1.0))
    samples = change(voice) if change else voice
    return Clip(samples, track, AROUND_S / stretch, (AROUND_S + MUSIC_S) / stretch)


def duck(music: Samples, speech: Samples, by_db: float = -12.0) -> Samples:
    """Music that is 12 dB softer while somebody speaks (20 ms windows above a tenth of the speech's RMS, smoothed over 0.2 s)."""
    window = SAMPLE_RATE // 50
    power = np.convolve(np.square(speech), np.ones(window) / window, "same")
    active = np.convolve(power > 0.01 * np.square(speech).mean(), np.ones(10 * window) / (10 * window), "same")
    return (music * 10 ** (by_db / 20 * active)).astype(np.float32)


def judge(index: Index, clip: Clip) -> Outcome:
    """Hear a clip, compare with the truth."""
    detector = Detector(index)
    events = detector.push(clip.samples) + detector.finish()
    closed = [event.match for event in events if event.kind == "closed"]
    right = [m for m in closed if m.reference == clip.track and m.start_s < clip.end_s and m.end_s > clip.start_s]
    bounds = any(abs(m.start_s - clip.start_s) <= WITHIN_S and abs(m.end_s - clip.end_s) <= WITHIN_S for m in right)
    alarms = [e.at_s - clip.start_s for e in events if e.kind == "provisional" and e.match.reference == clip.track]
    return Outcome(clip.track, bool(right), bounds, min(alarms, default=math.inf), len(closed) - len(right))


def unindexed(
    rng: np.random.Generator, music: Sequence[Samples], speech: Sequence[Samples], hours: float
) -> Iterator[Samples]:
    """Minutes of speech over music at 0 to −15 dB, each mix another."""
    tracks = {str(i): audio for i, audio in enumerate(music)}
    for _ in range(round(hours * 120)):
        _, excerpt = _excerpt(rng, tracks, 25 * SAMPLE_RATE)
        voice = talk(rng, speech, 30 * SAMPLE_RATE)
        over = voice[: len(excerpt)]
        over += excerpt * _gain(excerpt, over, float(rng.uniform(-15.0, 0.0)))
        yield voice


def listen(index: Index, stream: Iterator[Samples]) -> tuple[float, list[Match]]:
    """Hear a stream to its end: (seconds, closed matches), the ones that chance explains well too."""
    detector, seconds, events = Detector(index, FAINT), 0.0, []
    for samples in stream:
        seconds += len(samples) / SAMPLE_RATE
        events += detector.push(samples)
    events += detector.finish()
    return seconds, [event.match for event in events if event.kind == "closed"]


def _false_alarms(chance: Sequence[Match], hours: float) -> dict[str, Any]:
    """Those at the operating point; and at weaker ones, as many as expected?"""
    rates = [match.expected_false_alarms_per_1000h for match in chance]
    alarms = [match._asdict() for match in chance if match.expected_false_alarms_per_1000h <= score.TOLERATED]
    seen = {level: sum(rate <= level for rate in rates) for level in LEVELS}
    calibration = [{"expected": round(level * hours / 1000, 3), "seen": count} for level, count in seen.items()]
    return {"hours": round(hours, 3), "count": len(alarms), "matches": alarms, "calibration": calibration}


def talk(rng: np.random.Generator, speech: Sequence[Samples], length: int) -> Samples:
    """Clips of speech in random order, each at the same RMS, one after another; a random part of that length."""
    parts: list[Samples] = []
    while sum(len(part) for part in parts) < length:
        voice = speech[int(rng.integers(len(speech)))]
        parts.append(voice[rng.integers(max(len(voice) // 2, 1)) :] * np.float32(0.05 / (_rms(voice) + 1e-9)))
    return np.concatenate(parts)[:length]


def _excerpt(rng: np.random.Generator, music: dict[str, Samples], length: int) -> tuple[str, Samples]:
    """A random part of a random track (each track as often) that is not a pause."""
    names = sorted(music)
    while True:
        name = names[rng.integers(len(names))]
        begin = int(rng.integers(max(len(music[name]) - length, 1)))
        if _rms(part := music[name][begin : begin + length]) > QUIET:
            return name, part


def _gain(music: Samples, speech: Samples, level: float) -> np.float32:
    return np.float32(_rms(speech) / _rms(music) * 10 ** (level / 20))


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def _summary(transform: str, level: float, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    found = sum(o.found for o in outcomes)
    median = sorted(o.alarm_s for o in outcomes)[len(outcomes) // 2]
    return {
        "transform": transform,
        "level_db": "clean" if level == CLEAN else level,
        "clips": len(outcomes),
        "found": found,
        "recall": round(found / len(outcomes), 4),
        "wilson_95": [round(end, 4) for end in wilson(found, len(outcomes))],
        "both_ends_within_1s": sum(o.bounds for o in outcomes),
        "alarm_median_s": round(median, 2) if median < math.inf else None,
        "wrong": sum(o.wrong for o in outcomes),
    }


def _by_track(outcomes: Sequence[Outcome]) -> dict[str, list[int]]:
    """[found, clips] of each track."""
    table: dict[str, list[int]] = {outcome.track: [0, 0] for outcome in sorted(outcomes)}
    for outcome in outcomes:
        table[outcome.track][0] += outcome.found
        table[outcome.track][1] += 1
    return table


def wilson(found: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, spread = found / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return middle - half, middle + half


def read_folder(folder: Path) -> dict[str, Samples]:
    """Every file of a folder, by name; BadInput when a file is no audio."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected audio files")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not files:
        raise BadInput(f"{folder}: no files; expected audio")
    return {path.name: decode_all(path) for path in progress(files, f"decode {folder.name}")}


def print_report(report: dict[str, Any]) -> None:
    """The report for a person."""
    row = "{:16}{:>7}{:>10}{:>21}{:>17}{:>13}{:>7}"
    print(row.format("", "level", "found", "recall (95 %)", "both ends ≤ 1 s", "alarm after", "wrong"))
    for cell in report["cells"]:
        found = f"{cell['found']}/{cell['clips']}"
        recall = f"{cell['recall']:.3f} ({cell['wilson_95'][0]:.2f}–{cell['wilson_95'][1]:.2f})"
        alarm = "never" if cell["alarm_median_s"] is None else f"{cell['alarm_median_s']:.1f} s"
        ends = cell["both_ends_within_1s"]
        print(row.format(cell["transform"], cell["level_db"], found, recall, ends, alarm, cell["wrong"]))
    alarms = report["false_alarms"]
    print(f"{alarms['count']} false alarms in {alarms['hours']} h of speech over music that is not indexed")
    print("calibration, expected and seen: ", end="")
    print("; ".join(f"{row['expected']:.3g} and {row['seen']}" for row in alarms["calibration"]))
    for name, (found, clips) in report["tracks"].items():
        if found < clips:
            print(f"  {name}: found {found} of {clips}")
