"""At join: which tracks might a member like, out of all of them? Exact, by one product of the catalogue with the member's vector.

Discover Weekly publishes a vector for every listener and every track; x_u·y_t says how likely u plays t. A party has few joins and many
refills, so the join pays: a million dot products read 256 MB once, in blocks over all cores, and only the best POOL rows are kept.
Everything later (skip, veto, leave) re-ranks what the members brought and touches the catalogue no more.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

import shared.threads  # noqa: F401  thread counts, before numba starts its threads
from jam_recs.catalogue import Catalogue, Float32, Rows

POOL = 2_000  # tracks that a member brings, and tracks that one refill looks at
IDEAL = 24  # a member's ideal queue: as long as a party of an hour and a half
BLOCK = 8_192  # rows of one task: 2 MB of vectors
SAMPLE = 16_384  # scores that a cut is guessed from


class Pool(NamedTuple):
    """What one member brought: the best rows by falling score, and the score that their ideal queue has on average."""

    vector: Float32  # [factors]
    rows: Rows  # [≤ POOL]
    scores: Float32  # [≤ POOL], falling
    ideal: float  # mean of the first IDEAL scores; > 0


def retrieve(catalogue: Catalogue, vector: Float32, size: int = POOL) -> Pool:
    """The member's pool: the `size` best of all rows that have a vector, by falling score, then rising row.

    A vector of zeros (nobody knows this person) gives every track the same score; callers hand in the mean listener instead.
    Raises ValueError for a vector that does not fit or is not finite.
    """
    if vector.shape != catalogue.vectors.shape[1:] or not np.isfinite(vector).all():
        raise ValueError(f"vector of shape {vector.shape}: expected finite float32[{catalogue.vectors.shape[1]}]")
    scores = score_all(catalogue.vectors, np.ascontiguousarray(vector, np.float32))
    scores[scores == 0] = -np.inf  # exactly 0: a track without a vector
    rows = best(scores, size)
    rows = rows[scores[rows] > -np.inf]
    kept = scores[rows]
    ideal = float(np.maximum(kept[:IDEAL], 0).mean()) if len(rows) else 0.0
    return Pool(vector, rows, kept, ideal if ideal > 0 else 1.0)


def score_all(vectors: Float32, vector: Float32) -> Float32:
    """float32[tracks] of dot products; blocks of fixed bounds, so the same bytes whatever the number of threads."""
    scores = np.empty(len(vectors), np.float32)
    _score_blocks(vectors, vector, scores)
    return scores


@njit(parallel=True, fastmath=True, cache=True)
def _score_blocks(vectors: Any, vector: Any, scores: Any) -> None:
    for block in prange((len(vectors) + BLOCK - 1) // BLOCK):
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(vectors))):
            total = np.float32(0)
            for k in range(len(vector)):
                total += vectors[row, k] * vector[k]
            scores[row] = total


def best(scores: Float32, count: int) -> Rows:
    """Rows of the `count` largest scores, by falling score, then rising row.

    A cut guessed from a sample lets about twice as many through, and only those are sorted; where it lets too few through
    (many equal scores, a small catalogue) all are.
    """
    step = max(1, len(scores) // SAMPLE)
    sample = scores[::step]
    wanted = min(len(sample), 2 * count // step + 32)
    cut = np.partition(sample, len(sample) - wanted)[len(sample) - wanted] if wanted else np.float32(-np.inf)
    passed = np.flatnonzero(scores >= cut)
    if len(passed) < min(count, len(scores)):
        passed = np.arange(len(scores))
    order = np.lexsort((passed, -scores[passed]))
    return passed[order[:count]]


def in_turns(pools: Sequence[Pool], tracks: int) -> Rows:
    """All distinct rows that the members brought: in turn the best of each, then the second of each … int64[≤ members · POOL].

    Turns and not scores decide who comes first: a heavy listener's numbers are larger, not their taste better.
    """
    if not pools:
        return np.empty(0, np.int64)
    brought = np.full((len(pools), max(len(pool.rows) for pool in pools)), -1, np.int64)
    for member, pool in enumerate(pools):
        brought[member, : len(pool.rows)] = pool.rows
    rows: Rows = _first_seen(brought.T.ravel(), np.zeros(tracks, np.bool_))
    return rows


@njit(cache=True, nogil=True)
def _first_seen(rows: Any, seen: Any) -> Any:
    """The rows ≥ 0 in order, each once; `seen` bool[tracks] is scratch."""
    kept, count = np.empty(len(rows), np.int64), 0
    for row in rows:
        if row >= 0 and not seen[row]:
            seen[row] = True
            kept[count] = row
            count += 1
    return kept[:count]


@njit(cache=True, nogil=True, fastmath=True)
def products(tastes: Any, vectors: Any, rows: Any) -> Any:
    """tastes float32[members, factors] · vectors[rows]: float32[members, rows]. A few thousand rows: no BLAS threads to wake."""
    scores = np.zeros((len(tastes), len(rows)), np.float32)
    for place in range(len(rows)):
        vector = vectors[rows[place]]
        for member in range(len(tastes)):
            total = np.float32(0)
            for k in range(len(vector)):
                total += tastes[member, k] * vector[k]
            scores[member, place] = total
    return scores


@njit(cache=True, nogil=True, fastmath=True)
def nearness(vectors: Any, rows: Any, targets: Any) -> Any:
    """How much vectors[rows] point where each of vectors[targets] does: squared cosines, 0 where apart; float32[targets, rows]."""
    near = np.zeros((len(targets), len(rows)), np.float32)
    for place in range(len(rows)):
        vector = vectors[rows[place]]
        for target in range(len(targets)):
            other, product, length, own = vectors[targets[target]], np.float32(0), np.float32(1e-30), np.float32(0)
            for k in range(len(vector)):
                product += vector[k] * other[k]
                length += other[k] * other[k]
                own += vector[k] * vector[k]
            if product > 0:
                near[target, place] = product * product / (length * own)
    return near
