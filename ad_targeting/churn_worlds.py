"""The experiment of `churn.py` in worlds whose truth is known: does the interval hold it, and what would have been seen without a lot?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_targeting.churn import LONG_RUN, Floats, Slope, dose_response, slope
from shared.world import ads, ads_churn
from shared.world.rng import generator

HOLDOUT = 0.05


class World(NamedTuple):
    """What is recorded of listeners [n], and what is hidden: the chance to leave at each load is a function of the world."""

    randomised: NDArray[np.bool_]
    load: Floats  # ads an hour
    left: Floats  # 0 or 1, within two months
    hours: Floats  # of the first month ÷ those of the month before
    before: Floats  # log2 of the hours a day in the month before, as measured
    engagement: Floats  # hidden
    sensitivity: Floats  # hidden


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


def true_slope(world: World) -> float:
    """The line through the mean true chance to leave at each randomised load."""
    loads, shape = np.unique(world.load[world.randomised]), world.engagement.shape
    chances = [ads_churn.leave_probability(np.full(shape, load), world.engagement, world.sensitivity) for load in loads]
    return float(np.polyfit(loads, [chance.mean() for chance in chances], 1)[0])


def read(world: World) -> dict[str, Any]:
    """Slopes for one more ad an hour, in the chance to leave (`hours`: relative hours of a month): by lot, as they seem, and the truth."""
    lot, rest, before = world.randomised, ~world.randomised, world.before[:, None]
    experiment = slope(world.load[lot], world.left[lot], before[lot])
    hours = slope(world.load[lot], world.hours[lot] / world.hours[lot].mean())
    return {
        "truth": true_slope(world),
        "experiment": experiment,
        "naive": slope(world.load[rest], world.left[rest]),
        "naive_adjusted": slope(world.load[rest], world.left[rest], before[rest]),
        "placebo": slope(world.load[lot], world.before[lot]),
        "naive_placebo": slope(world.load[rest], world.before[rest]),
        "hours": hours,
        "hours_long_run": hours.times(LONG_RUN),
        "arms": dose_response(world.load[lot], world.left[lot]),
    }


def report(seed: int, listeners: int, worlds: int) -> dict[str, Any]:
    """The first world in detail, and of all `worlds` how often the interval held the truth where the naive sign was wrong."""
    readings = [read(make_world(seed + i, listeners)) for i in range(worlds)]
    wrong = [reading["naive"].high < 0 < reading["truth"] for reading in readings]
    covered = [reading["experiment"].low <= reading["truth"] <= reading["experiment"].high for reading in readings]
    return {
        **{name: value._asdict() if isinstance(value, Slope) else value for name, value in readings[0].items()},
        "arms": [arm._asdict() for arm in readings[0]["arms"]],
        "long_run_over_month_assumed": LONG_RUN,
        "worlds": worlds,
        "covered": sum(covered),
        "naive_sign_wrong": sum(wrong),
        "covered_where_naive_is_wrong": sum(map(min, covered, wrong)),
        "placebo_covered": sum(reading["placebo"].low <= 0 <= reading["placebo"].high for reading in readings),
    }


LINES = {
    "experiment": ("leaving: randomised arms, points", 100),
    "naive": ("leaving: what happened to the others", 100),
    "naive_adjusted": ("the same, adjusted for hours before", 100),
    "placebo": ("placebo, log2 hours before: by lot", 1),
    "naive_placebo": ("placebo: the others", 1),
    "hours": ("hours of the first month, %", 100),
    "hours_long_run": (f"in the long run, if it is {LONG_RUN:.0f}×, %", 100),
}


def print_report(found: dict[str, Any]) -> None:
    """Slopes with 95 % intervals, for one more ad an hour."""
    print("leaving within two months, by ads an hour, randomised listeners")
    for arm in found["arms"]:
        print(
            f"  {arm['load']:4.0f} ads/h {arm['mean']:7.2%}  [{arm['low']:.2%}, {arm['high']:.2%}]  {arm['listeners']:,} listeners"
        )
    print(f"\none more ad an hour\n  {'leaving: the truth, points':38}{100 * found['truth']:+.2f}")
    for name, (text, scale) in LINES.items():
        effect, low, high = (scale * found[name][key] for key in ("effect", "low", "high"))
        print(f"  {text:38}{effect:+.2f} [{low:+.2f}, {high:+.2f}]")
    print(f"\n{found['worlds']} worlds: the naive sign is wrong in {found['naive_sign_wrong']}; there the interval holds the truth in "
          f"{found['covered_where_naive_is_wrong']}; the placebo's holds 0 in {found['placebo_covered']} of all")  # fmt: skip
