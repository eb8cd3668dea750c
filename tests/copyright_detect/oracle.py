"""Slow and obvious: what the fast algorithms must agree with."""

from itertools import combinations

import numpy as np

from copyright_detect import keys
from copyright_detect.peaks import FLOOR, LOWEST, RANGE
from copyright_detect.records import BINS
from copyright_detect.verify import AROUND, MEMORY, MOST_OF_A_MOMENT, PRIOR_FRAMES, STEP, SURVIVAL


def maxima(power, box):
    """{(row, bin)} of the maxima of a box, by comparing with every neighbour."""
    found = set()
    for t in range(box.half_frames, len(power) - box.half_frames):
        for f in range(LOWEST, BINS - 1):
            here = power[t, f]
            low, high = max(f - box.half_bins, 0), f + box.half_bins + 1
            before = power[t - box.half_frames : t, low:high]
            after = power[t : t + box.half_frames + 1, low:high]
            loud = here >= max(FLOOR, RANGE * power[t].max())
            if loud and (before < here).all() and (after <= here).all() and here > power[t, f + 1]:
                found.add((t, f))
    return found


def triplets(frames, bins, fan, since):
    """[(key, frame of the anchor)] by listing every pair of targets."""
    peaks = list(zip(frames.tolist(), bins.tolist(), strict=True))
    found = []
    for i, (t, f) in enumerate(peaks):
        near = [(u, g) for u, g in peaks[i:] if 0 < u - t <= keys.ZONE_FRAMES and abs(g - f) <= keys.ZONE_BINS][:fan]
        found += [(t, (f, *a, *b)) for a, b in combinations(near, 2) if b[0] >= since]
    return found


def chance(peaks, step, frame, f):
    """The probability of a peak in bin f of frame ± 1, from the list of all peaks heard."""
    here = frame // STEP
    begin, end = max(here - AROUND, 0) * STEP, (min(here + AROUND, step) + 1) * STEP
    inside = [(t, g) for t, g in peaks if begin <= t < end]
    length, total = end - begin, len(inside)
    column = (sum(g == f for _, g in inside) + PRIOR_FRAMES * (total + 1) / (length * BINS)) / (length + PRIOR_FRAMES)
    near = sum(abs(t - frame) <= 1 for t, _ in peaks)
    row = (near + 3) / (3 * (total + length) / length)
    return min(max(3 * column * row, 0.002), 0.9)


def evidence(peaks, step, stored, line, begin):
    """The largest sum over all segments of the line, by trying every one."""
    heard = set(peaks)
    best = 0.0
    for survival in SURVIVAL:
        odds, earned = [], {}
        for reference, f in stored:
            frame = int(np.rint(line.at + (reference - line.reference) / line.tempo))
            first = max(begin, (step + 1) * STEP - MEMORY + 1, 1)
            if reference < line.reference + line.tempo * (first - 0.5 - line.at) or frame >= (step + 1) * STEP - 1:
                continue
            found = any((frame + d, f) in heard for d in (-1, 0, 1))
            p = chance(peaks, step, frame, f)
            gain = min(np.log((p + (1 - p) * survival) / p), MOST_OF_A_MOMENT - earned.get(frame // STEP, 0.0))
            if found:
                earned[frame // STEP] = earned.get(frame // STEP, 0.0) + gain
            odds.append(gain if found else np.log(1 - survival))
        totals = np.concatenate([[0.0], np.cumsum(odds)])
        best = max([best, *(totals[j] - totals[i] for i in range(len(totals)) for j in range(i + 1, len(totals)))])
    return best - np.log(len(SURVIVAL))
