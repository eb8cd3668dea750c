"""The first steps of the algorithm alone: keys of local maxima, and votes for one offset, without verification.

Pairs and triplets are made of the same peaks in the same zone. A clip's score is the largest number of hits in three neighbouring cells of
eight frames; what it takes to report is just above the best score of music that is not indexed: the best that a fixed count can do.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from copyright_detect.index import audible
from copyright_detect.keys import REFERENCE_FAN, UPLOAD_FAN, ZONE_BINS, ZONE_FRAMES, triplets
from copyright_detect.peaks import KEY_BOX, REFERENCE_BOX, Box, Landmarks
from copyright_detect.records import SAMPLE_RATE

APART = 4096
"""Frames between two references on the line of offsets, more than a clip has."""


class Votes(NamedTuple):
    """Sorted keys, the frame of each on one line of all references, and where each reference begins."""

    keys: np.ndarray
    frames: np.ndarray
    first: np.ndarray
    key_of: object
    hours: float


def build(references: list[np.ndarray], key_of) -> Votes:
    """key_of: `pairs` or `triplets`."""
    keys, frames, first, at = [], [], [], APART
    for samples in references:
        rows, bins = peaks(samples, REFERENCE_BOX)
        key, anchor = key_of(rows, bins, REFERENCE_FAN, 0)
        keys.append(key)
        frames.append(anchor.astype(np.int64) + at)
        first.append(at)
        at += samples.size // 256 + APART
    order = np.argsort(np.concatenate(keys), kind="stable")
    hours = sum(map(len, references)) / SAMPLE_RATE / 3600
    return Votes(np.concatenate(keys)[order], np.concatenate(frames)[order], np.array(first), key_of, hours)


def best(votes: Votes, samples: np.ndarray) -> tuple[int, int, int]:
    """(reference, hits that agree, hits altogether) of the best alignment."""
    rows, bins = peaks(samples, KEY_BOX)
    key, anchor = votes.key_of(rows, bins, UPLOAD_FAN, 0)
    low, high = np.searchsorted(votes.keys, key, "left"), np.searchsorted(votes.keys, key, "right")
    count = high - low
    if not count.sum():
        return -1, 0, 0
    at = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
    offset = votes.frames[at] - np.repeat(anchor, count)
    cells = np.bincount(offset >> 3)
    three = np.convolve(cells, np.ones(3, np.int64), "same")
    place = int(np.argmax(three))
    return int(np.searchsorted(votes.first - APART // 2, place << 3, "right")) - 1, int(three[place]), int(count.sum())


def peaks(samples: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Rows and bins of the maxima of a box; of a reference, those that are stored."""
    marks = Landmarks(box, box)
    rows, bins, _, power = (np.concatenate(parts) for parts in zip(*marks.push(samples), *marks.finish(), strict=True))
    kept = audible(rows, bins, power) if box == REFERENCE_BOX else slice(None)
    return rows[kept], bins[kept]


@njit(cache=True)
def pairs(frames, bins, fan, since):
    """(keys, frames of their anchors): two frequencies and their halved difference in time."""
    keys, anchors = np.empty(frames.size * fan, np.uint32), np.empty(frames.size * fan, np.int32)
    count = 0
    for i in range(frames.size):
        made, other = 0, i + 1
        while other < frames.size and made < fan and frames[other] - frames[i] <= ZONE_FRAMES:
            if frames[other] > frames[i] and abs(bins[other] - bins[i]) <= ZONE_BINS and frames[other] >= since:
                keys[count] = (bins[i] << 9 | bins[other]) << 4 | (frames[other] - frames[i]) >> 1
                anchors[count] = frames[i]
                made, count = made + 1, count + 1
            other += 1
    return keys[:count], anchors[:count]


KEYS = {"pairs": pairs, "triplets": lambda *peaks: triplets(*peaks)[:2]}
