"""The experiment of `churn.py` in worlds whose truth is known: does the interval hold it, and what would have been seen without a lot?"""

from typing import Any

from ad_targeting.churn import LONG_RUN, Slope, dose_response, slope, slope_of
from shared.world.ads_churn import LoadExperiment, make_experiment


def read(world: LoadExperiment) -> dict[str, Any]:
    """Slopes for one more ad an hour, in the chance to leave (`hours`: relative hours of a month): by lot, as they seem, and the truth."""
    lot, rest, before = world.randomised, ~world.randomised, world.before[:, None]
    experiment = slope(world.load[lot], world.left[lot], before[lot])
    hours = slope(world.load[lot], world.hours[lot] / world.hours[lot].mean())
    return {
        "truth": world.true_slope(),
        "experiment": experiment,
        "naive": slope(world.load[rest], world.left[rest]),
        "naive_adjusted": slope(world.load[rest], world.left[rest], before[rest]),
        "placebo": slope(world.load[lot], world.before[lot]),
        "naive_placebo": slope(world.load[rest], world.before[rest]),
        "hours": hours,
        "hours_long_run": slope_of(hours.effect * LONG_RUN, hours.error * LONG_RUN),
        "arms": dose_response(world.load[lot], world.left[lot]),
    }


def report(seed: int, listeners: int, worlds: int) -> dict[str, Any]:
    """The first world in detail, and of all `worlds` how often the interval held the truth where the naive sign was wrong."""
    readings = [read(make_experiment(seed + i, listeners)) for i in range(worlds)]
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
    "experiment": ("leaving: randomised arms, points", 100), "naive": ("leaving: what happened to the others", 100),
    "naive_adjusted": ("the same, adjusted for hours before", 100), "placebo": ("placebo, log2 hours before: by lot", 1),
    "naive_placebo": ("placebo: the others", 1), "hours": ("hours of the first month, %", 100),
    "hours_long_run": (f"in the long run, if it is {LONG_RUN:.0f}×, %", 100),
}  # fmt: skip


def print_report(found: dict[str, Any]) -> None:
    """Slopes with 95 % intervals, for one more ad an hour."""
    print("leaving within two months, by ads an hour, randomised listeners")
    for arm in found["arms"]:
        interval = f"[{arm['low']:.2%}, {arm['high']:.2%}]"
        print(f"  {arm['load']:4.0f} ads/h {arm['mean']:7.2%}  {interval}  {arm['listeners']:,} listeners")
    print(f"\none more ad an hour\n  {'leaving: the truth, points':38}{100 * found['truth']:+.2f}")
    for name, (text, scale) in LINES.items():
        effect, low, high = (scale * found[name][key] for key in ("effect", "low", "high"))
        print(f"  {text:38}{effect:+.2f} [{low:+.2f}, {high:+.2f}]")
    print(f"\n{found['worlds']} worlds: the naive sign is wrong in {found['naive_sign_wrong']}; there the interval holds the truth in "
          f"{found['covered_where_naive_is_wrong']}; the placebo's holds 0 in {found['placebo_covered']} of all")  # fmt: skip
