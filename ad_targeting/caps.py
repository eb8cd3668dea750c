"""Caps: a listener hears an ad at most so often a day. The bound that knows it, and the look-ahead that does not waste a hearing.

For fixed λ the day falls apart into listeners, and each is an assignment of ads, with as many copies as their cap allows, to slots.
Its dual is an auction (Bertsekas): every hearing of an ad has a price μ ≥ 0 for this listener; whatever is wanted more often than
its cap becomes dearer until it is not. Prices only rise, and stay below those of the optimum, so where the auction ends is the
optimum within a few micros; and any μ at all gives a valid bound: Σ net values at (λ, μ) + Σ μ·cap + Σ λ·budget.

Online the same auction runs when a break comes, over this break and the listener's breaks of yesterday from this time of day on:
one sample of what may still come. An ad whose hearing is worth more later is kept for later.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ad_targeting.bound import Dual, Floats, descend
from ad_targeting.records import MAX_SLOTS, Breaks, Log
from ad_targeting.rule import net_value, offer
from ad_targeting.serve import Rule, State

STEP = 20.0
"""Micros that a price rises beyond what the auction needs, so that ties end."""
ROUNDS, AHEAD = 200, 30
"""Rounds of the auction at most: for the bound, and online."""


class ByUser(NamedTuple):
    """The breaks of user u in their order: order[start[u]:start[u + 1]]."""

    start: Any
    order: Any


def by_user(breaks: Breaks, users: int) -> ByUser:
    """An index of breaks by their user."""
    start = np.concatenate([[0], np.cumsum(np.bincount(breaks.user, minlength=users))])
    return ByUser(start, np.argsort(breaks.user, kind="stable"))


def capped_dual(log: Log, budgets: Any, group: Any, cap: Any, users: ByUser, shadow: Floats, floor: Any) -> Dual:
    """`bound.dual` where a user may have ad i at most cap[i] times."""
    spend = np.zeros(shadow.size, np.int64)
    value = _serve_users(log, users, cap, Rule(shadow, floor, group, cap, shadow), spend)
    return Dual(shadow, value + float(shadow @ budgets), spend)


def solve_capped(
    log: Log, budgets: Any, group: Any, cap: Any, users: ByUser, floor: Any, start: Floats, rounds: int = 25
) -> Dual:
    """`bound.solve` with caps."""
    return descend(
        lambda shadow: capped_dual(log, budgets, group, cap, users, shadow, floor), budgets, start, rounds, 0.1
    )


@njit(cache=True, nogil=True)
def _serve_users(log: Any, users: Any, cap: Any, rule: Any, spend: Any) -> float:
    """Σ over users of the value of their auction's dual; adds what they would spend."""
    ads = cap.size
    longest = 1
    for u in range(users.start.size - 1):
        longest = max(longest, users.start[u + 1] - users.start[u])
    chosen, values = np.empty((longest, MAX_SLOTS), np.int64), np.empty((longest, MAX_SLOTS))
    taken, hearing, used = np.empty(longest, np.int64), np.zeros(ads), np.zeros(ads, np.int64)
    total = 0.0
    for u in range(users.start.size - 1):
        at = users.order[users.start[u] : users.start[u + 1]]
        auction(log, at, rule, cap, hearing, used, chosen, values, taken, ROUNDS)
        for n in range(at.size):
            for k in range(taken[n]):
                total += values[n, k]
                spend[chosen[n, k]] += price_of(log, at[n], chosen[n, k])
        for i in range(ads):
            total += hearing[i] * cap[i]
    return total


@njit(cache=True, nogil=True)
def price_of(log: Any, b: int, ad: int) -> int:
    """What a candidate of break b pays."""
    for k in range(log.first[b], log.first[b + 1]):
        if log.ad[k] == ad:
            return int(log.price[k])
    return 0


@njit(cache=True, nogil=True)
def auction(
    log: Any, at: Any, rule: Any, room: Any, hearing: Any, used: Any, chosen: Any, values: Any, taken: Any, rounds: int
) -> None:
    """Assign ads to the breaks at[:], ad i at most room[i] times: fills hearing float64[ads] (the prices μ), used int64[ads], and
    for each break chosen and values [n, MAX_SLOTS] (net of μ) with taken[n] entries."""
    hearing[:] = 0.0
    for _ in range(rounds):
        used[:] = 0
        for n in range(at.size):
            taken[n] = _best(log, at[n], rule, room, hearing, chosen[n], values[n])
            for k in range(taken[n]):
                used[chosen[n, k]] += 1
        calm = True
        for n in range(at.size):
            for k in range(taken[n]):
                i = chosen[n, k]
                if used[i] > room[i]:
                    calm = False
                    hearing[i] += _margin(log, at, rule, room, hearing, chosen, values, taken, i) + STEP
                    used[i] = 0  # done in this round
        if calm:
            break


