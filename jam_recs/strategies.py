"""The rules one would take instead: how a queue is picked from what each member likes. All share one signature, so that all can be judged.

likings float64[members, tracks] ≥ 0, 1 as good as it gets for that member; the answer is columns in playing order, int64[want]. Equal
gains go to the lower column, so callers that care about ties shuffle the columns.

Aggregations score a track once: average, most pleasure, least misery, multiplicative (Masthoff 2011), Borda (mean ranks where tied).
List builders look at what was picked: round robin, GFAR (Kaya, Bridge and Tintarev 2020), SDAA (Stratigi et al. 2021), EP-FuzzDA
(Malecek and Peska 2021), and ours.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from jam_recs.rerank import DECAY, EPSILON, greedy

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Aggregation = Callable[[Float64], Float64]
Gain = Callable[[Float64, Int64], Float64]

FLOOR = 1e-3  # a product forgives nothing: one zero would make all tracks equal
GFAR_LIST = 300  # tracks of a member that GFAR calls relevant at all

AGGREGATIONS: dict[str, Aggregation] = {
    "average": lambda liking: liking.mean(axis=0),
    "least-misery": lambda liking: liking.min(axis=0),
    "most-pleasure": lambda liking: liking.max(axis=0),
    "multiplicative": lambda liking: np.log(liking + FLOOR).sum(axis=0),
    "borda": lambda liking: rankdata(liking, axis=1).sum(axis=0),
}


def queue(name: str, liking: Float64, want: int) -> Int64:
    """`want` columns by strategy `name`: one of STRATEGIES, or `alpha-2.5` for ours at that slider."""
    want = min(want, liking.shape[1])
    if name in AGGREGATIONS:
        order: Int64 = np.argsort(-AGGREGATIONS[name](liking), kind="stable")[:want]
        return order
    if name.startswith("alpha-"):
        return alpha_fair(liking, want, float(name.removeprefix("alpha-")))
    if name == "gfar":
        liking = _gfar_relevance(liking)
    return _step_by_step(liking, want, BUILDERS[name])


def alpha_fair(liking: Float64, want: int, alpha: float, level: Float64 | None = None) -> Int64:
    """Our greedy without a catalogue: every column an artist of its own, no flow; level: what each member has had (none yet)."""
    own, none = np.arange(liking.shape[1]), np.empty(0, np.int64)
    flow, start = np.zeros((liking.shape[1], 2), np.float32), np.full(2, np.nan, np.float32)
    level = np.zeros(len(liking)) if level is None else level
    picks: Int64 = greedy(
        liking.astype(np.float32), level, alpha, own, own, none, flow, start, 0.0, want, DECAY, EPSILON
    )[0]
    return picks


def _step_by_step(liking: Float64, want: int, gain: Gain) -> Int64:
    picks = np.empty(0, np.int64)
    for _ in range(want):
        gains = gain(liking, picks)
        gains[picks] = -np.inf
        picks = np.append(picks, np.argmax(gains))
    return picks


def _round_robin(liking: Float64, picks: Int64) -> Float64:
    turn: Float64 = liking[len(picks) % len(liking)].copy()
    return turn


def _gfar_relevance(liking: Float64) -> Float64:
    """p(relevant | member, track): Borda points within the member's first GFAR_LIST, scaled to the sum 1."""
    points = np.maximum(rankdata(liking, axis=1) - (liking.shape[1] - GFAR_LIST), 0)
    relevance: Float64 = points / np.maximum(points.sum(axis=1, keepdims=True), 1e-12)
    return relevance


def _gfar(relevance: Float64, picks: Int64) -> Float64:
    """What a track adds to Σ_u P(at least one track of the list is relevant to u)."""
    nothing_yet = np.prod(1 - relevance[:, picks], axis=1)
    gains: Float64 = nothing_yet @ relevance
    return gains


def _sdaa(liking: Float64, picks: Int64) -> Float64:
    """(1 − a)·average + a·least, with a the gap between the most and the least satisfied by the last track."""
    gap = np.clip(np.ptp(liking[:, picks[-1]]), 0, 1) if len(picks) else 0.0
    gains: Float64 = (1 - gap) * liking.mean(axis=0) + gap * liking.min(axis=0)
    return gains


def _ep_fuzzda(liking: Float64, picks: Int64) -> Float64:
    """The part of a track's likings that stays within each member's equal share of everything given so far, the track included."""
    given = liking[:, picks].sum(axis=1)
    total = given.sum() + liking.sum(axis=0)  # [tracks]
    room = np.maximum(total / len(liking) - given[:, None], 0)  # [members, tracks]
    gains: Float64 = np.minimum(liking, room).sum(axis=0)
    return gains


BUILDERS: dict[str, Gain] = {"round-robin": _round_robin, "gfar": _gfar, "sdaa": _sdaa, "ep-fuzzda": _ep_fuzzda}
STRATEGIES = (*AGGREGATIONS, *BUILDERS)
