"""Caps: a listener hears an ad at most so often a day. The bound that knows it, and yesterday as caps leave it.

Give each hearing of ad i by listener u a price μ too. For fixed λ the day then falls apart into listeners, whose breaks take their best
ads at price·(1−λ) − μ; the sum of these + Σ μ·cap + Σ λ·budget is at least what any feasible day earns, for every λ, μ ≥ 0. μ is found as
λ is (`bound.descend`): up where the listener would hear the ad too often, down where less often than allowed; the best μ seen is kept.

What μ says is also what a break should leave for another of the same listener. Without the candidates that it prices out, yesterday's
log teaches the pacer prices at which caps are kept already; the pacer itself need not know of them. And through the day each break
asks μ anew, of that listener's breaks since yesterday's midnight, with what is left of the caps stretched to as many breaks as are still
expected (`price_hearings`): an ad that may be heard twice should not be played at breakfast for want of anything better. How many those are
is counted and not known: the listener's last weeks, how yesterday's listeners strayed from theirs (`habits`), and today so far.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ad_targeting.bound import Dual, descend
from ad_targeting.records import MAX_SLOTS, Breaks, Floats, Log
from ad_targeting.rule import net_value, offer
from shared.clock import DAY_MS

TURNS, FIRST, LARGEST = 40, 4_000.0, 20_000.0
"""Steps of μ at most for one listener; micros of the first and of the largest."""
TRUST = 0.8
"""How much of μ counts, for the breaks to come are not those that were."""


class Capped(NamedTuple):
    """What holds all day: group int16[ads], cap int64[ads]; and the breaks of listener u, order[start[u]:start[u + 1]]."""

    group: Any
    cap: Any
    start: Any
    order: Any


class Room(NamedTuple):
    """Memory for one listener. μ now and the best so far, float64[ads]; hearings int64[ads]; the ads of its breaks
    int64[breaks, MAX_SLOTS] and how many, int64[breaks]."""

    price: Floats
    best: Floats
    hearings: Any
    ads: Any
    taken: Any


def new_room(ads: int, breaks: int) -> Room:
    """Room for listeners of so many breaks at most."""
    price, best = np.zeros((2, ads))
    places, taken = np.zeros((breaks, MAX_SLOTS), np.int64), np.zeros(breaks, np.int64)
    return Room(price, best, np.zeros(ads, np.int64), places, taken)


class History(NamedTuple):
    """What serving needs to price hearings: yesterday's log and today's, joined, and the rules of both; of each of today's breaks how many
    of the joined order precede it, int64[breaks], and how many more the listener is expected to have, float64[breaks]."""

    log: Log
    rules: Capped
    before: Any
    later: Floats
    floor: Floats
    room: Room


def habits(counts: Any, usual: Floats) -> tuple[float, float]:
    """The share of listeners who listen on a day, and the shape of the gamma factor by which the days differ on which one does; from a
    day's breaks int64[listeners] and the usual ones float64[listeners], > 0.

    The share is that of the quarter who listen most, whom a day on which they do hardly misses (a little low where days differ much).
    The shape is by moments: E x(x − 1) = usual² · (1 + 1 / shape) / share.
    """
    share = float(np.mean(counts[usual >= np.quantile(usual, 0.75)] > 0))
    spread = share * float((counts * (counts - 1)).sum() / (usual**2).sum()) - 1
    return share, 1 / max(spread, 0.01)


def make_history(yesterday: Log, today: Log, group: Any, cap: Any, usual: Floats) -> History:
    """Of a day to be served; usual float64[listeners]: breaks a day, on any scale. On some days a listener listens more than on others;
    each break of today says which day this is (a Poisson count under a gamma prior)."""
    columns: list[Any] = [np.concatenate(pair) for pair in zip(yesterday.breaks, today.breaks, strict=True)]
    first = np.concatenate([yesterday.first, today.first[1:] + yesterday.first[-1]])
    ad, price = (np.concatenate([getattr(log, name) for log in (yesterday, today)]) for name in ("ad", "price"))
    log, since, user = Log(Breaks(*columns), first, ad, price), yesterday.breaks.moment.size, today.breaks.user
    rules = capped(log, group, cap)
    before = np.argsort(rules.order)[since:]
    counts = np.bincount(yesterday.breaks.user, minlength=usual.size)
    usual = usual * (since / usual.sum())
    share, shape = habits(counts, usual)
    met, expected = before + 1 - rules.start[user] - counts[user], usual[user] / share
    passed = np.searchsorted(yesterday.breaks.moment % DAY_MS, today.breaks.moment % DAY_MS) / since
    later = expected * (1 - passed) * (shape + met) / (shape + expected * passed)
    room = new_room(len(cap), int(np.diff(rules.start).max()))
    return History(log, rules, before, later, np.zeros(log.breaks.moment.size), room)


def capped(log: Log, group: Any, cap: Any) -> Capped:
    """The rules of a day, and its breaks by listener."""
    start = np.concatenate([[0], np.cumsum(np.bincount(log.breaks.user))])
    return Capped(group, cap.astype(np.int64), start, np.argsort(log.breaks.user, kind="stable"))


def capped_dual(log: Log, budgets: Any, rules: Capped, shadow: Floats, floor: Any, kept: Any = None) -> Dual:
    """`bound.dual` with caps; kept bool[candidates], if given, becomes those that μ does not price out."""
    room, spend = new_room(shadow.size, int(np.diff(rules.start).max())), np.zeros(shadow.size, np.int64)
    value = _serve_listeners(log, rules, shadow, floor, room, spend, np.zeros(0, np.bool_) if kept is None else kept)
    return Dual(shadow, value + float(shadow @ budgets), spend)


def solve_capped(log: Log, budgets: Any, rules: Capped, floor: Any, start: Floats, rounds: int = 15) -> Dual:
    """`bound.solve` with caps, from prices that know none."""
    return descend(lambda shadow: capped_dual(log, budgets, rules, shadow, floor), budgets, start, rounds)


def as_caps_leave(log: Log, rules: Capped, shadow: Floats, floor: Any) -> Log:
    """The log without the candidates that μ prices out at λ."""
    kept = np.zeros(log.ad.size, np.bool_)
    capped_dual(log, shadow, rules, shadow, floor, kept)
    first = np.concatenate([[0], np.cumsum(kept)])[log.first]
    return Log(log.breaks, first, log.ad[kept], log.price[kept])


@njit(cache=True, nogil=True)
def _serve_listeners(log: Any, rules: Any, shadow: Any, floor: Any, room: Any, spend: Any, kept: Any) -> float:
    """Σ over listeners of their dual; adds to spend int64[ads] what they would pay, a cap's worth of an ad at most."""
    total = 0.0
    for u in range(rules.start.size - 1):
        at = rules.order[rules.start[u] : rules.start[u + 1]]
        total += _price_listener(log, at, rules, shadow, floor, room)
        _want(log, at, rules, shadow, floor, room.best, room)
        room.hearings[:] = 0
        for n in range(at.size):
            for k in range(log.first[at[n]], log.first[at[n] + 1]):
                i, played = log.ad[k], False
                for place in range(room.taken[n]):
                    played |= room.ads[n, place] == i
                if played:
                    room.hearings[i] += 1
                    played = room.hearings[i] <= rules.cap[i]
                    spend[i] += log.price[k] * played
                if kept.size > 0:
                    kept[k] = played or room.best[i] == 0.0
    return total


