"""Music under speech, found: recall by level, robustness, false alarms, delay of the alarm, speed, bytes, memory; peers beside ours.

    liner bench --size full --only copyright
    LINER_COPYRIGHT_DATA=FOLDER liner bench --size full --only copyright

The second adds the groups `copyright-…-real`: the same on real recordings (`tests/bench/copyright_material.py`). A clip is 5 s of
speech, 10 s of music under speech, 5 s of speech; level is the music's RMS against the speech's over the overlap, pauses included.
"""

import math
import os
import shutil
from functools import cache

import numpy as np
import pytest

from copyright_detect.detector import Detector
from copyright_detect.index import add_references, open_index
from copyright_detect.records import SAMPLE_RATE
from shared.world.sound import mix
from tests.bench import copyright_votes
from tests.bench.conftest import peak_growth
from tests.bench.copyright_material import (
    CHANGES,
    DATA,
    LEAD,
    LEVELS,
    SIZES,
    Material,
    clips,
    cut,
    material,
)
from tests.bench.copyright_peers import CONTESTANTS, Contestant, Found, stream

REAL = list(CONTESTANTS) if DATA else []
ALARM_HOURS = {"tiny": 0.03, "small": 1.0, "full": 5.0}
SPEED_MINUTES = {"tiny": 0.5, "small": 20, "full": 60}
MEMORY_MINUTES = {"tiny": (0.5, 1.0), "small": (10, 60), "full": (10, 600)}


@pytest.fixture(scope="module")
def built(tmp_path_factory, bench_size):
    """built(contestant, source): the index over all references of a source, made once."""

    @cache
    def build(contestant: str, source: str) -> Contestant:
        folder = tmp_path_factory.mktemp("index")
        return CONTESTANTS[contestant](material(bench_size, source).references, folder)

    return build


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, z = hits / count, 1.96
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def shown(hits: int, count: int) -> str:
    """A share with the lower end of its interval: `.98 (≥ .93)`."""
    return f"{hits / count:.2f} (≥ {wilson(hits, count)[0]:.2f})"


def is_right(hit: Found, reference: int, seconds: float) -> bool:
    return hit.reference == reference and hit.start_s < LEAD + seconds and hit.end_s > LEAD


def is_wrong(hit: Found, reference: int, found: Material) -> bool:
    """Another piece, unless it has the same loop in it."""
    return hit.reference != reference and (
        found.loops[reference] is None or found.loops[hit.reference] != found.loops[reference]
    )


def cpu_seconds() -> float:
    """Of this process and the programs it has run."""
    return sum(os.times()[:4])


class Tally:
    """What a contestant said about the clips of one cell."""

    def __init__(self) -> None:
        self.clips = self.hits = self.wrong = self.ends = 0
        self.seconds = self.heard_s = 0.0

    def ask(self, contestant: Contestant, found: Material, reference: int, samples: np.ndarray) -> None:
        started = cpu_seconds()
        answer = contestant.answer(samples)
        self.seconds += cpu_seconds() - started
        length = samples.size / SAMPLE_RATE - 2 * LEAD
        right = [hit for hit in answer if is_right(hit, reference, length)]
        self.clips, self.hits = self.clips + 1, self.hits + bool(right)
        self.wrong += any(is_wrong(hit, reference, found) for hit in answer)
        self.ends += any(abs(hit.start_s - LEAD) <= 1 and abs(hit.end_s - LEAD - length) <= 1 for hit in right)
        self.heard_s += samples.size / SAMPLE_RATE


def ask_all(contestant: Contestant, found: Material, cases) -> Tally:
    tally = Tally()
    for reference, samples in cases:
        tally.ask(contestant, found, reference, samples)
    return tally


def run_recall(benchmark, built, size, source, contestant):
    benchmark.group = "copyright-recall" + ("-real" if source == "real" else "")
    found, answers, count = material(size, source), built(contestant, source), SIZES[size][2]
    cells = {name: (10.0, level) for name, level in LEVELS.items()} | {"5 s, -6 dB": (5.0, -6.0)}

    def run() -> dict[str, Tally]:
        return {cell: ask_all(answers, found, clips(size, source, *setting)) for cell, setting in cells.items()}

    tallies = benchmark.pedantic(run, rounds=1)
    tell(benchmark, found, count, tallies)
    level = tallies["0 dB"]
    benchmark.extra_info["show"]["ends ≤ 1 s at 0 dB"] = f"{level.ends / count:.2f}"
    for name in ("clean", "-6 dB"):
        benchmark.extra_info["show"][f"wrong piece, {name}"] = f"{tallies[name].wrong / count:.2f}"
    assert tallies["clean"].hits >= 0.5 * count
    if contestant == "linernotes":
        assert tallies["0 dB"].hits >= 0.9 * count
        assert sum(tally.wrong for tally in tallies.values()) <= 0.02 * count * len(tallies)


