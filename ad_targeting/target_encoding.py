"""Codes as the click rates of their values: what lets a tree split a thousand categories with one threshold.

A row's own label must not be in its own feature, or the trees learn to read it. So the rows to learn from get rates from the other folds,
and rows to predict get the rates of all. Rates are drawn towards the overall rate by PRIOR_ROWS rows. Beside each rate stands
how often the value was seen, which says how far to trust it. Source: Micci-Barreca, SIGKDD Explorations 2001.
"""

import numpy as np

from ad_targeting.records import Floats, Int64

FOLDS, PRIOR_ROWS = 5, 3.0


def encode(codes: Int64, clicks: Floats, others: Int64, seed: int) -> tuple[Floats, Floats]:
    """Rates and counts float64[n, 2k] of `codes` int64[n, k] ≥ −1 out of fold, and of `others` int64[m, k] from all rows."""
    fold = np.random.default_rng(seed).permutation(len(codes)) % FOLDS
    own, of_others = [], []
    for column, other in zip(codes.T, others.T, strict=True):
        size = int(max(column.max(), other.max(initial=-1))) + 2  # place 0 is that of unknown values
        rows, ones = count(column + 1, clicks, size)
        rate = smooth(ones, rows, clicks.mean())
        out_of_fold = np.empty(len(codes))
        for part in range(FOLDS):
            inside = fold == part
            part_rows, part_ones = count(column[inside] + 1, clicks[inside], size)
            out_of_fold[inside] = smooth(ones - part_ones, rows - part_rows, clicks.mean())[column[inside] + 1]
        own += [out_of_fold, rows[column + 1]]
        of_others += [rate[other + 1], rows[other + 1]]
    return np.column_stack(own), np.column_stack(of_others)


def count(places: Int64, clicks: Floats, size: int) -> tuple[Floats, Floats]:
    """Rows and clicks by place, float64[size]."""
    return np.bincount(places, minlength=size).astype(np.float64), np.bincount(places, clicks, size).astype(np.float64)


def smooth(ones: Floats, rows: Floats, overall: float) -> Floats:
    """Click rates as if PRIOR_ROWS more rows had the overall rate."""
    rate: Floats = (ones + PRIOR_ROWS * overall) / (rows + PRIOR_ROWS)
    return rate
