"""Revenue against retention: half a year of listeners who hear ads, and some of whom leave because of them.

A slot is worth what it adds to a paced day, price·(1−λ): a budget that is not spent here is spent elsewhere. Unsold slots go to a
network for a remnant price. A policy says which slots play; the load (ads an hour of the last week)
moves hours and leaving by the published constants (`shared.world.ads_churn`). Leaving is kept as a probability, and all policies
meet the same slots, so two policies differ by what they do and not by luck. The churn price of an ad is κ × lifetime value × the
hazard that it adds: κ draws the frontier. Caps on ads an hour, thinning and one reserve for all are what it is compared with.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ad_targeting.bound import Spots
from ad_targeting.records import Floats, Int64, Log
from ad_targeting.serve import coin
from ad_targeting.world import Market
from shared.world import ads_churn

DAYS, SLOTS_AN_HOUR = 180, 8
KAPPAS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
SOLD, REMNANT = 0.6, 2_500.0
"""Share of slots that campaigns of one's own fill; the rest is sold off at about so many micros."""
FILL, CAP, THINNING = "fill every slot", "cap on ads an hour", "thinning"
RESERVE, OURS = "one reserve for all", "churn price, shrunk sensitivity"
NOISE = 1.0
"""Standard error of a listener's own estimate of log sensitivity; the truth spreads by 0.6."""


class Audience(NamedTuple):
    """Columns [listeners] of who listens, and their slots' values: pool[first[u]:first[u + 1]], micros."""

    engagement: Floats
    sensitivity: Floats
    lifetime_value: Floats
    first: Int64
    pool: Floats


class Point(NamedTuple):
    """One setting of a policy: micros a listener, the share of listeners who stay, ads an hour."""

    setting: float
    revenue: float
    retention: float
    load: float


def audience(market: Market, log: Log, spots: Spots, shadow: Floats) -> Audience:
    """The listeners of a day's log with what the paced day paid in their slots."""
    user = log.breaks.user[spots.position]
    rng = np.random.default_rng(np.random.SeedSequence([market.seed, 8]))
    unsold = rng.random(user.size) >= SOLD
    remnant = REMNANT * np.exp(rng.normal(0, 1.0, user.size))
    value = np.where(unsold, remnant, spots.price * (1 - shadow[spots.ad]))
    order = np.argsort(user, kind="stable")
    who, count = np.unique(user, return_counts=True)
    first, stakes = np.concatenate([[0], np.cumsum(count)]), market.stakes
    people = market.listeners.engagement[who], stakes.sensitivity[who], stakes.lifetime_value[who]
    return Audience(*people, first, value[order])


class Setting(NamedTuple):
    """What a policy lets play: slots above floor float64[listeners], at most `cap` an hour, each with a chance."""

    name: float
    floor: Floats
    cap: float = 1e9
    share: float = 1.0


def settings(people: Audience, seed: int) -> dict[str, list[Setting]]:
    """Settings by policy, from filling everything to filling little."""
    count, zero = people.engagement.size, np.zeros(people.engagement.size)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    noisy = np.exp(np.log(people.sensitivity) + rng.normal(0, NOISE, count))
    spread = float(np.log(people.sensitivity).var())
    shrunk = noisy ** (spread / (spread + NOISE**2))
    estimates = {"noisy": noisy, "mean": np.ones(count), "shrunk": shrunk, "true": people.sensitivity}
    reserves = np.quantile(people.pool, np.linspace(0, 0.9, 16)).tolist()
    found = {
        FILL: [Setting(0.0, zero)],
        CAP: [Setting(cap, zero, cap=cap) for cap in (7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0)],
        THINNING: [Setting(share, zero, share=share) for share in (0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2)],
        RESERVE: [Setting(reserve, np.full(count, reserve)) for reserve in reserves],
    }
    for name, sensitivity in estimates.items():
        price = people.lifetime_value * ads_churn.marginal_hazard(people.engagement, sensitivity)
        found[f"churn price, {name} sensitivity"] = [Setting(kappa, kappa * price) for kappa in KAPPAS]
    return found


def frontier(people: Audience, seed: int) -> dict[str, list[Point]]:
    """Points by policy."""
    return {name: [outcome(people, setting) for setting in found] for name, found in settings(people, seed).items()}


def outcome(people: Audience, setting: Setting) -> Point:
    """What a setting makes of half a year."""
    return Point(setting.name, *_half_year(people, setting.floor, setting.cap, setting.share))


def summary(points: dict[str, list[Point]]) -> dict[str, Any]:
    """The best point of ours that beats filling everything on both axes; ours over reserve and cap at equal retention, by points gained."""
    fill, ours = points[FILL][0], points[OURS]
    better = [point for point in ours if point.retention > fill.retention and point.revenue > fill.revenue]
    levels = {}
    for gain in (0.02, 0.04, 0.06, 0.08):
        ours_at, reserve, cap = (revenue_at(points[name], fill.retention + gain) for name in (OURS, RESERVE, CAP))
        over = {"over_reserve": _over(ours_at, reserve), "over_cap": _over(ours_at, cap)}
        levels[f"+{100 * gain:.0f} points"] = {"revenue": ours_at and ours_at / fill.revenue, **over}
    best = max(better, key=lambda point: point.revenue, default=None)
    return {"beats_fill_all": best, "equal_retention": levels}


def _over(one: float | None, other: float | None) -> float | None:
    return one and other and one / other - 1


def revenue_at(points: list[Point], retention: float) -> float | None:
    """Revenue of a policy at a retention, linear between its settings; None beyond them."""
    ordered = sorted(points, key=lambda point: point.retention)
    stayed, revenue = [point.retention for point in ordered], [point.revenue for point in ordered]
    return float(np.interp(retention, stayed, revenue)) if stayed[0] <= retention <= stayed[-1] else None


@njit(cache=True, nogil=True)
def _half_year(people: Any, floor: Any, cap: float, share: float) -> Any:
    """(micros a listener, share who stay, ads an hour) when slots above floor[listener] play, at most `cap` an hour, each with
    chance `share`."""
    revenue, stayed, heard, listened = 0.0, 0.0, 0.0, 0.0
    count = people.engagement.size
    for u in range(count):
        first, size = people.first[u], people.first[u + 1] - people.first[u]
        usual = ads_churn.LEAVE_LOGIT + ads_churn.ENGAGEMENT_LOGIT * np.log2(max(people.engagement[u], 0.05))
        stays, load = 1.0, ads_churn.USUAL_LOAD
        for day in range(DAYS):
            reached = 1 - (1 - 1 / ads_churn.LONG_RUN) * np.exp(-(day / 30) / 5)
            more = people.sensitivity[u] * (load - ads_churn.USUAL_LOAD)
            hours = people.engagement[u] * max(1 + reached * ads_churn.HOURS_PER_AD * more, 0.1)
            offered = hours * SLOTS_AN_HOUR
            slots = int(offered + coin(u, 4096 * day))
            played = 0
            for n in range(slots):
                chance = coin(u, 4096 * day + 1 + 2 * n)
                value = people.pool[first + int(coin(u, 4096 * day + 2 + 2 * n) * size)]
                if value > floor[u] and chance < share and played < cap * hours:
                    played += 1
                    revenue += stays * value
            heard += stays * played
            listened += stays * hours
            load += (played / max(hours, 0.05) - load) / 7
            logit = usual + ads_churn.LOGIT_PER_AD * people.sensitivity[u] * (load - ads_churn.USUAL_LOAD)
            stays *= (1 - 1 / (1 + np.exp(-logit))) ** (1 / 60)
        stayed += stays
    return revenue / count, stayed / count, heard / listened
