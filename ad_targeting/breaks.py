"""Which ads a break plays: the most value that fits its slots and its length, no two of one category or one advertiser. Exact.

With equal spots and one category an advertiser the best of each category, best first, is the optimum (`rule.offer`). Spots of 15 and
30 seconds, and a house of brands under several categories, make it a small knapsack with conflicts: greedy is wrong there, and with four
slots a search is cheap. Candidates go best first; a branch is left when even the next best values could not beat what was found.
"""

from typing import Any

import numpy as np
from numba import njit

from ad_targeting.records import MAX_SLOTS


@njit(cache=True, nogil=True)
def assemble(
    ads: Any, values: Any, count: int, category: Any, advertiser: Any, length: Any, slots: int, room: int, chosen: Any
) -> int:
    """The best break from candidates ads[:count]: positions into `ads` go to chosen int64[≥ slots], best first; returns how many.

    values float64[count], micros; those ≤ 0 never play, nor does NaN. category, advertiser, length (ms) are columns of the campaigns;
    room is the break's ms. Of equal breaks the one whose best ads are earlier in (value descending, index ascending) wins.
    """
    order = np.empty(count, np.int64)
    kept = _best_first(ads, values, count, order)
    at = np.zeros(MAX_SLOTS + 1, np.int64)  # next candidate to try at each depth
    path = np.empty(MAX_SLOTS, np.int64)
    total = np.zeros(MAX_SLOTS + 1)
    left = np.full(MAX_SLOTS + 1, room)
    best, taken, depth = 0.0, 0, 0
    while depth >= 0:
        k = at[depth]
        if depth == slots or k >= kept or _at_most(total[depth], values, order, k, kept, slots - depth) <= best:
            depth -= 1
            continue
        at[depth] = k + 1
        ad = ads[order[k]]
        if length[ad] > left[depth] or _clashes(ads, path, depth, ad, category, advertiser):
            continue
        path[depth] = order[k]
        total[depth + 1] = total[depth] + values[order[k]]
        left[depth + 1] = left[depth] - length[ad]
        depth += 1
        at[depth] = k + 1
        if total[depth] > best:
            best, taken = total[depth], depth
            chosen[:depth] = path[:depth]
    return taken


@njit(cache=True, nogil=True, inline="always")
def _best_first(ads: Any, values: Any, count: int, order: Any) -> int:
    """Positions of the candidates with a value above 0, by value descending, ad ascending; returns how many."""
    kept = 0
    for k in range(count):
        if not values[k] > 0.0:
            continue
        place = kept
        while place > 0 and (
            values[order[place - 1]] < values[k]
            or (values[order[place - 1]] == values[k] and ads[order[place - 1]] > ads[k])
        ):
            order[place] = order[place - 1]
            place -= 1
        order[place] = k
        kept += 1
    return kept


@njit(cache=True, nogil=True, inline="always")
def _at_most(total: float, values: Any, order: Any, k: int, kept: int, more: int) -> float:
    """No break gains more from candidate k on than the next `more` values; added in a break's own order, so rounding cannot prune it."""
    for j in range(k, min(k + more, kept)):
        total += values[order[j]]
    return total


@njit(cache=True, nogil=True, inline="always")
def _clashes(ads: Any, path: Any, depth: int, ad: int, category: Any, advertiser: Any) -> bool:
    clash = False
    for j in range(depth):
        other = ads[path[j]]
        if category[other] == category[ad] or advertiser[other] == advertiser[ad]:
            clash = True
    return clash
