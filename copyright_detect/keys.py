"""Triplets of peaks, hashed: what is looked up.

An anchor and two later peaks nearby give one key from three frequencies and two time differences. A pair is found twice as often,
but meets thirty times more strangers, and strangers grow with the catalogue: at a hundred thousand tracks only the triplet is left.
Time differences are halved before hashing, so that a frame grid that lies differently, or a tempo some percent off, still meets.

References and uploads use one zone but another fan: an upload has three times the peaks in it, so it must ask for more of them to
cover those that the reference had. Store few, ask many.
"""

import numba
import numpy as np
import numpy.typing as npt

from copyright_detect.peaks import Ints

ZONE_FRAMES = 24
"""The other two peaks come at most 0.56 s after the anchor: short enough that 5 % of tempo shift them by one frame."""
ZONE_BINS = 48
"""And at most 517 Hz above or below it."""
REFERENCE_FAN = 5
"""The first five peaks in the zone of a reference: at most ten triplets an anchor."""
UPLOAD_FAN = 12

Keys = npt.NDArray[np.uint32]


@numba.njit(cache=True, nogil=True)
def triplets(frames: Ints, bins: Ints, fan: int, since: int) -> tuple[Keys, Ints, Ints]:
    """(keys, frames of their anchors, frames of their last peaks) of all triplets that end at frame `since` or later.

    Peaks sorted by frame, then bin; triplets by anchor, last and middle peak.
    """
    keys = np.empty(len(frames) * (fan * (fan - 1) // 2), np.uint32)
    anchors, lasts = np.empty(len(keys), np.int32), np.empty(len(keys), np.int32)
    targets = np.empty(fan, np.int64)
    count = 0
    for i in range(len(frames)):
        found, other = 0, i + 1
        while other < len(frames) and found < fan and frames[other] - frames[i] <= ZONE_FRAMES:
            if frames[other] > frames[i] and abs(bins[other] - bins[i]) <= ZONE_BINS:
                targets[found] = other
                found += 1
            other += 1
        for last in range(1, found):
            if frames[targets[last]] < since:
                continue
            for middle in range(last):
                keys[count] = _key(frames, bins, i, targets[middle], targets[last])
                anchors[count], lasts[count] = frames[i], frames[targets[last]]
                count += 1
    return keys[:count], anchors[:count], lasts[:count]


@numba.njit(cache=True, nogil=True)
def _key(frames: Ints, bins: Ints, first: int, second: int, third: int) -> np.uint32:
    """35 bits, mixed to 32 (the finaliser of MurmurHash3)."""
    packed = np.uint64(bins[first])
    packed = packed << np.uint64(9) | np.uint64(bins[second])
    packed = packed << np.uint64(9) | np.uint64(bins[third])
    packed = packed << np.uint64(4) | np.uint64((frames[second] - frames[first]) >> 1)
    packed = packed << np.uint64(4) | np.uint64((frames[third] - frames[first]) >> 1)
    packed ^= packed >> np.uint64(33)
    packed *= np.uint64(0xFF51AFD7ED558CCD)
    packed ^= packed >> np.uint64(33)
    packed *= np.uint64(0xC4CEB9FE1A85EC53)
    return np.uint32(packed >> np.uint64(32))
