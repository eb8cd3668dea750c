"""The market: the same from the same seed, every price and campaign possible, the constants of the published experiment."""

import numpy as np
import pytest

from ad_targeting.records import Reason
from ad_targeting.rule import fits
from ad_targeting.world import make_log, make_market, request_of
from shared.clock import DAY_MS, DEMO_NOW
from shared.world import ads, ads_churn


def test_one_seed_one_day():
    first, second = (make_log(make_market(3, 2_000, 30), 0) for _ in range(2))
    assert (first.price == second.price).all()
    assert (first.breaks.moment == second.breaks.moment).all()
    assert make_log(make_market(4, 2_000, 30), 0).price.sum() != first.price.sum()


def test_candidates_are_those_that_fit_the_dearest_first():
    market = make_market(3, 2_000, 30)
    log = make_log(market, 0)
    for b in range(0, log.breaks.moment.size, 7):
        request = request_of(log.breaks, b)
        fitting = [i for i in range(30) if fits(market.campaigns, i, request) == Reason.SERVED]
        here = slice(log.first[b], log.first[b + 1])
        assert sorted(log.ad[here].tolist()) == fitting
        assert (np.diff(log.price[here]) <= 0).all()
        assert log.price[here].min(initial=1) >= 1


@pytest.mark.parametrize(
    ("utc_hour", "hour", "days"), [(12, 12, 0), (20, 5, 1), (3, 19, -1), (23, 0, 1), (0, 23, -1), (0, 11, 0)]
)
def test_a_request_knows_the_listeners_own_day(utc_hour, hour, days):
    breaks = make_log(make_market(3, 2_000, 30), 0).breaks
    moment = breaks.moment.copy()
    moment[0] = DEMO_NOW + utc_hour * DAY_MS // 24
    found = request_of(breaks._replace(moment=moment, hour=np.full(moment.size, hour, np.int8)), 0)
    assert found.day - DEMO_NOW // DAY_MS == days
    assert (found.moment, found.hour) == (moment[0], hour)


def test_slots_and_moments_are_those_asked_for():
    breaks = make_log(make_market(3, 2_000, 30), 0).breaks
    assert 1_990 <= breaks.slots.sum() <= 2_000
    assert breaks.moment.min() >= DEMO_NOW
    assert breaks.moment.max() < DEMO_NOW + DAY_MS


def test_an_outage_silences_the_largest_country_for_six_hours():
    listeners = ads.make_listeners(3, 4_000)
    breaks = ads.make_breaks(listeners, 3, 0, 20_000, "outage")
    hour = breaks.moment % DAY_MS / (DAY_MS / 24)
    away = listeners.country[breaks.user] == 0
    assert not away[(hour >= 12) & (hour < 18)].any()
    assert away[hour < 12].any()


def test_a_spike_multiplies_one_context():
    listeners = ads.make_listeners(3, 4_000)
    usual, spike = (ads.make_breaks(listeners, 3, 0, 20_000, shock) for shock in ("", "spike"))
    assert np.bincount(spike.context)[ads.SPIKE] > 2 * np.bincount(usual.context)[ads.SPIKE]


def test_engaged_listeners_meet_more_breaks_and_more_ads_an_hour():
    listeners = ads.make_listeners(3, 4_000)
    breaks = ads.make_breaks(listeners, 3, 0, 20_000)
    met = np.bincount(breaks.user, minlength=listeners.engagement.size)
    assert np.corrcoef(met, listeners.engagement)[0, 1] > 0.4
    load = ads_churn.observed_load(np.random.default_rng(1), listeners.engagement)
    assert np.corrcoef(load, np.log(listeners.engagement))[0, 1] > 0.5


def test_one_more_ad_an_hour_costs_two_per_cent_of_hours_in_the_long_run_and_a_third_in_a_month():
    one, more = np.ones(1), np.full(1, ads_churn.USUAL_LOAD + 1)
    assert ads_churn.hours_factor(more, one, 60)[0] == pytest.approx(0.98, abs=1e-4)
    assert ads_churn.hours_factor(more, one, 1)[0] == pytest.approx(1 - 0.02 / 3)


def test_the_marginal_hazard_is_the_slope_of_leaving():
    engagement, sensitivity = np.array([0.5, 2.0]), np.array([1.5, 0.7])
    usual, step = np.full(2, ads_churn.USUAL_LOAD), 1e-4
    slope = (
        ads_churn.leave_probability(usual + step, engagement, sensitivity)
        - ads_churn.leave_probability(usual, engagement, sensitivity)
    ) / step
    assert ads_churn.marginal_hazard(engagement, sensitivity) * 60 * engagement == pytest.approx(slope, rel=1e-3)
