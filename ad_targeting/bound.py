"""The most that any policy could have earned in a day, certified: weak duality holds for every price.

Give each budget a price λ_i for a micro of it. For fixed λ the day falls apart into breaks, each of which takes the ads with the
best price·(1−λ); the sum of these, plus λ·budgets, is at least what any feasible allocation earns (budgets hold, so the λ terms
only add). So one pass over the log certifies; a solver is needed only to find a good λ. Ours raises the price of what is overspent
and lowers that of what is not, in log space, with a step per budget that grows while its sign keeps and halves when it turns
(Rprop); the best λ seen is kept.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ad_targeting.records import MAX_SLOTS, Floats, Int64, Log
from ad_targeting.rule import net_value, offer


class Dual(NamedTuple):
    """A point of the dual: prices float64[ads] in [0, 1], the bound in micros, what the breaks would spend at them."""

    shadow: Floats
    bound: float
    spend: Int64


def dual(log: Log, budgets: Any, group: Any, shadow: Floats, floor: Any) -> Dual:
    """The bound at prices `shadow`; floor float64[breaks] is what a slot must beat; group int16[ads]: one of a group in a break."""
    spend, none = np.zeros(shadow.size, np.int64), np.zeros((0, MAX_SLOTS), np.int64)
    value = _serve_freely(log, shadow, floor, group, spend, none, none)
    return Dual(shadow, value + float(shadow @ budgets), spend)


class Spots(NamedTuple):
    """The impressions of a dual point, each [impressions]: break ascending, ad, price in micros."""

    position: Int64
    ad: Int64
    price: Int64


def spots(log: Log, group: Any, shadow: Floats, floor: Any) -> Spots:
    """What the breaks would play at prices `shadow` if budgets were bottomless."""
    shape = (log.breaks.moment.size, MAX_SLOTS)
    ads, prices, spend = np.full(shape, -1, np.int64), np.zeros(shape, np.int64), np.zeros(shadow.size, np.int64)
    _serve_freely(log, shadow, floor, group, spend, ads, prices)
    position, place = np.nonzero(ads >= 0)
    return Spots(position, ads[position, place], prices[position, place])


def solve(log: Log, budgets: Any, group: Any, floor: Any, start: Floats | None = None, rounds: int = 80) -> Dual:
    """Prices with a bound close to the least; budgets float64 or int64[ads] > 0."""
    first = np.full(len(budgets), 0.3) if start is None else start
    return descend(lambda shadow: dual(log, budgets, group, shadow, floor), budgets, first, rounds)


def descend(evaluate: Callable[[Floats], Dual], budgets: Any, start: Floats, rounds: int) -> Dual:
    """The best of `rounds` points of a dual, each a step from the one before."""
    keep = 1 - start  # the share of its price that an ad bids
    steps, sign = np.full(keep.size, 0.1), np.zeros(keep.size)
    best = evaluate(1 - keep)
    found = best
    for _ in range(rounds - 1):
        ratio = np.log(np.maximum(budgets, 1) / np.maximum(found.spend, 1))  # > 0: underspent
        turned = np.sign(ratio) * sign
        steps = np.clip(np.where(turned > 0, steps * 1.2, np.where(turned < 0, steps * 0.5, steps)), 1e-5, 0.3)
        sign = np.sign(ratio)
        keep = np.clip(keep * np.exp(steps * np.clip(ratio * 5, -1, 1)), 1e-6, 1.0)
        found = evaluate(1 - keep)
        if found.bound < best.bound:
            best = found
    return best


@njit(cache=True, nogil=True)
def _serve_freely(log: Any, shadow: Any, floor: Any, group: Any, spend: Any, played: Any, prices: Any) -> float:
    """Each break takes its best ads as if budgets were bottomless: returns Σ net values, adds prices to spend int64[ads], and notes the
    ads and prices in played and prices int64[breaks, MAX_SLOTS], if these have rows."""
    first, ad, price, slots = log.first, log.ad, log.price, log.breaks.slots
    ads, values, paid = np.empty(MAX_SLOTS, np.int64), np.empty(MAX_SLOTS), np.zeros(shadow.size, np.int64)
    total = 0.0
    for b in range(slots.size):
        taken, least = 0, 0.0
        for k in range(first[b], first[b + 1]):
            if price[k] - floor[b] <= least:
                break  # the rest is cheaper, and λ ≥ 0
            value = net_value(price[k], shadow[ad[k]], floor[b])
            if value > least:
                paid[ad[k]] = price[k]
                taken = offer(ads, values, taken, slots[b], ad[k], value, group)
                if taken == slots[b]:
                    least = values[taken - 1]
        for k in range(taken):
            total += values[k]
            spend[ads[k]] += paid[ads[k]]
            if played.shape[0] > 0:
                played[b, k], prices[b, k] = ads[k], paid[ads[k]]
    return total
