"""α-fair greedy: the next track is the one that the members who had least lately like most.

Of what member u has been given, older tracks count less: level U ← DECAY · U + liking. The weight of u is (U + ε)^−α: α = 0 is the
plain average, α = 1 proportional fairness (Nash), large α looks at the worst-off alone (Mo and Walrand 2000). The level is carried on
over the whole session, not begun anew with each list: a rule that is fair a list can let the same member lose every time.

`greedy` is plain loops that numba compiles: picks × pool × members steps, well under a millisecond for 20 × 2,000 × 8.
"""

from typing import Any

import numpy as np
from numba import njit

from jam_recs.constraints import ARTIST_WINDOW, PER_ARTIST

DECAY = 0.95  # half forgotten after 13 tracks
EPSILON = 0.3  # in likings; what keeps the first pick from being a lottery
ALPHA = 3.0
FLOW = 0.02  # cost of one standard deviation of tempo and energy from a track to the next, in likings


@njit(cache=True, nogil=True)
def levels(liking: Any, joined: Any, decay: float = DECAY) -> Any:
    """What each member has had lately, float64[members], from the likings float32[members, tracks] of all tracks so far.

    joined int64[members]: how many of these tracks had begun when the member came. Until then he has no level; then he is given the
    mean of those present, or he would own the queue until he had caught up. Members who left are simply not among the rows.
    """
    members, tracks = liking.shape
    level, present = np.zeros(members), joined <= 0
    for track in range(tracks + 1):
        mean = level[present].mean() if present.any() else 0.0
        for u in range(members):
            if joined[u] == track and not present[u]:
                level[u], present[u] = mean, True
            if track < tracks and present[u]:
                level[u] = decay * level[u] + liking[u, track]
    return level


@njit(cache=True, nogil=True)
def weights(level: Any, alpha: float, epsilon: float) -> Any:
    """(level + ε)^−α of each member, scaled to the sum 1; computed in logarithms, so that any α is finite."""
    exponent = -alpha * np.log(np.maximum(level, 0) + epsilon)
    weight = np.exp(exponent - exponent.max())
    return weight / weight.sum()


@njit(cache=True, nogil=True)
def greedy(
    liking: Any, level: Any, alpha: float, artist: Any, recording: Any, before: Any, flow: Any, start: Any, flow_cost: float,
    want: int, decay: float, epsilon: float,
) -> Any:  # fmt: skip
    """Up to `want` columns of liking float32[members, pool], in playing order, and whom each serves most: int64[≤ want] both.

    artist, recording: int[pool]; before: the artists int64[≤ 9] that stand right in front, oldest first; flow float32[pool, 2] and
    start float32[2]: tempo and energy of the pool and of the track in front (NaN: none). Equal gains go to the lower column. Ends early
    when no column is left that the artist rules allow. `level` float64[members] is not changed.
    """
    members, pool = liking.shape
    had, taken = level.copy(), np.zeros(pool, np.bool_)
    front, last = np.full(ARTIST_WINDOW - 1 + want, -1, np.int64), start.copy()
    front[ARTIST_WINDOW - 1 - len(before) : ARTIST_WINDOW - 1] = before
    picks, served = np.empty(want, np.int64), np.empty(want, np.int64)
    for place in range(want):
        weight = weights(had, alpha, epsilon)
        window = front[place : place + ARTIST_WINDOW - 1]  # what stands in the last nine places
        gains, chosen, most = np.zeros(pool), -1, -np.inf
        for u in range(members):
            gains += weight[u] * liking[u]
        for t in range(pool):
            gain = gains[t]  # flow only takes from it: most columns need no further look
            if gain <= most or taken[t] or not _spaced(artist[t], window):
                continue
            if flow_cost > 0 and not np.isnan(last[0]):
                gain -= flow_cost * np.sqrt((flow[t, 0] - last[0]) ** 2 + (flow[t, 1] - last[1]) ** 2)
            if gain > most:
                chosen, most = t, gain
        if chosen < 0:
            return picks[:place], served[:place]
        picks[place], served[place] = chosen, np.argmax(weight * liking[:, chosen])
        front[place + ARTIST_WINDOW - 1] = artist[chosen]
        last = flow[chosen]
        for t in range(pool):
            taken[t] |= recording[t] == recording[chosen]
        for u in range(members):
            had[u] = decay * had[u] + liking[u, chosen]
    return picks, served


@njit(cache=True, nogil=True)
def _spaced(artist: int, window: Any) -> bool:
    """May `artist` follow these nine?"""
    if window[-1] == artist:
        return False
    count = 0
    for other in window:
        count += other == artist
    return count < PER_ARTIST