@njit(cache=True, nogil=True)
def _best(log: Any, b: int, rule: Any, room: Any, hearing: Any, ads: Any, values: Any) -> int:
    """The best ads of a break at the prices λ and μ."""
    taken, least, count = 0, 0.0, log.breaks.slots[b]
    for k in range(log.first[b], log.first[b + 1]):
        i = log.ad[k]
        if log.price[k] - rule.floor[b] <= least:
            break
        value = net_value(log.price[k], rule.shadow[i], rule.floor[b]) - hearing[i]
        if value > least and room[i] > 0:
            taken = offer(ads, values, taken, count, i, value, rule.group)
            if taken == count:
                least = values[taken - 1]
    return taken


@njit(cache=True, nogil=True)
def _margin(
    log: Any, at: Any, rule: Any, room: Any, hearing: Any, chosen: Any, values: Any, taken: Any, ad: int
) -> Any:
    """By how much ad's hearings must become dearer so that no more than room[ad] breaks want it: the (room + 1)-th largest of
    what the breaks lose without it."""
    largest = np.full(room[ad] + 1, -1.0)
    for n in range(at.size):
        for k in range(taken[n]):
            if chosen[n, k] == ad:
                loss = values[n, k] - _instead(log, at[n], rule, room, hearing, chosen[n], taken[n], k)
                for place in range(largest.size):
                    if loss > largest[place]:
                        loss, largest[place] = largest[place], loss
    return max(largest[-1], 0.0)


@njit(cache=True, nogil=True)
def _instead(log: Any, b: int, rule: Any, room: Any, hearing: Any, ads: Any, taken: int, gone: int) -> float:
    """The value of what would play in a break instead of its ad at place `gone`; 0 for silence."""
    best = 0.0
    for k in range(log.first[b], log.first[b + 1]):
        i = log.ad[k]
        if log.price[k] - rule.floor[b] <= best:
            break
        value = net_value(log.price[k], rule.shadow[i], rule.floor[b]) - hearing[i]
        if value > best and room[i] > 0 and i != ads[gone]:
            free = True
            for place in range(taken):
                if place != gone and rule.group[ads[place]] == rule.group[i]:
                    free = False
            if free:
                best = value
    return best


@njit(cache=True, nogil=True)
def serve_capped(
    log: Any, low: int, high: int, state: State, rule: Rule, played: Any, ahead: ByUser, shift: int, since: int
) -> int:
    """`serve.serve` with look-ahead. log holds today's breaks and, from index `shift` on, yesterday's; ahead indexes the latter by user;
    those later in their day than `since` (ms) may come again."""
    ads = state.left.size
    longest = 1
    for u in range(ahead.start.size - 1):
        longest = max(longest, 1 + ahead.start[u + 1] - ahead.start[u])
    at, taken = np.empty(longest, np.int64), np.empty(longest, np.int64)
    chosen, values = np.empty((longest, MAX_SLOTS), np.int64), np.empty((longest, MAX_SLOTS))
    hearing, used, room = np.zeros(ads), np.zeros(ads, np.int64), np.zeros(ads, np.int64)
    revenue = 0
    for b in range(low, high):
        u = log.breaks.user[b]
        for i in range(ads):
            room[i] = rule.cap[i] - state.shown[u, i]
        for k in range(log.first[b], log.first[b + 1]):
            if state.left[log.ad[k]] < log.price[k]:
                room[log.ad[k]] = 0
        at[0], count = b, 1
        for n in range(ahead.start[u], ahead.start[u + 1]):
            if log.breaks.moment[shift + ahead.order[n]] % 86_400_000 > since:
                at[count] = shift + ahead.order[n]
                count += 1
        auction(log, at[:count], rule, room, hearing, used, chosen, values, taken, AHEAD)
        for k in range(taken[0]):
            i = chosen[0, k]
            paid = price_of(log, b, i)
            state.left[i] -= paid
            state.shown[u, i] += 1
            revenue += paid
            played[b, k] = i
    return revenue
