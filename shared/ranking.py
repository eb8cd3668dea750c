"""How good is a ranked list? Recall, precision and NDCG at k per user, the catalogue's coverage, and how sure one may be of a mean.

Recall is divided by min(k, relevant): a perfect list of 20 scores 1 for a user with 200 relevant items. Precision is divided by k,
always: a short list is not a better one. The interval of a mean is a bootstrap over users, because users and not plays are what the
next week draws anew.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]


def hits(ids: Int32, relevant: csr_matrix) -> NDArray[np.bool_]:
    """bool[n, k]: does rank r of list n, ids int32[n, k] (-1: no item), hold an item stored in row n of `relevant` [n, items]?"""
    width = np.int64(relevant.shape[1])
    wanted = np.repeat(np.arange(len(ids)), np.diff(relevant.indptr)) * width + relevant.indices
    offered = np.arange(len(ids))[:, None] * width + ids
    return np.isin(offered, wanted) & (ids >= 0)


def recall(hit: NDArray[np.bool_], relevant: Int32, k: int) -> Float64:
    """float64[n]: hits in the first k, divided by min(k, relevant items of the user); relevant int[n] > 0."""
    found: Float64 = hit[:, :k].sum(axis=1) / np.minimum(k, relevant)
    return found


def precision(hit: NDArray[np.bool_], k: int) -> Float64:
    """float64[n]: hits in the first k, divided by k."""
    found: Float64 = hit[:, :k].sum(axis=1) / k
    return found


def ndcg(hit: NDArray[np.bool_], relevant: Int32, k: int) -> Float64:
    """float64[n]: Σ 1/log₂(rank + 1) over the hits in the first k, divided by that of a list with all min(k, relevant) hits first."""
    discounts = 1 / np.log2(np.arange(2, k + 2))  # [k]
    ideal = np.concatenate([[0], np.cumsum(discounts)])
    width = min(k, hit.shape[1])
    gained: Float64 = hit[:, :width] @ discounts[:width] / ideal[np.minimum(k, relevant)]
    return gained


def coverage(ids: Int32, items: int) -> float:
    """Share of the catalogue of `items` items that stands in at least one list, ids int32[n, k] (-1: no item)."""
    return len(np.unique(ids[ids >= 0])) / items


def bootstrap_interval(per_user: Float64, seed: int, resamples: int = 1000) -> tuple[float, float]:
    """95 % interval of the mean of per_user float64[n]: the 2.5th and 97.5th percentile of means of n users drawn with replacement."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    means = [per_user[rng.integers(0, len(per_user), len(per_user))].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
