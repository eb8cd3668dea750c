"""The causal ad-load effect: the interval holds the truth where the naive sign is wrong; slopes and arms by hand."""

import json

import numpy as np
import pytest

from ad_targeting.churn import dose_response, slope
from ad_targeting.churn_worlds import read, report
from shared.cli import main
from shared.world.ads_churn import make_experiment

WORLDS = 40  # the bench counts 100 larger ones


@pytest.fixture(scope="module")
def found():
    return report(1, 12_000, WORLDS)


def test_the_interval_holds_the_truth_where_the_naive_sign_is_wrong(found):
    assert found["naive_sign_wrong"] == WORLDS
    assert found["covered_where_naive_is_wrong"] >= 0.9 * WORLDS
    assert found["placebo_covered"] >= 0.85 * WORLDS


def test_the_interval_is_not_wide_to_hold_everything(found):
    assert found["experiment"]["error"] < found["truth"]


def test_a_known_proxy_does_not_cure_the_naive_estimate(found):
    assert found["naive"]["high"] < found["naive_adjusted"]["high"] < 0 < found["truth"]


def test_the_placebo_unmasks_what_was_no_lot():
    seen = read(make_experiment(3, 20_000))
    assert seen["placebo"].low < 0 < seen["placebo"].high
    assert seen["naive_placebo"].low > 0.5


def test_the_long_run_is_three_times_the_month(found):
    assert found["hours_long_run"]["effect"] == 3 * found["hours"]["effect"]
    assert found["hours_long_run"]["low"] < -0.02 < found["hours_long_run"]["high"]  # the published constant


def test_a_slope_is_that_of_least_squares():
    rng = np.random.default_rng(1)
    load, other = rng.choice([3.0, 6.0, 12.0], 500), rng.standard_normal((500, 2))
    outcome = 0.5 * load + other @ [1.0, -2.0] + rng.standard_normal(500)
    expected = np.linalg.lstsq(np.column_stack([load, np.ones(500), other]), outcome, rcond=None)[0][0]
    assert slope(load, outcome, other).effect == pytest.approx(expected)
    assert slope(load, outcome, other).error < slope(load, outcome).error


def test_the_error_is_that_of_the_bootstrap_where_variance_differs():
    rng = np.random.default_rng(2)
    load = rng.choice([3.0, 4.0, 12.0], 3_000)
    outcome = load + rng.standard_normal(3_000) * load
    again = [slope(load[draw], outcome[draw]).effect for draw in rng.integers(0, 3_000, (300, 3_000))]
    assert slope(load, outcome).error == pytest.approx(np.std(again), rel=0.15)


@pytest.mark.parametrize("load", [[6.0, 6.0, 6.0], [6.0], []])
def test_one_load_tells_no_slope(load):
    with pytest.raises(ValueError, match="no slope"):
        slope(np.array(load), np.zeros(len(load)))


def test_arms_are_means():
    arms = dose_response(np.array([6.0, 3.0, 6.0, 3.0, 12.0]), np.array([1.0, 0.0, 0.0, 0.0, 1.0]))
    assert [(arm.load, arm.listeners, arm.mean) for arm in arms] == [(3.0, 2, 0.0), (6.0, 2, 0.5), (12.0, 1, 1.0)]
    assert arms[2].low == -np.inf


def test_the_verb(capsys):
    assert main(["ad-targeting", "churn", "--listeners", "10000", "--json"]) == 0
    assert {"truth", "experiment", "naive", "placebo", "arms"} <= set(json.loads(capsys.readouterr().out))
    assert main(["ad-targeting", "churn", "--listeners", "10000", "--worlds", "2"]) == 0
    assert "what happened to the others" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["ad-targeting", "churn", "--listeners", "5"])
    assert "expected 10,000" in capsys.readouterr().err