def tell(benchmark, found: Material, count: int, tallies: dict[str, Tally]) -> None:
    """Hits, intervals and speed of each cell into the record."""
    heard, spent = (sum(getattr(tally, name) for tally in tallies.values()) for name in ("heard_s", "seconds"))
    benchmark.extra_info.update(
        clips=count,
        references=len(found.references),
        reference_s=round(sum(map(len, found.references)) / SAMPLE_RATE),
        hits={cell: tally.hits for cell, tally in tallies.items()},
        wilson={cell: [round(end, 3) for end in wilson(tally.hits, count)] for cell, tally in tallies.items()},
        times_real_time=round(heard / max(spent, 1e-9), 1),
        threads=1,
    )
    benchmark.extra_info["show"] = {cell: shown(tally.hits, count) for cell, tally in tallies.items()}


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_recall(benchmark, built, bench_size, contestant):
    run_recall(benchmark, built, bench_size, "synthetic", contestant)


@pytest.mark.parametrize("contestant", REAL)
def test_recall_on_real_audio(benchmark, built, bench_size, contestant):
    run_recall(benchmark, built, bench_size, "real", contestant)


def run_robustness(benchmark, built, size, source, contestant):
    benchmark.group = "copyright-robustness" + ("-real" if source == "real" else "")
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is absent: apt-get install ffmpeg")
    found, answers, count = material(size, source), built(contestant, source), SIZES[size][2]

    def run() -> dict[str, Tally]:
        return {name: ask_all(answers, found, clips(size, source, 10, math.inf, name)) for name in CHANGES}

    tallies = benchmark.pedantic(run, rounds=1)
    tell(benchmark, found, count, tallies)
    assert tallies["mp3 64k"].hits >= 0.5 * count or contestant != "linernotes"


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_robustness(benchmark, built, bench_size, contestant):
    run_robustness(benchmark, built, bench_size, "synthetic", contestant)


@pytest.mark.parametrize("contestant", REAL)
def test_robustness_on_real_audio(benchmark, built, bench_size, contestant):
    run_robustness(benchmark, built, bench_size, "real", contestant)


STEPS = (
    "landmark pairs, decaying threshold",
    "local maxima, pairs, votes",
    "local maxima, triplets, votes",
    "+ verification",
)


@pytest.mark.parametrize("contestant", STEPS)
def test_steps(benchmark, built, bench_size, contestant):
    """What each step finds when it reports nothing on music that is not indexed; and how many strangers its keys meet."""
    benchmark.group = "copyright-steps"
    found, count = material(bench_size, "synthetic"), SIZES[bench_size][2]
    unindexed = [found.unindexed(500 + n, 10) for n in range(count)]
    levels, strangers = {"0 dB": 0.0, "-6 dB": -6.0, "-15 dB": -15.0}, None
    if contestant in (STEPS[0], STEPS[-1]):
        answers = built("linernotes" if contestant == STEPS[-1] else "landmark pairs, published", "synthetic")

        def hits(level: float) -> int:
            return ask_all(answers, found, clips(bench_size, "synthetic", 10, level)).hits

        false = sum(bool(answers.answer(sound)) for sound in unindexed)
    else:
        votes = copyright_votes.build(found.references, copyright_votes.KEYS[contestant.split(", ")[1]])
        scores = [copyright_votes.best(votes, sound) for sound in unindexed]
        needed, false = max(score for _, score, _ in scores) + 1, 0
        strangers = sum(hit for _, _, hit in scores) / (10 * len(scores)) / votes.hours

        def hits(level: float) -> int:
            answers = [
                (reference, *copyright_votes.best(votes, sound)[:2])
                for reference, sound in clips(bench_size, "synthetic", 10, level)
            ]
            return sum(right == reference and score >= needed for reference, right, score in answers)

    by_level = benchmark.pedantic(lambda: {name: hits(level) for name, level in levels.items()}, rounds=1)
    benchmark.extra_info.update(clips=count, hits=by_level, false=false, chance_hits=strangers)
    benchmark.extra_info["show"] = {name: shown(number, count) for name, number in by_level.items()} | {
        "false, of unindexed clips": f"{false / count:.2f}",
        "chance hits a second and catalogue hour": "–" if strangers is None else f"{strangers:,.0f}",
    }
    assert by_level["0 dB"] > 0


