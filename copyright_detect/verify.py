"""Verification: every stored peak of the aligned span is looked for in the upload, and weighed.

A reference peak that is found where the line puts it says log((p + (1−p)·a) / p): it survived with probability a, or chance (p) put a
peak there. One that is missing says log(1−a). p is what this upload makes likely at this frequency and moment (a sustained tone or a
drum fills rows and columns of the spectrogram, and meets any reference), so that music in the same key at the same beat earns little.
The segment with the largest sum begins and ends where the likelihood changes: its sum is the evidence, its ends are the match's.
"""

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
SURVIVAL = (0.06, 0.2, 0.5)
"""Shares of a reference's peaks that may survive: under a loud voice, under speech, alone. The likeliest is taken."""


class Heard(NamedTuple):
    """What is remembered of the upload, in rings over its frames."""

    peaks: npt.NDArray[np.uint8]  # (MEMORY, BINS) 1 where a peak stands
    rows: npt.NDArray[np.int32]  # (MEMORY,) peaks in the frame
    counts: npt.NDArray[np.int32]  # (STEPS, BINS + 1) peaks by bin, and altogether, before each step


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


@numba.njit(cache=True, nogil=True)
def weigh(
    heard: Heard, step: int, frames: Ints, bins: Ints, at: float, reference: float, tempo: float, begin: int, end: int
) -> Evidence:
    """The evidence that upload frame `at` is `reference` (in the frames of the peaks) and goes on at `tempo`, over frames [begin, end).

    frames, bins: the reference's stored peaks, by frame.
    """
    begin = max(begin, (step + 1) * STEP - MEMORY + 1, 1)
    end = min(end, (step + 1) * STEP - 1)
    first, beyond = 0, len(frames)
    while first < beyond:  # the first peak that falls at `begin` or later
        middle = (first + beyond) // 2
        if frames[middle] < reference + tempo * (begin - at):
            first = middle + 1
        else:
            beyond = middle
    sums, starts = np.zeros(len(SURVIVAL)), np.zeros(len(SURVIVAL), np.int64)
    best, best_first, best_last = 0.0, begin, begin
    for i in range(first, len(frames)):
        frame = int(np.rint(at + (frames[i] - reference) / tempo))
        if frame >= end:
            break
        if frame < begin:
            continue
        f = bins[i]
        found = (
            heard.peaks[(frame - 1) % MEMORY, f] + heard.peaks[frame % MEMORY, f] + heard.peaks[(frame + 1) % MEMORY, f]
        ) > 0
        odds = 0.0
        if found:
            p = chance(heard, step, frame, f)
            odds = (1.0 - p) / p
        for k, survival in enumerate(SURVIVAL):
            if found:
                if sums[k] <= 0.0:
                    sums[k], starts[k] = 0.0, frame
                sums[k] += np.log(1.0 + survival * odds)
                if sums[k] > best:
                    best, best_first, best_last = sums[k], starts[k], frame
            else:
                sums[k] += np.log(1.0 - survival)
    return Evidence(best - np.log(len(SURVIVAL)), best_first, best_last)