@njit(cache=True, nogil=True)
def _price_listener(log: Any, at: Any, rules: Any, shadow: Any, floor: Any, room: Any) -> float:
    """room.best becomes μ of the listener whose breaks are at[:]; returns its dual: what the breaks take + Σ μ·cap."""
    price, least = room.price, np.inf
    step, last = np.full(price.size, FIRST), np.zeros(price.size)
    price[:] = 0.0
    for _ in range(TURNS):
        value, moved = _want(log, at, rules, shadow, floor, price, room), False
        for i in range(price.size):
            value += price[i] * rules.cap[i]
        if value < least:
            least = value
            room.best[:] = price
        for i in range(price.size):
            sign = np.sign(room.hearings[i] - rules.cap[i])
            if sign > 0 or (sign < 0 and price[i] > 0.0):
                turned = sign * last[i]
                step[i] = min(step[i] * (1.2 if turned > 0 else 0.5 if turned < 0 else 1.0), LARGEST)
                price[i] = max(price[i] + sign * step[i], 0.0)
                last[i], moved = sign, True
        if not moved:
            break
    return least


@njit(cache=True, nogil=True)
def price_hearings(history: Any, b: int, user: int, shown: Any, shadow: Any, prices: Any) -> None:
    """Into prices float64[ads], micros: what a hearing of each ad is worth to the listener's breaks after break b of today."""
    rules, limits = history.rules, np.empty(prices.size)
    at = rules.order[rules.start[user] : history.before[b]]
    prices[:] = 0.0
    if at.size > 0 and history.later[b] > 0:
        for i in range(limits.size):
            limits[i] = (rules.cap[i] - shown[user, i]) * at.size / history.later[b]
        left = Capped(rules.group, limits, rules.start, rules.order)
        _price_listener(history.log, at, left, shadow, history.floor, history.room)
        prices[:] = TRUST * history.room.best


@njit(cache=True, nogil=True)
def _want(log: Any, at: Any, rules: Any, shadow: Any, floor: Any, price: Any, room: Any) -> float:
    """What each break takes at (λ, μ), into room.ads, taken and hearings; returns Σ net values."""
    total, values = 0.0, np.empty(MAX_SLOTS)
    room.hearings[:] = 0
    for n in range(at.size):
        b = at[n]
        taken, least, slots = 0, 0.0, log.breaks.slots[b]
        for k in range(log.first[b], log.first[b + 1]):
            if log.price[k] - floor[b] <= least:
                break  # the rest is cheaper, and λ, μ ≥ 0
            i = np.int64(log.ad[k])
            value = net_value(log.price[k], shadow[i], floor[b]) - price[i]
            if value > least and rules.cap[i] > 0:
                taken = offer(room.ads[n], values, taken, slots, i, value, rules.group)
                if taken == slots:
                    least = values[taken - 1]
        for place in range(taken):
            total += values[place]
            room.hearings[room.ads[n, place]] += 1
        room.taken[n] = taken
    return total
