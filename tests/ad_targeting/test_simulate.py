"""A played day: equal to a slow loop, within every budget, the same twice, and paced by ours better than by greed."""

import numpy as np
import pytest

from ad_targeting.commands import SCENARIOS
from ad_targeting.pacing import MINUTES, Now, Pacer, minutes, rows, sample
from ad_targeting.serve import Rule, coin, new_state, serve
from ad_targeting.simulate import compare, make_day, play
from tests.ad_targeting.days import best_of_break, no_floor, small_day


def test_serving_equals_a_slow_loop_with_budgets_and_caps():
    day, rng = small_day(), np.random.default_rng(5)
    log, campaigns = day.today, day.market.campaigns
    shadow, floor = rng.random(day.group.size) * 0.5, rng.random(log.breaks.moment.size) * 5_000
    budgets, cap = campaigns.budget // 4, campaigns.cap
    state = new_state(budgets, day.market.listeners.age.size, True)
    played = np.full((floor.size, 4), -1, np.int16)
    revenue = serve(log, 0, floor.size, state, Rule(shadow, floor, campaigns.category, cap, np.ones(cap.size)), played)

    left, shown, earned = budgets.copy(), {}, 0
    for b in range(floor.size):
        user = int(log.breaks.user[b])
        best = best_of_break(
            log, b, shadow, floor, campaigns.category,
            lambda ad, price, user=user: left[ad] >= price and shown.get((user, ad), 0) < cap[ad],
        )  # fmt: skip
        assert [ad for ad, _, _ in best] == played[b][played[b] >= 0].tolist()
        for ad, price, _ in best:
            left[ad] -= price
            earned += price
            shown[user, ad] = shown.get((user, ad), 0) + 1
    assert revenue == earned
    assert (state.left == left).all()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_overspent_and_ours_beats_greed(scenario):
    found = compare(small_day(scenario), ("greedy", "ours"))["policies"]
    for policy in found.values():
        assert policy["overspent_micros"] == 0
        assert policy["share_of_bound"] <= 1
        assert (np.diff(policy["outcome"].curve, axis=0) >= 0).all()
    assert found["ours"]["share_of_bound"] > found["greedy"]["share_of_bound"]


def test_a_day_played_twice_is_the_same():
    first, second = (compare(small_day(), ("ours",))["policies"]["ours"]["outcome"] for _ in range(2))
    assert first.revenue == second.revenue
    assert (first.played == second.played).all()


def test_a_budget_cut_below_what_is_spent_stops_the_campaign_there():
    day = small_day()._replace(noon=np.ones(small_day().group.size, np.int64))
    everyone = np.ones(day.group.size)
    outcome = play(day, lambda _: (np.zeros(day.group.size), everyone), no_floor(day.today))
    noon = outcome.curve[48]
    assert (outcome.budgets == np.maximum(noon, 1)).all()
    assert (outcome.curve[-1] == noon).all()


def test_throttling_by_coin_takes_the_stated_share():
    assert np.mean([coin(b, 3) < 0.3 for b in range(20_000)]) == pytest.approx(0.3, abs=0.02)


def test_a_sample_holds_the_chosen_breaks():
    log = small_day().yesterday
    chosen = np.array([0, 3, 3, 17])
    found = sample(log, chosen)
    for at, b in enumerate(chosen):
        part, whole = slice(found.first[at], found.first[at + 1]), slice(log.first[b], log.first[b + 1])
        assert (found.ad[part] == log.ad[whole]).all()
        assert (found.price[part] == log.price[whole]).all()
    assert (found.breaks.user == log.breaks.user[chosen]).all()


def test_an_overspender_becomes_dearer_before_the_next_solve():
    day = small_day()
    shadow = np.full(day.group.size, 0.3)
    pacer = Pacer(day.yesterday, shadow, day.group, no_floor(day.yesterday), 1)
    pacer.last, pacer.next = 599, MINUTES
    left = day.noon.copy()
    left[0] //= 2
    prices = pacer.prices(Now(600, day.noon, left, rows(day.today.breaks, slice(100))))
    assert prices[0] > 0.5
    assert prices[1:] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("every", [1, 15])
def test_spending_as_planned_moves_no_price_however_often_they_are_asked(every):
    day = small_day()
    shadow = np.full(day.group.size, 0.3)
    pacer = Pacer(day.yesterday, shadow, day.group, no_floor(day.yesterday), 1)
    pacer.next, budgets = MINUTES, pacer.planned / 1.3 + 1
    pacer.planned = budgets
    for minute in range(0, 1000, every):
        left = budgets * (1 - pacer.curve[minute])
        prices = pacer.prices(Now(minute, budgets, left, rows(day.today.breaks, slice(100))))
    assert prices == pytest.approx(0.3, abs=1e-6)


def test_an_edited_budget_is_no_spending():
    day = small_day()
    shadow = np.full(day.group.size, 0.3)
    pacer = Pacer(day.yesterday, shadow, day.group, no_floor(day.yesterday), 1)
    pacer.next, spent = MINUTES, day.noon // 10
    for minute, budgets in ((719, day.noon), (720, day.noon * 2)):
        pacer.last = max(pacer.last, 718)
        pacer.spent = spent
        prices = pacer.prices(Now(minute, budgets, budgets - spent, rows(day.today.breaks, slice(100))))
    assert prices == pytest.approx(0.3, abs=0.02)


def test_a_country_that_falls_silent_takes_no_context_with_it():
    day = make_day(7, 100_000, 40, "normal", False)
    pacer = Pacer(day.yesterday, np.full(day.group.size, 0.3), day.group, no_floor(day.yesterday), 1)
    usual = day.yesterday.breaks
    silent = int(np.bincount(usual.country).argmax())
    begins = (int(np.searchsorted(pacer.minute, minute)) for minute in range(600, 700))
    first = next(at for at in begins if usual.country[at] == silent)  # the next break is of that country
    today = rows(usual, np.flatnonzero(usual.country[:first] != silent))
    weight = pacer._expected(Now(int(pacer.minute[first]), day.noon, day.noon, today), first)
    soon, others = weight[:300], usual.country[first : first + 300] != silent
    assert soon[~others].mean() < 0.6
    for context in np.unique(usual.context):
        assert soon[others & (usual.context[first : first + 300] == context)].mean() == pytest.approx(1, abs=0.2)


def test_minutes_are_those_of_the_utc_day():
    moment = small_day().today.breaks.moment
    assert (np.diff(moment) >= 0).all()
    assert minutes(moment).min() >= 0
    assert minutes(moment).max() < MINUTES
