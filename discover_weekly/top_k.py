"""Exact top-k for every user: all scores are computed, none is kept, nothing already played comes back.

100k users × 100k tracks are 10^10 scores, 40 GB; the answer is 50 of them a user. So users go in strips and items in tiles; one
matrix product fills a tile that fits the cache, and a threshold scan passes over it: a score enters the user's heap only if it beats
the worst of the k kept so far, which soon almost none does. Whole rows and argpartition, the obvious way, are many times slower.

Items are visited by falling norm. By Cauchy–Schwarz x·y ≤ |x||y|, so once no user of a strip can be reached by the largest norm that
is left, the rest of the catalogue is skipped; the answer stays exact. How much that saves depends on the spread of the norms.

Every product has the same shape (strips and tiles are padded) and BLAS runs on one thread in each of ours. So shards of users that
begin at multiples of STRIP give, on the same CPU class, the bytes that one call for all users gives; elsewhere the last digit of a
score may differ, since BLAS rounds by a row's place in the product.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.threads import blas_threads, cores

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]

STRIP, TILE = 256, 2048  # users × items of one product: 2 MB of scores a thread


def top_k(users: Float32, items: Float32, seen: csr_matrix, k: int, prune: bool = True) -> tuple[Int32, Float32]:
    """The k best unseen items of each user: ids int32[U, k] and scores float32[U, k], by falling score, then rising id.

    users float32[U, d], items float32[I, d]; seen: csr [U, I] whose stored entries, whatever their value, are left out. Where fewer
    than k items are left the row ends in id -1, score -inf. prune=False visits every tile, for measurement. Raises ValueError for
    vectors that are not finite or do not fit together.
    """
    if users.shape[1] != items.shape[1] or seen.shape != (len(users), len(items)):
        raise ValueError(f"users {users.shape}, items {items.shape} and seen {seen.shape} do not fit together")
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("user or item vectors hold NaN or infinity; the model that made them diverged")
    seen.sort_indices()
    norms = np.linalg.norm(items, axis=1)  # [I]
    order = np.argsort(-norms, kind="stable").astype(np.int32)
    sorted_items = np.zeros((-(-len(items) // TILE) * TILE, items.shape[1]), np.float32)
    sorted_items[: len(items)] = items[order]
    reach = norms[order] * np.float32(
        1 + 2.0**-22 * (items.shape[1] + 8)
    )  # a product in float32 may exceed |x||y| by so much
    ids, scores = _empty(len(users), k)
    idle = np.flatnonzero(~users.any(axis=1))
    scores[idle] = np.inf  # nothing beats that: they are not scanned and stop no pruning

    def strip(first: int) -> None:
        last = min(first + STRIP, len(users))
        rows = np.zeros((STRIP, users.shape[1]), np.float32)
        rows[: last - first] = users[first:last]
        lengths = np.linalg.norm(rows[: last - first], axis=1)
        tile = np.empty((STRIP, TILE), np.float32)
        for start in range(0, len(items), TILE):
            if prune and (lengths * reach[start] < scores[first:last, 0]).all():
                break
            np.matmul(rows, sorted_items[start : start + TILE].T, out=tile)
            _scan(
                tile,
                order[start : start + TILE],
                seen.indptr[first : last + 1],
                seen.indices,
                ids[first:last],
                scores[first:last],
            )
        _sort(ids[first:last], scores[first:last])

    if k > 0:
        with blas_threads(1), ThreadPoolExecutor(cores()) as pool:
            list(pool.map(strip, range(0, len(users), STRIP)))
    scores[idle] = -np.inf
    for user in idle:  # everything scores 0: the smallest unseen ids
        own = seen.indices[seen.indptr[user] : seen.indptr[user + 1]]
        first = np.setdiff1d(np.arange(min(k + len(own), len(items)), dtype=np.int32), own)[:k]
        ids[user, : len(first)], scores[user, : len(first)] = first, 0
    return ids, scores


def top_k_scores(scored: Float32, seen: csr_matrix, k: int) -> tuple[Int32, Float32]:
    """The same answer from scores that already exist: scored float32[U, I], for a block of users."""
    if np.isnan(scored).any():
        raise ValueError("scores hold NaN")
    seen.sort_indices()
    ids, scores = _empty(len(scored), k)
    if k > 0:
        _scan(scored, np.arange(scored.shape[1], dtype=np.int32), seen.indptr, seen.indices, ids, scores)
        _sort(ids, scores)
    return ids, scores


def _empty(rows: int, k: int) -> tuple[Int32, Float32]:
    return np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)


@njit(cache=True, nogil=True)
def _scan(tile: Any, tile_ids: Any, indptr: Any, indices: Any, ids: Any, scores: Any) -> None:
    """Offer a tile of scores float32[≥ U, ≥ T] to the heaps ids, scores [U, k]; the worst entry kept stands at the root."""
    for u in range(len(ids)):
        seen = indices[indptr[u] : indptr[u + 1]]
        for start in range(0, len(tile_ids), 64):
            stop = min(start + 64, len(tile_ids))
            worst, reached = scores[u, 0], 0
            for t in range(start, stop):  # no branch: the compiler compares 8 or 16 at once
                reached += tile[u, t] >= worst
            if reached == 0:
                continue
            for t in range(start, stop):
                score, item = tile[u, t], tile_ids[t]
                if score < scores[u, 0] or (score == scores[u, 0] and 0 <= ids[u, 0] < item) or score == -np.inf:
                    continue
                place = np.searchsorted(seen, item)
                if place == len(seen) or seen[place] != item:
                    _sink(ids[u], scores[u], len(ids[u]), item, score)


@njit(cache=True, nogil=True)
def _sink(ids: Any, scores: Any, size: int, item: int, score: float) -> None:
    """Put (score, item) in place of the heap's root and let it sink below everything worse (lower score, then higher id)."""
    hole, child = 0, 1
    while child < size:
        right = child + 1
        if right < size and (
            scores[right] < scores[child] or (scores[right] == scores[child] and ids[right] > ids[child])
        ):
            child = right
        if score < scores[child] or (score == scores[child] and item > ids[child]):
            break
        ids[hole], scores[hole] = ids[child], scores[child]
        hole, child = child, 2 * child + 1
    ids[hole], scores[hole] = item, score


@njit(cache=True, nogil=True)
def _sort(ids: Any, scores: Any) -> None:
    """Heaps into lists, best first: the worst goes to the last free place, again and again."""
    for u in range(len(ids)):
        for size in range(len(ids[u]) - 1, 0, -1):
            item, score = ids[u, size], scores[u, size]
            ids[u, size], scores[u, size] = ids[u, 0], scores[u, 0]
            _sink(ids[u], scores[u], size, item, score)
