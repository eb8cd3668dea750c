"""A day's state, and the kernel that serves breaks one after another at given prices: the online rule, a million slots a second.

Budgets are integers and an ad plays only while its whole price is left, so nothing is ever overspent. Caps are counters per user and ad.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting.caps import price_hearings
from ad_targeting.records import MAX_SLOTS, Floats, Int64
from ad_targeting.rule import net_value, offer


class State(NamedTuple):
    """What a day has used up so far: micros left int64[ads], impressions uint8[users, ads] (no rows: caps are not kept)."""

    left: Int64
    shown: NDArray[np.uint8]


def new_state(budgets: Any, users: int, caps: bool) -> State:
    """The state at the beginning of a day."""
    return State(budgets.astype(np.int64), np.zeros((users if caps else 0, budgets.size), np.uint8))


@njit(cache=True, nogil=True)
def serve(log: Any, low: int, high: int, state: State, rule: Any, played: Any, history: Any = None) -> int:
    """Serve breaks low..high of a Log; played int16[breaks, MAX_SLOTS] receives the ads, -1 for silence. With a `caps.History` an ad
    must also be worth more than its hearing would be to the listener's later breaks. Returns the revenue, micros."""
    first, ad, price, user, slots = log.first, log.ad, log.price, log.breaks.user, log.breaks.slots
    left, shown = state
    capped = shown.shape[0] > 0
    ads, values, paid = np.empty(MAX_SLOTS, np.int64), np.empty(MAX_SLOTS), np.zeros(left.size, np.int64)
    revenue, hearing = 0, np.zeros(left.size)
    for b in range(low, high):
        if history is not None:
            price_hearings(history, b, user[b], shown, rule.shadow, hearing)
        taken, least, count = 0, 0.0, slots[b]
        for k in range(first[b], first[b + 1]):
            i = ad[k]
            if price[k] - rule.floor[b] <= least:
                break  # the rest is cheaper, and λ ≥ 0
            value = net_value(price[k], rule.shadow[i], rule.floor[b]) - hearing[i]
            if value <= least or left[i] < price[k] or (capped and shown[user[b], i] >= rule.cap[i]):
                continue
            if rule.chance[i] < 1.0 and coin(b, i) >= rule.chance[i]:
                continue
            paid[i] = price[k]
            taken = offer(ads, values, taken, count, i, value, rule.group)
            if taken == count:
                least = values[taken - 1]
        for k in range(taken):
            i = ads[k]
            left[i] -= paid[i]
            revenue += paid[i]
            played[b, k] = i
            if capped:
                shown[user[b], i] += 1
    return revenue


class Rule(NamedTuple):
    """What the kernel decides by: λ float64[ads], floor float64[breaks] (micros), group int16[ads], cap int16[ads], and for
    throttling the chance float64[ads] to take part at all."""

    shadow: Floats
    floor: Floats
    group: Any
    cap: Any
    chance: Floats


@njit(cache=True, nogil=True)
def coin(b: int, i: int) -> float:
    """A uniform number in [0, 1) that belongs to a break and an ad (SplitMix64's finaliser)."""
    z = np.uint64(b) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(i) * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)
