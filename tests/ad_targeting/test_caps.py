"""Caps: the bound against HiGHS on a whole small day, above whatever anybody earns, and no listener over a cap."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array

from ad_targeting.bound import solve
from ad_targeting.caps import as_caps_leave, capped, capped_dual, habits, make_history, price_hearings, solve_capped
from ad_targeting.simulate import compare
from ad_targeting.world import usual_breaks
from tests.ad_targeting.days import no_floor, small_day


@pytest.fixture(scope="module")
def day():
    return small_day(caps=True)


@pytest.fixture(scope="module")
def rules(day):
    return capped(day.today, day.group, day.market.campaigns.cap)


@pytest.fixture(scope="module")
def optimum(day):
    """Maximum of the linear programme with budgets, slots, one ad of a category in a break, and caps."""
    log, ads = day.today, day.group.size
    where = np.repeat(np.arange(log.breaks.moment.size), np.diff(log.first))
    ad, user, price = log.ad.astype(np.int64), log.breaks.user[where].astype(np.int64), log.price.astype(np.float64)
    limits, rows, values = [], [], []
    for part, limit, value in (
        (where, log.breaks.slots, np.ones(ad.size)),
        (ad, day.noon, price),
        (where * ads + day.group[ad], None, np.ones(ad.size)),
        (user * ads + ad, day.market.campaigns.cap, np.ones(ad.size)),
    ):
        known, row = np.unique(part, return_inverse=True)
        rows.append(row + sum(map(len, limits)))
        limits.append(
            np.ones(known.size) if limit is None else limit[known % ads if limit is not log.breaks.slots else known]
        )
        values.append(value)
    matrix = coo_array((np.concatenate(values), (np.concatenate(rows), np.tile(np.arange(ad.size), 4))))
    found = linprog(-price, A_ub=matrix.tocsr(), b_ub=np.concatenate(limits), bounds=(0, 1), method="highs")
    return -found.fun


def test_the_bound_is_the_optimum_of_the_linear_programme_within_three_per_mille(day, rules, optimum):
    floor = no_floor(day.today)
    plain = solve(day.today, day.noon, day.group, floor)
    found = solve_capped(day.today, day.noon, rules, floor, plain.shadow, rounds=25)
    assert optimum * (1 - 1e-6) <= found.bound <= optimum * 1.003
    assert plain.bound > optimum * 1.05  # blind to caps it is true, and useless


def test_no_price_whatever_goes_below_the_optimum(day, rules, optimum):
    rng = np.random.default_rng(1)
    for _ in range(5):
        shadow = rng.random(day.group.size) ** rng.integers(1, 9)
        assert capped_dual(day.today, day.noon, rules, shadow, no_floor(day.today)).bound >= optimum * (1 - 1e-6)


def test_without_caps_it_is_the_plain_bound(day, rules):
    floor = no_floor(day.today)
    free = rules._replace(cap=np.full(day.group.size, 99))
    shadow = np.full(day.group.size, 0.2)
    expected = solve(day.today, day.noon, day.group, floor, start=shadow, rounds=1)
    found = capped_dual(day.today, day.noon, free, shadow, floor)
    assert found.bound == pytest.approx(expected.bound)
    assert (found.spend == expected.spend).all()


def test_yesterday_as_caps_leave_it_offers_no_hearing_beyond_the_cap_that_had_a_price(day):
    rules = capped(day.yesterday, day.group, day.market.campaigns.cap)
    floor, shadow = no_floor(day.yesterday), np.full(day.group.size, 0.2)
    left = as_caps_leave(day.yesterday, rules, shadow, floor)
    assert left.ad.size < day.yesterday.ad.size
    with_caps, without = (
        capped_dual(log, day.noon, at, shadow, floor)
        for log, at in ((left, rules), (left, rules._replace(cap=np.full(day.group.size, 99))))
    )
    blind = capped_dual(day.yesterday, day.noon, rules._replace(cap=np.full(day.group.size, 99)), shadow, floor)
    assert without.bound - with_caps.bound < 0.2 * (blind.bound - with_caps.bound)


def test_policies_under_caps_keep_them_and_stay_below_the_bound(day):
    found = compare(day, ("greedy", "ours", "ours, knowing caps"))["policies"]
    for policy in found.values():
        assert 0 < policy["share_of_bound"] <= 1
        assert policy["overspent_micros"] == 0
        ads, users = policy["outcome"].played, np.repeat(day.today.breaks.user[:, None], 4, axis=1)
        shown = np.zeros((users.max() + 1, day.group.size), np.int64)
        np.add.at(shown, (users[ads >= 0], ads[ads >= 0]), 1)
        assert (shown.max(axis=0) <= day.market.campaigns.cap).all()
    ours, knowing = found["ours"]["share_of_bound"], found["ours, knowing caps"]["share_of_bound"]
    assert knowing > ours + 0.01 > found["greedy"]["share_of_bound"]


@pytest.fixture(scope="module")
def history(day):
    return make_history(day.yesterday, day.today, day.group, day.market.campaigns.cap, usual_breaks(day.market))


def hearings(day, history, b, shown=None):
    """What a hearing of each ad is worth after break b of today, λ = 0."""
    user, ads = int(day.today.breaks.user[b]), day.group.size
    shown = np.zeros((day.market.listeners.age.size, ads), np.uint8) if shown is None else shown
    found = np.full(ads, -1.0)
    price_hearings(history, b, user, shown, np.zeros(ads), found)
    return found


def test_a_hearing_has_a_price_while_breaks_are_to_come_and_none_at_the_end_of_the_day(day, history):
    later = np.argsort(-history.later)
    assert hearings(day, history, int(later[0])).max() > 0
    over = history._replace(later=np.zeros(later.size))
    assert (hearings(day, over, int(later[0])) == 0).all()


def test_a_hearing_is_dearer_when_more_breaks_will_ask_for_it(day, history):
    b = int(np.argmax(history.later))
    few, many = (hearings(day, history._replace(later=history.later * times), b).sum() for times in (0.3, 3))
    assert many > few


def test_only_what_was_before_a_break_is_known_of_it(day, history):
    """The future of the joined log may be anything."""
    b = day.today.breaks.moment.size // 2
    since = day.yesterday.breaks.moment.size
    price, end = history.log.price.copy(), history.log.first[since + b]
    price[end:] = 1
    other = history._replace(log=history.log._replace(price=price))
    assert (hearings(day, other, b) == hearings(day, history, b)).all()
    cut = type(day.today.breaks)(*(column[: b + 1] for column in day.today.breaks))
    now = day.today._replace(breaks=cut)
    short = make_history(day.yesterday, now, day.group, day.market.campaigns.cap, usual_breaks(day.market))
    assert (short.later == history.later[: b + 1]).all()


@pytest.mark.parametrize(("listening", "shape"), [(0.75, 2.0), (0.4, 5.0), (0.9, 4.0)])
def test_habits_are_read_from_a_day_whatever_they_are(listening, shape):
    rng = np.random.default_rng(3)
    usual = rng.lognormal(1, 0.8, 50_000)
    days = (rng.random(usual.size) < listening) / listening * rng.gamma(shape, 1 / shape, usual.size)
    share, found = habits(rng.poisson(usual * days), usual)
    assert share == pytest.approx(listening, rel=0.1)
    assert found == pytest.approx(shape, rel=0.3)


def test_a_day_that_strays_from_no_habit_is_a_steady_one():
    assert habits(np.array([4, 4, 4, 4]), np.full(4, 4.0)) == (1.0, 100.0)


def test_usual_breaks_are_counted_from_what_was_met_and_their_scale_does_not_matter(day, history):
    usual, engagement = usual_breaks(day.market), day.market.listeners.engagement
    assert usual.min() > 0
    assert 0.8 < np.corrcoef(usual, engagement)[0, 1] < 0.999  # near the truth, and not the truth
    again = make_history(day.yesterday, day.today, day.group, day.market.campaigns.cap, 3 * usual)
    assert again.later == pytest.approx(history.later)


def test_as_many_breaks_are_expected_as_come(day, history):
    user = day.today.breaks.user
    order = np.argsort(user, kind="stable")
    last = np.searchsorted(user[order], user[order], side="right") - 1
    to_come = np.empty(user.size)
    to_come[order] = last - np.arange(user.size)
    assert history.later.mean() == pytest.approx(to_come.mean(), rel=0.25)
    assert np.corrcoef(history.later, to_come)[0, 1] > 0.6
