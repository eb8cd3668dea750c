"""A day, played: breaks in their order, a policy asked each minute, every budget kept, and the outcome beside the most that was
possible."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_targeting.bound import Dual, solve
from ad_targeting.caps import History, as_caps_leave, capped, make_history, solve_capped
from ad_targeting.contestants import contestants, pacing
from ad_targeting.pacing import MINUTES, Now, Pacer, Policy, minutes, rows
from ad_targeting.records import MAX_SLOTS, Floats, Int64, Log
from ad_targeting.serve import Rule, new_state, serve
from ad_targeting.world import Market, make_log, make_market, usual_breaks

KNOWING = "ours, knowing caps"
NOON = MINUTES // 2
BINDING = 0.01
"""λ from which on a budget is one that binds; below it the search for λ may just not have come to 0."""


class Outcome(NamedTuple):
    """What a policy made of a day: micros, spend int64[97, ads] at each quarter of an hour, the ads played int16[breaks,
    MAX_SLOTS], and the budgets in force at the end."""

    revenue: int
    curve: Int64
    played: NDArray[np.int16]
    budgets: Int64


class Day(NamedTuple):
    """A day to be played, and the rules of it: group int16[ads] (one of a group in a break), whether caps are kept, the budgets
    that come at noon."""

    market: Market
    yesterday: Log
    today: Log
    group: Any
    caps: bool
    noon: Any


def make_day(seed: int, slots: int, campaigns: int, scenario: str, caps: bool = False) -> Day:
    """A market's Monday and the Sunday before it. Plain budgets: ads of a break differ, nothing else binds them; or with frequency caps,
    and one ad of a category in a break."""
    market = make_market(seed, slots, campaigns)
    shock = scenario if scenario in ("spike", "outage", "more", "fewer") else ""
    budgets = market.campaigns.budget
    noon = edited(budgets, seed) if scenario == "edit" else budgets
    group = market.campaigns.category if caps else np.arange(campaigns, dtype=np.int16)
    return Day(market, make_log(market, -1), make_log(market, 0, shock), group, caps, noon)


def edited(budgets: Any, seed: int) -> Any:
    """Budgets after the edit: one in twenty doubled, one in twenty cut to 60 %."""
    dice = np.random.default_rng(np.random.SeedSequence([seed, 12])).random(budgets.size)
    return np.where(dice < 0.05, budgets * 2, np.where(dice < 0.1, budgets * 6 // 10, budgets))


def play(day: Day, policy: Policy, floor: Floats, history: History | None = None) -> Outcome:
    """Play a day minute by minute; floor float64[breaks of today]; history as in `serve`."""
    breaks, ads = day.today.breaks, day.group.size
    edges = np.searchsorted(minutes(breaks.moment), np.arange(MINUTES + 1))
    budgets = day.market.campaigns.budget.astype(np.int64)
    state = new_state(budgets, day.market.listeners.age.size, day.caps)
    played = np.full((breaks.moment.size, MAX_SLOTS), -1, np.int16)
    revenue, curve = 0, np.zeros((MINUTES // 15 + 1, ads), np.int64)
    for minute in range(MINUTES):
        if minute == NOON:  # a budget cannot be cut below what is spent
            new = np.maximum(day.noon, budgets - state.left)
            state.left[:] += new - budgets
            budgets = new
        low, high = int(edges[minute]), int(edges[minute + 1])
        shadow, chance = policy(Now(minute, budgets, state.left, rows(breaks, slice(low))))
        rule = Rule(shadow, floor, day.group, day.market.campaigns.cap, chance)
        revenue += serve(day.today, low, high, state, rule, played, history)
        if (minute + 1) % 15 == 0:
            curve[(minute + 1) // 15] = budgets - state.left
    return Outcome(revenue, curve, played, budgets)


def compare(day: Day, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every policy on one day: revenue, share of the certified bound, and how far spending is from the optimum's plan."""
    floor = np.zeros(day.yesterday.breaks.moment.size), np.zeros(day.today.breaks.moment.size)
    shadow = solve(day.yesterday, day.market.campaigns.budget, day.group, floor[0], rounds=30).shadow
    best = solve(day.today, day.noon, day.group, floor[1], shadow, rounds=40)
    policies, found = contestants(day.yesterday, shadow, day.group, floor[0], day.market.seed), {}
    history = None
    if day.caps:
        before, now = (capped(log, day.group, day.market.campaigns.cap) for log in (day.yesterday, day.today))
        best = solve_capped(day.today, day.noon, now, floor[1], best.shadow)
        aware = solve_capped(day.yesterday, day.market.campaigns.budget, before, floor[0], shadow).shadow
        left = as_caps_leave(day.yesterday, before, aware, floor[0])
        usual = usual_breaks(day.market)
        history = make_history(day.yesterday, day.today, day.group, day.market.campaigns.cap, usual)
        policies[KNOWING] = pacing(Pacer(left, aware, day.group, floor[0], day.market.seed))
    for name, policy in policies.items():
        if names is None or name in names:
            outcome = play(day, policy, floor[1], history if name == KNOWING else None)
            found[name] = judge(outcome, best, day.noon) | {"outcome": outcome}
    return {"bound_micros": round(best.bound), "shadow": shadow, "policies": found}


def judge(outcome: Outcome, best: Dual, budgets: Any) -> dict[str, Any]:
    """Shares and errors; the bound counts with the budgets in force at the end, so an early spender is not flattered by a cut. The
    optimum's plan: the whole budget of whom λ holds back (complementary slackness), of the others what the breaks would take."""
    bound = best.bound + float(best.shadow @ (outcome.budgets - budgets))
    plan = np.where(best.shadow > BINDING, budgets, np.minimum(best.spend, budgets))
    error = np.abs(outcome.curve[-1] - plan) / budgets
    return {
        "revenue_micros": outcome.revenue,
        "share_of_bound": outcome.revenue / bound,
        "spend_error_mean": float(error.mean()),
        "spend_error_p95": float(np.percentile(error, 95)),
        "spend_error_max": float(error.max()),
        "overspent_micros": int(np.maximum(outcome.curve[-1] - outcome.budgets, 0).sum()),
    }
