"""From hits to candidates: hits of one alignment share the difference between reference frame and upload frame.

Hits of the last seconds are counted in cells of eight frames of that difference, so a count costs one addition whatever the
catalogue's size, and hits that drift apart because the tempo is some percent off fall in neighbouring cells. A candidate needs only a
few hits: it is cheap to verify, and the verdict is the verification's. Frames of the upload are here and in `verify.py` the
detector's rows, `detector.py:LAG` more than frames; what is reported has it taken off.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]

CELL = 3
"""Bits of the difference that a cell spans: 8 frames."""
SLOTS = 1 << 16
"""Cells beyond this number (3.4 h of catalogue) share a slot, so that crowds of chance stop thinning out: see `enough`."""
MOST_HITS = 1 << 15
"""Hits that are remembered; more within the window push out the oldest."""
FEWEST = 3
"""Hits that make a candidate, where chance seldom brings as many together."""
REACH = 12
"""Hits so many frames from a candidate's difference are of its cluster."""
SLOPES = 12
"""Tempo is sought in steps of half a percent, so many each way."""
SLOPE_STEP = 0.005


class Votes(NamedTuple):
    """The hits of the window, in a ring, and their counts."""

    frames: Longs  # (MOST_HITS,) of the upload
    references: Longs  # (MOST_HITS,) frames of the catalogue
    counts: Counts  # (SLOTS,) by cell
    span: Longs  # (2,) first and one past the last hit, counted since the beginning


def no_votes() -> Votes:
    """Before the first hit."""
    ring = np.zeros(MOST_HITS, np.int64)
    return Votes(ring, ring.copy(), np.zeros(SLOTS, np.int32), np.zeros(2, np.int64))


def enough(votes: Votes, catalogue_frames: int) -> int:
    """Hits that a candidate needs: three, or more where the density of chance hits asks for it."""
    chance = (votes.span[1] - votes.span[0]) * (3 << CELL) / min(max(catalogue_frames, 1), SLOTS << CELL)
    return max(FEWEST, int(np.ceil(chance + 3.0 * np.sqrt(chance))))


def hit_of(votes: Votes, number: int) -> tuple[int, int]:
    """(frame of the upload, frame of the catalogue) of a hit."""
    slot = number & (MOST_HITS - 1)
    return int(votes.frames[slot]), int(votes.references[slot])


@numba.njit(cache=True, nogil=True)
def add(votes: Votes, new_frames: Longs, new_references: Longs, oldest: int) -> None:
    """Count new hits, forget those of frames before `oldest`."""
    frames, references, counts, span = votes
    mask = len(frames) - 1
    for i in range(len(new_frames)):
        if span[1] - span[0] == len(frames):
            _forget(frames, references, counts, span)
        slot = span[1] & mask
        frames[slot], references[slot] = new_frames[i], new_references[i]
        counts[((new_references[i] - new_frames[i]) >> CELL) & (SLOTS - 1)] += 1
        span[1] += 1
    while span[0] < span[1] and frames[span[0] & mask] < oldest:
        _forget(frames, references, counts, span)


@numba.njit(cache=True, nogil=True)
def _forget(frames: Longs, references: Longs, counts: Counts, span: Longs) -> None:
    slot = span[0] & (len(frames) - 1)
    counts[((references[slot] - frames[slot]) >> CELL) & (SLOTS - 1)] -= 1
    span[0] += 1


@numba.njit(cache=True, nogil=True)
def candidates(votes: Votes, new: int, need: int, muted: Longs, most: int) -> Longs:
    """Numbers of hits (of the last `new` ones) that stand in a crowd of at least `need`: the largest crowds first, at most `most`.

    muted: (n, 2) ranges of catalogue frames, half-open, that are spoken for already.
    """
    frames, references, counts, span = votes
    mask = len(frames) - 1
    best = np.empty(most, np.int64)
    crowd = np.empty(most, np.int64)
    cells = np.empty(most, np.int64)
    count = 0
    for hit in range(max(span[1] - new, span[0]), span[1]):
        reference = references[hit & mask]
        cell = (reference - frames[hit & mask]) >> CELL
        around = 0
        for near in range(cell - 1, cell + 2):
            around += counts[near & (SLOTS - 1)]
        if around < need or _inside(muted, reference):
            continue
        known = False
        for i in range(count):
            known |= abs(cells[i] - cell) <= 1
        if known:
            continue
        place = count if count < most else count - 1
        if count == most and crowd[place] >= around:
            continue
        while place > 0 and crowd[place - 1] < around:
            best[place], crowd[place], cells[place] = best[place - 1], crowd[place - 1], cells[place - 1]
            place -= 1
        best[place], crowd[place], cells[place] = hit, around, cell
        count = min(count + 1, most)
    return best[:count]


@numba.njit(cache=True, nogil=True)
def _inside(ranges: Longs, value: int) -> bool:
    inside = False
    for i in range(len(ranges)):
        inside |= ranges[i, 0] <= value < ranges[i, 1]
    return inside


@numba.njit(cache=True, nogil=True)
def slope(votes: Votes, hit: int) -> float:
    """The tempo that most hits around one agree with; the least deviation among equals."""
    frames, references, _, span = votes
    mask = len(frames) - 1
    frame, reference = frames[hit & mask], references[hit & mask]
    agree = np.zeros(2 * SLOPES + 1, np.int64)
    for other in range(span[0], span[1]):
        run = frames[other & mask] - frame
        rise = references[other & mask] - reference
        if abs(rise - run) > REACH:
            continue
        for step in range(-SLOPES, SLOPES + 1):
            agree[step + SLOPES] += abs(rise - run * (1.0 + step * SLOPE_STEP)) <= 1.5
    best = SLOPES
    for distance in range(1, SLOPES + 1):
        for step in (SLOPES - distance, SLOPES + distance):
            if agree[step] > agree[best]:
                best = step
    return 1.0 + (best - SLOPES) * SLOPE_STEP