def run_false_alarms(benchmark, built, size, source, contestant):
    """A minute of speech with 40 s of music that was never indexed, again and again: whatever is reported is false."""
    benchmark.group = "copyright-false-alarms" + ("-real" if source == "real" else "")
    found, answers = material(size, source), built(contestant, source)
    minutes = max(2, round(60 * ALARM_HOURS[size]))

    def run() -> tuple[int, int]:
        alarms = minutes_with = 0
        for n in range(minutes):
            level = list(LEVELS.values())[n % 4]
            answer = answers.answer(mix(found.speech(1000 + n, 60), found.unindexed(n, 40), level, at=10))
            alarms, minutes_with = alarms + len(answer), minutes_with + bool(answer)
        return alarms, minutes_with

    alarms, minutes_with = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(
        minutes=minutes, alarms=alarms, minutes_with_an_alarm=minutes_with, distinct=found.distinct
    )
    benchmark.extra_info["show"] = {
        "uploads heard": f"{minutes / 60:.1f} h",
        "distinct unindexed music + speech": found.distinct,
        "false alarms": f"{alarms}",
        "minutes with one": f"{100 * minutes_with / minutes:.1f} %",
        "a 1,000 h, 95 %": f"≤ {1000 * upper(alarms) / (minutes / 60):,.0f}",
    }
    if contestant == "linernotes":
        assert alarms <= 1


