"""The frontier: fewer ads keep more listeners, a price on churn beats caps, and one point beats filling everything on both axes."""

import pytest

from ad_targeting import frontier as f
from ad_targeting.bound import solve, spots
from tests.ad_targeting.days import no_floor, small_day


@pytest.fixture(scope="module")
def points():
    day = small_day()
    floor = no_floor(day.yesterday)
    shadow = solve(day.yesterday, day.noon, day.group, floor, rounds=20).shadow
    people = f.audience(day.market, day.yesterday, spots(day.yesterday, day.group, shadow, floor), shadow)
    return f.frontier(people, 1)


def test_fewer_ads_keep_more_listeners(points):
    for name in (f.CAP, f.RESERVE, f.OURS):
        load = [point.load for point in points[name]]
        assert load == sorted(load, reverse=True)
        assert [point.retention for point in points[name]] == sorted(point.retention for point in points[name])


def test_kappa_zero_is_filling_every_slot(points):
    assert points[f.OURS][0] == points[f.FILL][0]._replace(setting=0.0)


def test_a_point_of_ours_beats_filling_everything_on_both_axes(points):
    best = f.summary(points)["beats_fill_all"]
    assert best.revenue > points[f.FILL][0].revenue
    assert best.retention > points[f.FILL][0].retention


def test_at_equal_retention_a_cap_on_ads_an_hour_earns_less(points):
    level = points[f.FILL][0].retention + 0.04
    assert f.revenue_at(points[f.OURS], level) > 1.3 * f.revenue_at(points[f.CAP], level)


def test_revenue_beyond_the_settings_is_unknown(points):
    assert f.revenue_at(points[f.CAP], 0.999) is None
