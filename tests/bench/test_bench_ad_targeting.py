"""Ad targeting: what a day's policies earn of the certified bound, how fast a day is replayed, and the revenue–retention frontier.

Contestants are policies as their papers publish them, on the same log, within the same budgets, asked once a minute. The seeds here were
used for no tuning. yahoo/BudgetPacingSimulation and amzn/auction-gym were not run: they simulate their own auctions in a Python loop and
cannot read a log of others.
"""

import numpy as np
import pytest

from ad_targeting import frontier as f
from ad_targeting.bound import solve, spots
from ad_targeting.serve import Rule, new_state, serve
from ad_targeting.simulate import SCENARIOS, compare, contestants, make_day, play

SLOTS = {"tiny": 3_000, "small": 100_000, "full": 1_000_000}
SEEDS = {"tiny": (1,), "small": (1, 2), "full": (1, 2, 3, 4, 5)}
SHOWN = ("greedy", "MSVV discount", "throttling", "PID on the multiplier, cold", "dual descent, cold", "dual descent, warm",
         "yesterday's prices, static", "ours")  # fmt: skip
SHOCKED = ("greedy", "yesterday's prices, static", "dual descent, warm", "ours")


@pytest.fixture(scope="module")
def days(bench_size):
    """days(scenario): what every policy made of a day, a dictionary a seed; and the last day with its prices, to be timed."""
    made = {}

    def of(scenario):
        if scenario not in made:
            made.clear()
            found = []
            for seed in SEEDS[bench_size]:
                day = make_day(seed, SLOTS[bench_size], 200, scenario)
                report = compare(day, SHOWN if scenario == "normal" else SHOCKED)
                found.append({name: dict(policy, outcome=None) for name, policy in report["policies"].items()})
            made[scenario] = found, day, report["shadow"]
        return made[scenario]

    return of


@pytest.mark.parametrize(
    "contestant", [f"{s}: {name}" for s in SCENARIOS for name in (SHOWN if s == "normal" else SHOCKED)]
)
def test_day(contestant, days, bench_size, benchmark):
    """The time is that of the whole last day: its prices and its decisions."""
    scenario, name = contestant.split(": ")
    reports, day, shadow = days(scenario)
    floors = np.zeros(day.yesterday.breaks.moment.size), np.zeros(day.today.breaks.moment.size)
    benchmark.group = f"ad-targeting-{scenario}"
    policy = contestants(day.yesterday, shadow, day.group, floors[0], day.market.seed)[name]
    revenue = benchmark.pedantic(play, (day, policy, floors[1])).revenue
    found = [report[name] for report in reports]
    assert revenue == found[-1]["revenue_micros"]
    shares = [policy["share_of_bound"] for policy in found]
    assert max(shares) <= 1
    assert sum(policy["overspent_micros"] for policy in found) == 0
    show = {
        "slots": f"{SLOTS[bench_size]:,}",
        "seeds": len(found),
        "of the bound": f"{np.mean(shares):.2%}",
        "worst seed": f"{min(shares):.2%}",
    }
    for key in ("mean", "p95", "max"):
        show[f"spend error {key}"] = f"{np.mean([policy[f'spend_error_{key}'] for policy in found]):.2%}"
    benchmark.extra_info["show"] = show


@pytest.mark.parametrize("contestant", ["plain budgets", "caps and separation"])
def test_replay(contestant, bench_size, measure, benchmark):
    """A day at fixed prices, one decision a slot, one core."""
    day = make_day(1, SLOTS[bench_size], 200, "normal")
    caps = contestant != "plain budgets"
    campaigns, log = day.market.campaigns, day.today
    floor = np.zeros(log.breaks.moment.size)
    shadow = solve(
        day.yesterday, campaigns.budget, day.group, np.zeros(day.yesterday.breaks.moment.size), rounds=10
    ).shadow
    group = campaigns.category if caps else day.group
    rule = Rule(shadow, floor, group, campaigns.cap, np.ones(200))

    def replay():
        state = new_state(campaigns.budget, day.market.listeners.age.size, caps)
        return serve(log, 0, floor.size, state, rule, np.full((floor.size, 4), -1, np.int16))

    assert measure("ad-targeting-replay", replay, ("numpy", "numba")) > 0
    if benchmark.stats:
        benchmark.extra_info["show"]["decisions/s"] = (
            f"{log.breaks.slots.sum() / benchmark.stats.stats.median / 1e6:.1f} M"
        )
    benchmark.extra_info["show"]["slots"] = f"{log.breaks.slots.sum():,}"


@pytest.fixture(scope="module")
def people(bench_size):
    day = make_day(1, min(SLOTS[bench_size], 100_000), 200, "normal")
    floor = np.zeros(day.yesterday.breaks.moment.size)
    shadow = solve(day.yesterday, day.market.campaigns.budget, day.group, floor, rounds=20).shadow
    return f.audience(day.market, day.yesterday, spots(day.yesterday, day.group, shadow, floor), shadow)


CURVES = (
    f.RESERVE,
    f.THINNING,
    f.CAP,
    "churn price, mean sensitivity",
    "churn price, noisy sensitivity",
    "churn price, true sensitivity",
    f.OURS,
)


@pytest.mark.parametrize("contestant", CURVES)
def test_frontier(contestant, people, measure, benchmark):
    """The time is that of a whole curve: half a year of every listener, for each setting."""
    settings = f.settings(people, 1)
    points = measure("ad-targeting-frontier", lambda: [f.outcome(people, setting) for setting in settings[contestant]])
    fill = f.outcome(people, settings[f.FILL][0])
    best = max(points, key=lambda point: point.revenue)
    show = {"listeners": f"{people.engagement.size:,}", "highest revenue": f"{best.revenue / fill.revenue:.1%}"}
    show["retention there"] = f"{best.retention - fill.retention:+.1%}"
    for gain in (0.02, 0.04, 0.06, 0.08):
        show[f"revenue at +{100 * gain:.0f} points"] = (
            f"{f.revenue_at(points, fill.retention + gain) / fill.revenue:.1%}"
        )
    benchmark.extra_info["show"] = show