def upper(count: int) -> float:
    """Upper 95 % limit of a Poisson mean of which `count` were seen."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, 2 * count + 2) / 2)


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_false_alarms(benchmark, built, bench_size, contestant):
    run_false_alarms(benchmark, built, bench_size, "synthetic", contestant)


@pytest.mark.parametrize("contestant", REAL)
def test_false_alarms_on_real_audio(benchmark, built, bench_size, contestant):
    run_false_alarms(benchmark, built, bench_size, "real", contestant)


CHANCES = (50_000.0, 10_000.0, 1_000.0)
"""False alarms in 1,000 h that a detector is told to tolerate: so many that they can be counted."""


@pytest.mark.parametrize("contestant", ["synthetic", *(["real"] if DATA else [])])
def test_calibration(benchmark, bench_size, contestant, tmp_path):
    """A detector that tolerates far too much, on speech with unindexed music: as many false matches as the score says?"""
    benchmark.group = "copyright-calibration"
    found = material(bench_size, contestant)
    add_references(tmp_path / "index", [(f"{n}", samples) for n, samples in enumerate(found.references)])
    index = open_index(tmp_path / "index")
    minutes = max(2, round(60 * ALARM_HOURS[bench_size]))

    def run() -> list[float]:
        expected = []
        for n in range(minutes):
            upload = mix(found.speech(3000 + n, 60), found.unindexed(1000 + n, 40), list(LEVELS.values())[n % 4], at=10)
            events = stream(Detector(index, tolerated=CHANCES[0]), upload)
            expected += [e.match.expected_false_alarms_per_1000h for e in events if e.kind == "closed"]
        return expected

    expected = benchmark.pedantic(run, rounds=1)
    counts = {chance: sum(value <= chance for value in expected) for chance in CHANCES}
    benchmark.extra_info.update(minutes=minutes, references=len(found.references), counts=list(counts.values()))
    benchmark.extra_info["show"] = {"heard": f"{minutes / 60:.1f} h"} | {
        f"≤ {chance:,.0f} in 1,000 h: predicted, found": f"{chance * minutes / 60_000:,.0f}, {count}"
        for chance, count in counts.items()
    }
    assert counts[CHANCES[-1]] <= upper(round(CHANCES[-1] * minutes / 60_000)) + 1


def an_upload(found: Material, minutes: float) -> np.ndarray:
    """An upload as podcasts are: speech, and in every minute 15 s of an indexed piece at −6 dB."""
    count = max(1, round(minutes))
    parts = []
    for n in range(count):
        seconds = 60.0 if minutes >= 1 else 60 * minutes
        music = cut(found.references[n % len(found.references)], n, min(15.0, seconds / 2))
        parts.append(mix(found.speech(5000 + n, seconds), music, -6.0, at=seconds / 4))
    return np.concatenate(parts)


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_speed(benchmark, built, bench_size, contestant):
    """Samples in, answers out, one core; and what an hour of reference takes to build and to keep."""
    benchmark.group = "copyright-speed"
    found, answers = material(bench_size, "synthetic"), built(contestant, "synthetic")
    upload = an_upload(found, SPEED_MINUTES[bench_size])
    answers.answer(upload[: 20 * SAMPLE_RATE])  # compiled and warm
    seconds = upload.size / SAMPLE_RATE
    benchmark.pedantic(lambda: answers.answer(upload), rounds=1 if bench_size == "tiny" else 3)
    median = benchmark.stats.stats.median if benchmark.stats else math.nan
    hours = sum(map(len, found.references)) / SAMPLE_RATE / 3600
    benchmark.extra_info.update(threads=1, upload_s=seconds, index_hours=hours, index_bytes=answers.index_bytes)
    benchmark.extra_info["show"] = {
        "× real time": f"{seconds / median:,.0f}",
        "index": f"{hours:.1f} h",
        "index bytes an hour": f"{answers.index_bytes / hours / 1e6:.2f} MB",
    }
    assert answers.index_bytes > 0


def run_alarm(benchmark, size, source, contestant, tmp_path):
    """Seconds of music heard before the first provisional event for it; 15 s of music."""
    benchmark.group = "copyright-alarm" + ("-real" if source == "real" else "")
    found, count = material(size, source), SIZES[size][2]
    add_references(tmp_path / "index", [(f"{n}", samples) for n, samples in enumerate(found.references)])
    index = open_index(tmp_path / "index")

    def run() -> list[float]:
        delays = []
        for reference, samples in clips(size, source, 15, LEVELS[contestant]):
            events = stream(Detector(index), samples)
            alarms = [event.at_s for event in events if event.match.reference == str(reference)]
            delays.append(min(alarms, default=math.inf) - LEAD)
        return delays

    delays = np.sort(benchmark.pedantic(run, rounds=1))
    reached = delays[np.isfinite(delays)]
    benchmark.extra_info.update(clips=count, delays=[round(float(delay), 2) for delay in reached])
    benchmark.extra_info["show"] = {
        "clips": f"{count}",
        "alarm after, median": after(delays, 0.5),
        "90 %": after(delays, 0.9),
        "never": f"{count - reached.size}",
    }
    assert reached.size >= 0.3 * count


def after(delays: np.ndarray, share: float) -> str:
    delay = delays[math.ceil(share * delays.size) - 1]
    return f"{delay:.1f} s" if np.isfinite(delay) else "never"


@pytest.mark.parametrize("contestant", LEVELS)
def test_alarm(benchmark, bench_size, contestant, tmp_path):
    run_alarm(benchmark, bench_size, "synthetic", contestant, tmp_path)


@pytest.mark.parametrize("contestant", LEVELS if DATA else [])
def test_alarm_on_real_audio(benchmark, bench_size, contestant, tmp_path):
    run_alarm(benchmark, bench_size, "real", contestant, tmp_path)


@pytest.mark.parametrize("contestant", ["a short upload", "a long upload"])
def test_memory(benchmark, bench_size, contestant, tmp_path):
    """The same ten minutes over and over: what a long upload needs more than a short one is what leaks."""
    benchmark.group = "copyright-memory"
    found = material(bench_size, "synthetic")
    add_references(tmp_path / "index", [(f"{n}", samples) for n, samples in enumerate(found.references)])
    short, long = MEMORY_MINUTES[bench_size]
    minutes = short if contestant == "a short upload" else long
    upload = an_upload(found, min(10, short))
    index = open_index(tmp_path / "index")

    def run() -> int:
        detector, matches = Detector(index), 0
        for _ in range(round(minutes / min(10, short))):
            for at in range(0, upload.size, SAMPLE_RATE):
                matches += sum(event.kind == "closed" for event in detector.push(upload[at : at + SAMPLE_RATE]))
        return matches + sum(event.kind == "closed" for event in detector.finish())

    run() if bench_size == "tiny" else None
    results: list[int] = []
    growth = peak_growth(lambda: results.append(benchmark.pedantic(run, rounds=1)))
    benchmark.extra_info.update(minutes=minutes, matches=results[0], peak_growth_bytes=growth)
    benchmark.extra_info["show"] = {
        "upload": f"{minutes / 60:.1f} h",
        "matches": f"{results[0]}",
        "extra memory": "–" if growth is None else f"{growth / 1e6:.0f} MB",
    }
    assert results[0] > 0
