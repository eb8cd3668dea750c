"""Crosses: pairs of fields as fields of their own, only those pairs whose values tell most about the click.

A cross of site and phone model says what neither says alone, but a table of 40 fields has 780 of them, and nearly all are noise that a
model has to unlearn. Each pair is judged by the click rate of its values, the row itself left out; a dozen pairs are kept.
"""

import numpy as np
from numba import njit

from ad_targeting.records import Floats, Int64

CROSSES = 12
PRIOR_ROWS = 10.0
JUDGED_ROWS = 100_000


def cross(codes: Int64, clicks: Floats, others: Int64) -> tuple[Int64, Int64]:
    """The most telling pairs of fields of `codes` int64[n, k] ≥ −1, as codes int64[n, c], and the same pairs of `others`."""
    count = min(len(codes), JUDGED_ROWS)
    judged = np.arange(count) * len(codes) // max(count, 1)  # from the whole table, which may be sorted
    pairs = best_pairs(codes[judged], clicks[judged])
    own, of_others = [np.empty((len(codes), 0), np.int64)], [np.empty((len(others), 0), np.int64)]
    for first, second in pairs:
        base = int(max(codes[:, second].max(), others[:, second].max(initial=-1))) + 2
        both, other = codes[:, first] * base + codes[:, second], others[:, first] * base + others[:, second]
        known, place = np.unique(both, return_inverse=True)
        other_place = np.minimum(np.searchsorted(known, other), len(known) - 1)
        unknown = (known[other_place] != other) | (others[:, first] < 0) | (others[:, second] < 0)
        own.append(place[:, None])
        of_others.append(np.where(unknown, -1, other_place)[:, None])
    return np.hstack(own), np.hstack(of_others)


def best_pairs(codes: Int64, clicks: Floats) -> list[tuple[int, int]]:
    """At most CROSSES pairs of columns, the least surprised first."""
    fields = codes.shape[1]
    pairs = [(second, first) for first in range(fields) for second in range(first)]
    surprises = pair_surprises(codes, clicks)
    return sorted(pairs, key=lambda pair: (surprises[pair], pair))[:CROSSES]


def surprise(codes: Int64, clicks: Floats) -> float:
    """Mean log loss of the smoothed click rate of each row's code int64[n], the row itself left out; both classes must be there."""
    return float(pair_surprises(codes[:, None], clicks)[0, 0])


@njit(cache=True)
def pair_surprises(codes, clicks):  # type: ignore[no-untyped-def]
    """`surprise` of each pair of columns [k, k], first ≤ second, and of each column with itself: values hashed to 8 cells a row or more."""
    count, fields = codes.shape
    mean, found = clicks.mean(), np.zeros((fields, fields))
    bits = int(np.ceil(np.log2(8 * count)))
    rows, ones = np.zeros(1 << bits), np.zeros(1 << bits)
    cells = np.zeros(count, np.int64)
    for first in range(fields):
        for second in range(first, fields):
            for i in range(count):
                mixed = np.uint64((codes[i, first] << 32) ^ codes[i, second]) * np.uint64(0x9E3779B97F4A7C15)
                cells[i] = np.int64(mixed >> np.uint64(64 - bits))
                rows[cells[i]] += 1
                ones[cells[i]] += clicks[i]
            loss = 0.0
            for i in range(count):
                others = rows[cells[i]] - 1 + PRIOR_ROWS
                rate = (ones[cells[i]] - clicks[i] + PRIOR_ROWS * mean) / others
                loss -= np.log(rate if clicks[i] > 0 else 1 - rate)
            for i in range(count):
                rows[cells[i]] = ones[cells[i]] = 0
            found[first, second] = loss / count
    return found
