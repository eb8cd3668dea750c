"""References, speech and unindexed music for the benchmarks: of the synthetic world, or from a folder of real recordings.

`LINER_COPYRIGHT_DATA=FOLDER` names a folder with `music/` and `speech/` in it (any format the system reads). Two thirds of its pieces are
indexed, drawn by a fixed seed; the rest and all speech are never indexed.
"""

import math
import os
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from copyright_detect.audio import decode_all
from copyright_detect.records import SAMPLE_RATE
from copyright_detect.transforms import TRANSFORMS
from shared.world.sound import Release, loop_of, mix, rms, song, voice
from shared.world.sound.score import FAMILY

DATA = os.environ.get("LINER_COPYRIGHT_DATA")
LEAD = 5
"""Seconds of speech before and after the music."""
SIZES = {"tiny": (4, 20.0, 2), "small": (24, 60.0, 30), "full": (80, 90.0, 100)}
"""Indexed songs, seconds of each, clips in a cell."""


class Material(NamedTuple):
    """Indexed pieces; what each shares its loop with (None: nothing); the nth unindexed piece; seconds of the nth stretch of speech."""

    references: list[np.ndarray]
    loops: list[tuple[str, int] | None]
    unindexed: Callable[[int, float], np.ndarray]
    speech: Callable[[int, float], np.ndarray]
    distinct: str


def release(number: int, seconds: float) -> Release:
    """A song of the synthetic world; genres take turns."""
    return Release(number, f"song {number}", list(FAMILY)[number % len(FAMILY)], seconds, number)


@cache
def synthetic(size: str) -> Material:
    """Seed 7; every unindexed song and every stretch of speech is another one."""
    count, seconds, _ = SIZES[size]
    songs = [release(n, seconds) for n in range(count)]
    return Material(
        [song(7, piece) for piece in songs],
        [loop_of(7, piece) for piece in songs],
        lambda n, wanted: song(7, release(10_000 + n, wanted)),
        lambda n, wanted: voice(7, n, wanted),
        "every minute another one",
    )


@cache
def real(folder: str) -> Material:
    """The pieces and the speech of a folder; a stretch of speech begins where the last ended, round and round."""
    pieces = [decode_all(path) for path in sorted((Path(folder) / "music").iterdir())]
    talk = np.concatenate([decode_all(path) for path in sorted((Path(folder) / "speech").iterdir())])
    order = np.random.default_rng(5).permutation(len(pieces))
    indexed, held = order[: len(order) * 2 // 3], order[len(order) * 2 // 3 :]

    def unindexed(n: int, wanted: float) -> np.ndarray:
        return cut(pieces[held[n % len(held)]], n, wanted)

    def speech(n: int, wanted: float) -> np.ndarray:
        return np.take(talk, np.arange(int(wanted * SAMPLE_RATE)) + n * int(17.3 * SAMPLE_RATE), mode="wrap")

    minutes = [f"{sum(map(len, part)) / SAMPLE_RATE / 60:.0f} min" for part in ([pieces[n] for n in held], [talk])]
    return Material([pieces[n] for n in indexed], [None] * len(indexed), unindexed, speech, " + ".join(minutes))


def material(size: str, source: str) -> Material:
    """The material of a source."""
    return real(str(DATA)) if source == "real" else synthetic(size)


def cut(piece: np.ndarray, n: int, seconds: float) -> np.ndarray:
    """`seconds` of a piece from the nth of many places."""
    room = max(piece.size - int(seconds * SAMPLE_RATE), 1)
    start = n * 7_919_003 % room
    return piece[start : start + int(seconds * SAMPLE_RATE)]


def clips(
    size: str, source: str, seconds: float, level_db: float, change: str | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """(reference, samples): music from LEAD on, speech around and over it; `change` names one of CHANGES for the music."""
    found = material(size, source)
    for n in range(SIZES[size][2]):
        music = excerpt(size, source, n, seconds, change)
        speech = talk(size, source, n, music.size / SAMPLE_RATE + 2 * LEAD)
        if change == DUCKED:
            yield n % len(found.references), ducked(speech, music)
        else:
            yield n % len(found.references), mix(speech, music, level_db, at=LEAD)


@lru_cache(maxsize=800)
def excerpt(size: str, source: str, n: int, seconds: float, change: str | None) -> np.ndarray:
    """The music of the nth clip; all contestants and levels get the same."""
    references = material(size, source).references
    music = cut(references[n % len(references)], n, seconds)
    return CHANGES[change](music) if change is not None else music


@lru_cache(maxsize=128)
def talk(size: str, source: str, n: int, seconds: float) -> np.ndarray:
    """The speech of the nth clip."""
    return material(size, source).speech(n, seconds)


def ducked(speech: np.ndarray, music: np.ndarray) -> np.ndarray:
    """−6 dB, and another 12 dB down while somebody speaks: the level follows the speech within 50 ms."""
    overlap = speech[LEAD * SAMPLE_RATE :][: music.size]
    loud = np.sqrt(np.convolve(overlap**2, np.ones(551) / 551, "same")) > 0.3 * rms(overlap)
    gain = np.convolve(np.where(loud, 10 ** (-12 / 20), 1.0), np.ones(551) / 551, "same")
    under = music * np.float32(rms(overlap) / rms(music) * 10 ** (-6 / 20)) * gain
    mixed = speech.copy()
    mixed[LEAD * SAMPLE_RATE :][: music.size] += under.astype(np.float32)
    return mixed


DUCKED = "-6 dB, ducked"
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: change for name, (change, _) in TRANSFORMS.items() if change is not None
} | {DUCKED: lambda sound: sound}
LEVELS = {"clean": math.inf, "0 dB": 0.0, "-6 dB": -6.0, "-10 dB": -10.0, "-15 dB": -15.0}
