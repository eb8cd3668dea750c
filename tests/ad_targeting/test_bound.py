"""The bound: certified for any λ, close to the linear programme's optimum, equal to a loop in plain Python."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array

from ad_targeting.bound import dual, solve, spots
from ad_targeting.simulate import contestants, play
from tests.ad_targeting.days import best_of_break, no_floor, small_day


def test_one_pass_equals_sorting_each_break():
    day, rng = small_day(), np.random.default_rng(3)
    shadow, floor = rng.random(day.group.size), rng.random(day.today.breaks.moment.size) * 9_000
    category = day.market.campaigns.category
    spend, value = np.zeros(shadow.size, np.int64), 0.0
    for b in range(floor.size):
        for ad, price, worth in best_of_break(day.today, b, shadow, floor, category):
            spend[ad] += price
            value += worth
    found = dual(day.today, day.noon, category, shadow, floor)
    assert found.bound == pytest.approx(value + shadow @ day.noon)
    assert (found.spend == spend).all()
    played = spots(day.today, category, shadow, floor)
    assert (np.bincount(played.ad, played.price, shadow.size) == spend).all()


@pytest.fixture(scope="module")
def optimum():
    """(maximum of the linear programme by HiGHS, our bound) of the first 250 breaks with budgets to match."""
    day = small_day()
    log = day.today
    size, ads = 250, day.group.size
    columns = int(log.first[size])
    where = np.repeat(np.arange(size), np.diff(log.first[: size + 1]))
    ad, price = log.ad[:columns].astype(np.int64), log.price[:columns].astype(np.float64)
    budgets = day.noon // (log.breaks.moment.size // size)
    rows = coo_array(
        (np.append(np.ones(columns), price), (np.append(where, size + ad), np.tile(np.arange(columns), 2)))
    )
    limits = np.append(log.breaks.slots[:size], budgets).astype(np.float64)
    found = linprog(-price, A_ub=rows.tocsr()[: size + ads], b_ub=limits, bounds=(0, 1), method="highs")
    short = log._replace(
        breaks=log.breaks._replace(moment=log.breaks.moment[:size], slots=log.breaks.slots[:size]),
        first=log.first[: size + 1],
    )
    return -found.fun, short, budgets, day.group


def test_the_bound_is_the_optimum_of_the_linear_programme_within_three_per_mille(optimum):
    best, log, budgets, group = optimum
    bound = solve(log, budgets, group, np.zeros(250), rounds=300).bound
    assert best - 1e-6 * best <= bound <= best * 1.003


def test_no_price_whatever_goes_below_the_optimum(optimum):
    best, log, budgets, group = optimum
    rng = np.random.default_rng(1)
    for _ in range(50):
        shadow = rng.random(group.size) ** rng.integers(1, 9)
        assert dual(log, budgets, group, shadow, np.zeros(250)).bound >= best - 1e-6 * best


def test_no_policy_earns_more_than_the_bound():
    day = small_day()
    floor = no_floor(day.today)
    bound = solve(day.today, day.noon, day.group, floor, rounds=30).bound
    shadow = np.full(day.group.size, 0.3)
    for policy in contestants(day.yesterday, shadow, day.group, no_floor(day.yesterday), 1).values():
        assert 0 < play(day, policy, floor).revenue <= bound
