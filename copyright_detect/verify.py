"""Verification: every stored peak of the aligned span is looked for in the upload, and weighed.

A reference peak that is found where the line puts it says log((p + (1−p)·a) / p): it survived with probability a, or chance (p) put a
peak there. One that is missing says log(1−a). p is what this upload makes likely at this frequency and moment (a sustained tone or a
drum fills rows and columns of the spectrogram, and meets any reference), so that music in the same key at the same beat earns little.
The segment with the largest sum begins and ends where the likelihood changes: its sum is the evidence, its ends are the match's.
Frames of the upload are the detector's rows (`detector.py:LAG`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from copyright_detect.peaks import STEP, Ints
from copyright_detect.records import BINS

MEMORY = 512
"""Frames of the upload that are remembered: 11.9 s."""
STEPS = 64
"""Steps whose running counts are remembered."""
AROUND = 6
"""Steps before and after a frame that tell what is likely in it: 2.2 s each way."""
PRIOR_FRAMES = 32
"""Weight, in frames, of the mean density against a frequency's own."""
SURVIVAL = np.array([0.08, 0.16, 0.32, 0.64])
"""Shares of a reference's peaks that may survive: under a loud voice, under speech, alone. The likeliest is taken."""
MOST_OF_A_MOMENT = 8.0
"""Nats that one step (0.37 s) can earn: peaks that sound together, as those of one drum, are one coincidence and not ten."""
MISSED = np.log1p(-SURVIVAL)


StoredPeaks = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]
"""(frames of the catalogue, bins) of a reference, by frame."""


class Heard(NamedTuple):
    """What is remembered of the upload, in rings over its frames."""

    peaks: npt.NDArray[np.uint8]  # (MEMORY, BINS) 1 where a peak stands
    rows: npt.NDArray[np.int32]  # (MEMORY,) peaks in the frame
    counts: npt.NDArray[np.int32]  # (STEPS, BINS + 1) peaks by bin, and altogether, before each step


class Line(NamedTuple):
    """An alignment: frame `at` of the upload is frame `reference` of the catalogue, and goes on at `tempo`."""

    at: float
    reference: float
    tempo: float

    def where(self, frame: float) -> float:
        """The frame of the catalogue at a frame of the upload."""
        return self.reference + self.tempo * (frame - self.at)


class Evidence(NamedTuple):
    """The best segment of a line: its sum in nats, and the upload's frames of its first and last found peak."""

    nats: float
    first: int
    last: int


def silence() -> Heard:
    """Nothing heard yet."""
    return Heard(np.zeros((MEMORY, BINS), np.uint8), np.zeros(MEMORY, np.int32), np.zeros((STEPS, BINS + 1), np.int32))


@numba.njit(cache=True, nogil=True)
def remember(heard: Heard, step: int, frames: Ints, bins: Ints) -> None:
    """Take in the peaks of one step: frames [step·STEP, step·STEP + STEP)."""
    for frame in range(step * STEP, (step + 1) * STEP):
        heard.peaks[frame % MEMORY] = 0
        heard.rows[frame % MEMORY] = 0
    after = heard.counts[(step + 1) % STEPS]
    after[:] = heard.counts[step % STEPS]
    after[BINS] += len(frames)
    for i in range(len(frames)):
        heard.peaks[frames[i] % MEMORY, bins[i]] = 1
        heard.rows[frames[i] % MEMORY] += 1
        after[bins[i]] += 1


@numba.njit(cache=True, nogil=True)
def chance(heard: Heard, step: int, frame: int, f: int) -> float:
    """Probability that by chance a peak stands in bin f of frame ± 1; `step` is the last one heard."""
    here = frame // STEP
    begin, end = max(here - AROUND, step - STEPS + 2, 0), min(here + AROUND, step) + 1
    before, after = heard.counts[begin % STEPS], heard.counts[end % STEPS]
    length = (end - begin) * STEP
    total = after[BINS] - before[BINS]
    density = (total + 1.0) / (length * BINS)
    column = (after[f] - before[f] + PRIOR_FRAMES * density) / (length + PRIOR_FRAMES)
    near = heard.rows[(frame - 1) % MEMORY] + heard.rows[frame % MEMORY] + heard.rows[(frame + 1) % MEMORY]
    row = (near + 3.0) / (3.0 * (total + length) / length)
    return float(min(max(3.0 * column * row, 0.002), 0.9))


def best_line(
    heard: Heard, step: int, peaks: StoredPeaks, lines: Sequence[Line], begin: int, surer: float
) -> tuple[Line, Evidence]:
    """The line with the most evidence over frames from `begin` to now; the first, unless another is better by `surer` nats."""
    found = [Evidence(*weigh(heard, step, *peaks, *line, begin)) for line in lines]
    best = max(range(len(lines)), key=lambda i: found[i].nats + (surer if i == 0 else 0.0))
    return lines[best], found[best]


@numba.njit(cache=True, nogil=True)
def weigh(
    heard: Heard,
    step: int,
    frames: npt.NDArray[np.uint32],
    bins: npt.NDArray[np.uint16],
    at: float,
    reference: float,
    tempo: float,
    begin: int,
) -> tuple[float, int, int]:
    """The evidence for one line: the largest sum over a segment, for each share of survivors at once (Kadane's scan).

    frames, bins: the reference's stored peaks, by frame of the catalogue.
    """
    begin = max(begin, (step + 1) * STEP - MEMORY + 1, 1)
    end = (step + 1) * STEP - 1
    sums, starts = np.zeros(len(SURVIVAL)), np.zeros(len(SURVIVAL), np.int64)
    moment, room = -1, np.zeros(len(SURVIVAL))
    best, best_first, best_last = 0.0, begin, begin
    for i in range(_first_at(frames, reference + tempo * (begin - 0.5 - at)), len(frames)):
        frame = int(np.rint(at + (frames[i] - reference) / tempo))
        if frame >= end:
            break
        f = bins[i]
        before, here, after = (frame - 1) & (MEMORY - 1), frame & (MEMORY - 1), (frame + 1) & (MEMORY - 1)
        if not (heard.peaks[before, f] | heard.peaks[here, f] | heard.peaks[after, f]):
            sums += MISSED
            continue
        if frame // STEP != moment:
            moment = frame // STEP
            room[:] = MOST_OF_A_MOMENT
        p = chance(heard, step, frame, f)
        for k in range(len(SURVIVAL)):
            if sums[k] <= 0.0:
                sums[k], starts[k] = 0.0, frame
            gain = min(np.log1p(SURVIVAL[k] * (1.0 - p) / p), room[k])
            room[k] -= gain
            sums[k] += gain
            if sums[k] > best:
                best, best_first, best_last = sums[k], starts[k], frame
    return best - np.log(len(SURVIVAL)), best_first, best_last


@numba.njit(cache=True, nogil=True)
def _first_at(frames: npt.NDArray[np.uint32], value: float) -> int:
    """The place of the first frame that is not before a value."""
    first, beyond = 0, len(frames)
    while first < beyond:
        middle = (first + beyond) // 2
        if frames[middle] < value:
            first = middle + 1
        else:
            beyond = middle
    return first
