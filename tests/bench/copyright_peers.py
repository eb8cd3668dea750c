"""Contestants that answer one question: which references sound in these samples, from when to when?

All get the same arrays in one process on one thread; `fpcalc` is a program that reads a WAV file, so its time has the start of a
process in it.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from numba import njit

from copyright_detect.detector import Detector
from copyright_detect.index import add_references, open_index
from copyright_detect.records import SAMPLE_RATE, Event
from tests.bench import landmarks

CHUNK = SAMPLE_RATE // 2


class Found(NamedTuple):
    """A reference by number, and the span of the query in seconds."""

    reference: int
    start_s: float
    end_s: float


class Contestant(NamedTuple):
    """answer(samples) → what was found; bytes of the stored index."""

    answer: Callable[[np.ndarray], list[Found]]
    index_bytes: int


def ours(references: list[np.ndarray], folder: Path) -> Contestant:
    """Stream the samples in half seconds, keep the matches when they are closed."""
    add_references(folder / "index", [(f"{n}", samples) for n, samples in enumerate(references)])
    index = open_index(folder / "index")

    def answer(samples: np.ndarray) -> list[Found]:
        closed = (event.match for event in stream(Detector(index), samples) if event.kind == "closed")
        return [Found(int(match.reference), match.start_s, match.end_s) for match in closed]

    return Contestant(answer, sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file()))


def stream(detector: Detector, samples: np.ndarray) -> Iterable[Event]:
    """Every event of an upload that comes in half seconds."""
    for at in range(0, samples.size, CHUNK):
        yield from detector.push(samples[at : at + CHUNK])
    yield from detector.finish()


def landmark_pairs(settings: landmarks.Settings) -> Callable[[list[np.ndarray], Path], Contestant]:
    """audfprint's way."""

    def build(references: list[np.ndarray], _: Path) -> Contestant:
        index = landmarks.build(references)

        def answer(samples: np.ndarray) -> list[Found]:
            return [Found(hit.reference, hit.start_s, hit.end_s) for hit in landmarks.query(index, samples, settings)]

        return Contestant(answer, 4 * index.keys.size)  # audfprint's table: four bytes a hash

    return build


SIMILAR = 0.766
"""Share of equal bits: just above the best wrong match of real music, of chromaprint 1.5.1."""
SPAN = 32
"""Words of 0.1238 s: four seconds."""
WORD_S = 0.1238


def chromaprint(references: list[np.ndarray], folder: Path) -> Contestant:
    """fpcalc's words, each four seconds of the query against each four seconds of every reference."""
    if not shutil.which("fpcalc"):
        pytest.skip("fpcalc is absent: apt-get install libchromaprint-tools")
    stored = [fpcalc(samples, folder) for samples in references]

    def answer(samples: np.ndarray) -> list[Found]:
        query = fpcalc(samples, folder)
        found = []
        for number, words in enumerate(stored):
            equal, at = most_similar(query, words, SPAN)
            if equal >= SIMILAR * 32 * SPAN:
                found.append(Found(number, at * WORD_S, (at + SPAN) * WORD_S))
        return found

    return Contestant(answer, sum(words.nbytes for words in stored))


def fpcalc(samples: np.ndarray, folder: Path) -> np.ndarray:
    """Chromaprint's words uint32[n] of a sound."""
    soundfile.write(folder / "query.wav", samples, SAMPLE_RATE, subtype="PCM_16")
    command = ["fpcalc", "-raw", "-json", "-length", "0", str(folder / "query.wav")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False
    )  # 1.5.1 ends with 3 at the end of a good WAV
    return np.array(json.loads(done.stdout)["fingerprint"], np.uint32)


@njit(cache=True)
def most_similar(query, stored, span):
    """(equal bits, place in the query) of the best pair of spans, along every diagonal."""
    best, place = 0, 0
    for shift in range(span - query.size, stored.size - span + 1):
        first, last = max(0, -shift), min(query.size, stored.size - shift)
        equal = 0
        for k in range(first, last):
            equal += 32 - _ones(query[k] ^ stored[k + shift])
            if k - first >= span:
                equal -= 32 - _ones(query[k - span] ^ stored[k - span + shift])
            if k - first >= span - 1 and equal > best:
                best, place = equal, k - span + 1
    return best, place


@njit(cache=True)
def _ones(word):
    word = word - ((word >> 1) & 0x55555555)
    word = (word & 0x33333333) + ((word >> 2) & 0x33333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F
    return (word * 0x01010101 & 0xFFFFFFFF) >> 24


CONTESTANTS: dict[str, Callable[[list[np.ndarray], Path], Contestant]] = {
    "linernotes": ours,
    "landmark pairs, published": landmark_pairs(landmarks.PUBLISHED),
    "landmark pairs, denser query": landmark_pairs(landmarks.DENSER),
    "fpcalc, Hamming": chromaprint,
}
