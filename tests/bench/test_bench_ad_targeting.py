"""Ad targeting: what a day's policies earn of the certified bound, how fast a day is replayed, and the revenue–retention frontier.

Contestants are policies as their papers publish them, on the same log, within the same budgets, asked once a minute. The seeds here were
used for no tuning. yahoo/BudgetPacingSimulation and amzn/auction-gym were not run: they simulate their own auctions in a Python loop and
cannot read a log of others.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ad_targeting import frontier as f
from ad_targeting.bound import solve, spots
from ad_targeting.commands import SCENARIOS
from ad_targeting.contestants import contestants
from ad_targeting.serve import Rule, new_state, serve
from ad_targeting.simulate import compare, make_day, play

SLOTS = {"tiny": 3_000, "small": 100_000, "full": 1_000_000}
SEEDS = {"tiny": (1,), "small": (1, 2), "full": (1, 2, 3, 4, 5)}
SHOWN = ("greedy", "MSVV discount", "throttling", "PID on the multiplier, cold", "dual descent, cold", "dual descent, warm",
         "yesterday's prices, static", "ours")  # fmt: skip
SHOCKED = ("greedy", "yesterday's prices, static", "dual descent, warm", "ours")
CAPPED = ("greedy", "yesterday's prices, static", "ours", "ours, knowing caps")
NAMES = {"normal": SHOWN, "caps": CAPPED} | dict.fromkeys(SCENARIOS[1:], SHOCKED)
KEPT = os.environ.get("LINER_BENCH_KEEP")
"""A folder in which the report of each day is kept: with it a long table can be measured in turns, a few of LINER_BENCH_SEEDS each."""
SOME = os.environ.get("LINER_BENCH_SEEDS")


def day_of(scenario, seed, slots):
    return make_day(seed, slots, 200, "normal" if scenario == "caps" else scenario, scenario == "caps")


def report_of(scenario, seed, slots):
    """What every policy made of a day, without its arrays."""
    kept = Path(KEPT) / f"{scenario}-{slots}-{seed}.json" if KEPT else None
    if kept and kept.exists():
        return json.loads(kept.read_text())
    found = compare(day_of(scenario, seed, slots), NAMES[scenario])["policies"]
    plain = {name: {key: policy[key] for key in policy if key != "outcome"} for name, policy in found.items()}
    if kept:
        kept.write_text(json.dumps(plain))
    return plain


@pytest.fixture(scope="module")
def days(bench_size):
    """days(scenario): its reports, one a seed; and a day of 100,000 slots at most with its prices, to be timed."""
    made = {}

    def of(scenario):
        if scenario not in made:
            made.clear()
            seeds = [int(seed) for seed in SOME.split(",")] if SOME else SEEDS[bench_size]
            slots = SLOTS[bench_size]
            reports = [report_of(scenario, seed, slots) for seed in seeds]
            day = day_of(scenario, 1, min(slots, 100_000))
            floor = np.zeros(day.yesterday.breaks.moment.size)
            shadow = solve(day.yesterday, day.market.campaigns.budget, day.group, floor, rounds=10).shadow
            made[scenario] = reports, day, shadow, slots
        return made[scenario]

    return of


@pytest.mark.parametrize("contestant", [f"{scenario}: {name}" for scenario in NAMES for name in NAMES[scenario]])
def test_day(contestant, days, benchmark):
    """The time is that of a day of 100,000 slots: its prices and its decisions."""
    scenario, name = contestant.split(": ")
    reports, day, shadow, slots = days(scenario)
    floors = np.zeros(day.yesterday.breaks.moment.size), np.zeros(day.today.breaks.moment.size)
    benchmark.group = f"ad-targeting-{scenario}"
    policy = contestants(day.yesterday, shadow, day.group, floors[0], 1)[name.removesuffix(", knowing caps")]
    assert benchmark.pedantic(play, (day, policy, floors[1])).revenue > 0
    found = [report[name] for report in reports]
    shares = [policy["share_of_bound"] for policy in found]
    assert max(shares) <= 1
    assert sum(policy["overspent_micros"] for policy in found) == 0
    show = {
        "slots": f"{slots:,}",
        "seeds": len(found),
        "of the bound": f"{np.mean(shares):.2%}",
        "worst seed": f"{min(shares):.2%}",
    }
    for key in ("mean", "p95", "max"):
        show[f"spend error {key}"] = f"{np.mean([policy[f'spend_error_{key}'] for policy in found]):.2%}"
    benchmark.extra_info["show"] = show


@pytest.mark.parametrize("contestant", ["plain budgets", "caps and separation"])
def test_replay(contestant, bench_size, measure, benchmark):
    """A day at fixed prices, one core: a break is one decision, with several slots."""
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
    show, breaks = benchmark.extra_info["show"], log.breaks.moment.size
    if benchmark.stats:
        show["breaks/s"] = f"{breaks / benchmark.stats.stats.median / 1e6:.2f} M"
        show["slots/s"] = f"{log.breaks.slots.sum() / benchmark.stats.stats.median / 1e6:.2f} M"
    show["breaks"], show["slots"] = f"{breaks:,}", f"{log.breaks.slots.sum():,}"


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
        show[f"revenue at +{100 * gain:.0f} points"] = percent(
            f.revenue_at(points, fill.retention + gain), fill.revenue
        )
    benchmark.extra_info["show"] = show


def percent(revenue, whole):
    return "–" if revenue is None else f"{revenue / whole:.1%}"
