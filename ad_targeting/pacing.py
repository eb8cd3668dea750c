"""Our prices: yesterday's dual, solved again and again through the day on what remains.

Every half hour, and more often towards the end, the dual is solved on a sample of yesterday's breaks from this time of day on,
scaled to the traffic that today has, with what is left of the budgets (Balseiro, Kumar, Mirrokni and others, «Robust Budget Pacing
with a Single Sample»: one sample of the past is enough for near-optimal regret). So a wrong forecast, an outage or an edited budget
corrects itself. Each solve has its own sample and thus its own noise: the control loop moves log(1−λ), an ad's log-price, only half
the way to it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ad_targeting.bound import dual, solve, spots
from ad_targeting.records import Breaks, Floats, Log
from shared.clock import DAY_MS
from shared.world.ads import CONTEXTS
from shared.world.countries import CODES

MINUTES = 1440
LEAST = 1e-6
EVERY, SOONER = 30, 16
"""Minutes between solves at most; and no more than 1/16 of what remains of the day."""
SAMPLE, ROUNDS, GAIN, CREDIT = 4_000, 8, 0.5, 3.0
"""Breaks of a sample, rounds of a solve, share of the way that log-prices then go, impressions believed of a campaign beside those
counted."""
AHEAD = 1.02
"""Money that a solve may spend, over what is left: who is ahead of the plan can be made dearer later, who is behind at λ = 0 no cheaper."""
CONTROL = 2.0
"""How far a log-price moves for a whole budget spent beside the plan."""
RECENT, FADING, PRIOR = 30, 120, 40.0
"""Traffic of the last 30 minutes by country and context is expected to go on, fading over 120 minutes; so many breaks of usual
traffic are believed beside it."""


class Now(NamedTuple):
    """What a policy may look at: the minute of the day, budgets and what is left of them int64[ads], breaks seen so far today."""

    minute: int
    budgets: Any
    left: Any
    today: Breaks


Policy = Callable[[Now], tuple[Floats, Floats]]
"""Asked each minute: λ, and the chance to take part at all, float64[ads] each."""


class Pacer:
    """The policy of this system: `prices(now)` is asked each minute and returns λ."""

    def __init__(self, yesterday: Log, shadow: Floats, group: Any, floor: Floats, seed: int) -> None:
        """shadow: yesterday's dual; group int16[ads] and floor float64[breaks of yesterday] as in `bound.dual`."""
        self.yesterday, self.group, self.floor = yesterday, group, floor
        self.minute = minutes(yesterday.breaks.moment)
        self.anchor, self.spots = shadow, spots(yesterday, group, shadow, floor)
        self.curve = curve(self.minute[self.spots.position], self.spots.ad, self.spots.price, shadow.size)
        self.shadow, self.next = shadow, 0
        self.last, self.spent = 0, np.zeros(shadow.size, np.int64)
        self.planned = np.bincount(self.spots.ad, self.spots.price, shadow.size) * 1.3
        self.rng = np.random.default_rng(np.random.SeedSequence(seed))

    def prices(self, now: Now) -> Floats:
        """λ for the minute that begins."""
        spent = now.budgets - now.left
        if now.minute > self.last:
            self._move(CONTROL * (self._due(now) - (spent - self.spent)) / np.maximum(now.budgets, 1))
        self.last, self.spent = now.minute, spent
        if now.minute >= self.next:
            self.next = now.minute + max(1, min(EVERY, (MINUTES - now.minute) // SOONER))
            first = int(np.searchsorted(self.minute, now.minute))
            if first < self.minute.size:
                self._solve(now, first, self._expected(now, first))
        return self.shadow

    def _solve(self, now: Now, first: int, weight: Floats) -> None:
        """Solve on a systematic sample of the breaks from `first` on, with chances in proportion to weight float64[breaks left]."""
        upto = np.cumsum(weight)
        count = min(SAMPLE, weight.size)
        places = (self.rng.random() + np.arange(count)) * (upto[-1] / count)
        chosen = first + np.minimum(np.searchsorted(upto, places), weight.size - 1)
        log, floor = sample(self.yesterday, chosen), self.floor[chosen]
        budgets = AHEAD * now.left * self._share(log, floor, first, weight)
        found = solve(log, budgets, self.group, floor, self.shadow, ROUNDS)
        self._move(GAIN * (np.log(np.maximum(1 - found.shadow, LEAST)) - np.log(np.maximum(1 - self.shadow, LEAST))))

    def _move(self, change: Floats) -> None:
        """Move the log of 1−λ, the share of its price that an ad bids."""
        self.shadow = 1 - np.exp(np.minimum(np.log(np.maximum(1 - self.shadow, LEAST)) + change, 0))

    def _due(self, now: Now) -> Floats:
        """Micros that were due since prices were asked last: of what was left, or of yesterday's plan if that is less, the planned
        share. Budgets count as they are now: an edit is no spending."""
        before, after = self.curve[self.last], self.curve[now.minute]
        share = (after - before) / np.maximum(1 - before, 1e-9)
        due: Floats = np.minimum(now.budgets - self.spent, self.planned) * np.clip(share, 0, 1)
        return due

    def _share(self, log: Log, floor: Floats, first: int, weight: Floats) -> Floats:
        """The sample's spending over that of all expected breaks, both at yesterday's λ, float64[ads]: a control variate, per
        campaign. That a sample happens to hold many breaks for one campaign then changes nothing."""
        since = int(np.searchsorted(self.spots.position, first))
        position, ad, price = (column[since:] for column in self.spots)
        whole = np.bincount(ad, price * weight[position - first], self.anchor.size)
        part = dual(log, self.anchor, self.group, self.anchor, floor).spend
        usual = log.breaks.moment.size / weight.sum()
        few = CREDIT * whole.sum() / max(position.size, 1)  # so much money is believed beside what was counted
        share: Floats = (part + few * usual) / (whole + few)
        return share

    def _expected(self, now: Now, first: int) -> Floats:
        """How many of today's breaks each of yesterday's remaining breaks stands for, float64[breaks left]: by the traffic of the whole
        day, by its countries lately, and by its contexts beside what the countries explain."""
        usual, today = self.yesterday.breaks, now.today
        prior = 0.02 * self.minute.size
        scale = (today.moment.size + prior) / (first + prior)
        weight = np.full(self.minute.size - first, scale)
        then = slice(int(np.searchsorted(self.minute, now.minute - RECENT)), first)
        lately = slice(int(np.searchsorted(today.moment, today.moment[-1:].max(initial=0) - RECENT * 60_000)), None)
        fading = np.exp(-(self.minute[first:] - now.minute) / FADING)
        explained = np.full(then.stop - then.start, scale)
        by = (today.country, usual.country, len(CODES)), (today.context, usual.context, len(CONTEXTS))
        for here, before, values in by:
            seen = np.bincount(here[lately], minlength=values) + PRIOR
            ratio = seen / (np.bincount(before[then], explained, values) + PRIOR)
            explained *= ratio[before[then]]
            weight *= ratio[before[first:]] ** fading
        return weight


def curve(minute: Any, ad: Any, weight: Any, ads: int) -> Floats:
    """float64[MINUTES + 1, ads]: the share of its day's weight (None: one each) that an ad had by each minute; even where it has none."""
    by_minute = np.bincount((minute + 1) * ads + ad, weight, (MINUTES + 1) * ads).reshape(MINUTES + 1, ads)
    upto, even = np.cumsum(by_minute, axis=0), np.arange(MINUTES + 1)[:, None] / MINUTES
    return np.where(upto[-1] > 0, upto / np.maximum(upto[-1], 1), even)


def minutes(moment: Any) -> Any:
    """Minutes since midnight UTC of moments (ms)."""
    return moment % DAY_MS // 60_000


def rows(breaks: Breaks, chosen: Any) -> Breaks:
    """The breaks at a slice or at indices."""
    columns: list[Any] = [column[chosen] for column in breaks]
    return Breaks(*columns)


def sample(log: Log, chosen: Any) -> Log:
    """The log of the chosen breaks (ascending indices)."""
    sizes = np.diff(log.first)[chosen]
    first = np.concatenate([[0], np.cumsum(sizes)])
    at = np.arange(first[-1]) + np.repeat(log.first[chosen] - first[:-1], sizes)
    return Log(rows(log.breaks, chosen), first, log.ad[at], log.price[at])
