"""The experiment of `churn.py` in worlds whose truth is known: does the interval hold it, and what would have been seen without a lot?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_targeting.churn import LONG_RUN, Arm, Floats, Slope, dose_response, shrink, slope
from shared.world import ads, ads_churn
from shared.world.rng import generator

HOLDOUT = 0.05
GROUPS = 10  # listeners by engagement
MONTHS = 2.0  # the experiment's length


class World(NamedTuple):
    """What is recorded of listeners [n], and what is hidden: the chance to leave at each load is a function of the world."""

    randomised: NDArray[np.bool_]
    load: Floats  # ads an hour
    left: Floats  # 0 or 1, within two months
    hours: Floats  # of the first month ÷ those of the month before
    before: Floats  # log2 of the hours a day in the month before, as measured
    engagement: Floats  # hidden
    sensitivity: Floats  # hidden


class Reading(NamedTuple):
    """Slopes for one more ad an hour, in the chance to leave within two months (`hours`: relative hours), and the truth."""

    truth: float
    experiment: Slope
    naive: Slope
    naive_adjusted: Slope
    placebo: Slope
    naive_placebo: Slope
    hours: Slope
    hours_long_run: Slope
    arms: list[Arm]
    groups: list[Slope]
    shrunk: list[Slope]
    group_truth: list[float]


def make_world(seed: int, listeners: int) -> World:
    """Free listeners, HOLDOUT of them with a randomised ad load."""
    people = ads.make_listeners(seed, int(listeners / 0.4))
    engagement, rng = people.engagement, generator(seed, "ads/load-experiment")
    sensitivity = ads_churn.make_stakes(seed, engagement).sensitivity
    count = engagement.size
    randomised = rng.random(count) < HOLDOUT
    load = np.where(randomised, ads_churn.randomised_load(rng, count), ads_churn.observed_load(rng, engagement))
    left = rng.random(count) < ads_churn.leave_probability(load, engagement, sensitivity)
    month = ads_churn.hours_factor(load, sensitivity, 1.0) * rng.lognormal(0, 0.4, count)
    before = np.log2(np.maximum(engagement, 0.05)) + rng.normal(0, 0.5, count)
    return World(randomised, load, left.astype(np.float64), month, before, engagement, sensitivity)


def true_slope(world: World, members: NDArray[np.bool_]) -> float:
    """The line through the members' mean true chance to leave at each randomised load."""
    loads = np.unique(world.load[world.randomised])
    chances = [
        ads_churn.leave_probability(
            np.full(int(members.sum()), load), world.engagement[members], world.sensitivity[members]
        ).mean()
        for load in loads
    ]
    return float(np.polyfit(loads, chances, 1)[0])


def read(world: World) -> Reading:
    """What the experiment says, what the rest of the listeners seem to say, and the truth."""
    lot, rest, before = world.randomised, ~world.randomised, world.before[:, None]
    edges = np.quantile(world.before, np.linspace(0, 1, GROUPS + 1)[1:-1])
    group = np.searchsorted(edges, world.before)
    groups = [slope(world.load[lot & (group == g)], world.left[lot & (group == g)]) for g in range(GROUPS)]
    hours = slope(world.load[lot], world.hours[lot] / world.hours[lot].mean())
    return Reading(
        true_slope(world, np.ones(lot.size, bool)),
        slope(world.load[lot], world.left[lot], before[lot]),
        slope(world.load[rest], world.left[rest]),
        slope(world.load[rest], world.left[rest], before[rest]),
        slope(world.load[lot], world.before[lot]),
        slope(world.load[rest], world.before[rest]),
        hours,
        hours.times(LONG_RUN),
        dose_response(world.load[lot], world.left[lot]),
        groups,
        shrink(groups),
        [true_slope(world, group == g) for g in range(GROUPS)],
    )


def covered(reading: Reading) -> bool:
    """Does the experiment's interval hold the truth?"""
    return reading.experiment.low <= reading.truth <= reading.experiment.high


def squared_error(slopes: list[Slope], truth: list[float]) -> float:
    """Mean squared distance of groups' slopes from the truth."""
    return float(np.mean([(found.effect - true) ** 2 for found, true in zip(slopes, truth, strict=True)]))


def report(seed: int, listeners: int, worlds: int) -> dict[str, Any]:
    """One world in detail, and of `worlds` seeds how often the interval held the truth and the naive sign was wrong."""
    readings = [read(make_world(seed + i, listeners)) for i in range(worlds)]
    first = readings[0]
    slopes = ("experiment", "naive", "naive_adjusted", "placebo", "naive_placebo", "hours", "hours_long_run")
    wrong = [reading for reading in readings if reading.naive.high < 0 < reading.truth]
    return {
        "truth": first.truth,
        **{name: getattr(first, name)._asdict() for name in slopes},
        "arms": [arm._asdict() for arm in first.arms],
        "long_run_over_month_assumed": LONG_RUN,
        "group_error": {
            name: float(np.mean([squared_error(of(reading), reading.group_truth) for reading in readings]) ** 0.5)
            for name, of in (
                ("raw", lambda r: r.groups),
                ("shrunk", lambda r: r.shrunk),
                ("mean", lambda r: [r.experiment] * GROUPS),
            )
        },
        "worlds": worlds,
        "naive_sign_wrong": len(wrong),
        "covered": sum(map(covered, readings)),
        "covered_where_naive_is_wrong": sum(map(covered, wrong)),
        "placebo_covered": sum(reading.placebo.low <= 0 <= reading.placebo.high for reading in readings),
    }


def print_report(found: dict[str, Any]) -> None:
    """Slopes in points of leaving (or % of hours) for one more ad an hour, with 95 % intervals."""
    print("leaving within two months, by ads an hour, randomised listeners")
    for arm in found["arms"]:
        print(
            f"  {arm['load']:4.0f} ads/h {arm['mean']:7.2%}  [{arm['low']:.2%}, {arm['high']:.2%}]  {arm['listeners']:,} listeners"
        )
    print("\none more ad an hour, in points of leaving")
    print(f"  {'truth':38}{100 * found['truth']:+.2f}")
    names = {
        "experiment": "randomised arms",
        "naive": "naive: what happened to the others",
        "naive_adjusted": "naive, adjusted for hours before",
    }
    for name, text in names.items():
        print(f"  {text:38}{_interval(found[name], 100)}")
    print(
        f"\nplacebo, log2 hours *before*: by lot {_interval(found['placebo'], 1)}, naive {_interval(found['naive_placebo'], 1)}"
    )
    print(f"hours of the first month, %: {_interval(found['hours'], 100)}; in the long run, if it is {LONG_RUN:.0f}×: "
          f"{_interval(found['hours_long_run'], 100)}")  # fmt: skip
    if found["worlds"] > 1:
        print(f"\n{found['worlds']} worlds: the naive sign is wrong in {found['naive_sign_wrong']}; there the interval holds the truth in "
              f"{found['covered_where_naive_is_wrong']}, the placebo's holds 0 in {found['placebo_covered']} of all")  # fmt: skip


def _interval(found: dict[str, float], scale: float) -> str:
    return f"{scale * found['effect']:+.2f} [{scale * found['low']:+.2f}, {scale * found['high']:+.2f}]"
