"""Hard filters: the inverted lists answer what the rule answers one by one, and nobody sees what they must not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_targeting.filters import bar, bits, build, eligible, reason
from ad_targeting.records import ADULT, SENSITIVE, Reason
from ad_targeting.targeting import to_campaigns
from shared.clock import DEMO_NOW
from shared.world.ads import CATEGORIES
from shared.world.schema import AGE_BANDS
from tests.ad_targeting.by_hand import HOUR_MS, numbered, request, requests, rule, rules


def may_play(campaigns, asked, met=None):
    barred, out = bits(np.zeros(len(campaigns.bid), np.bool_)), np.zeros(len(campaigns.bid), np.int64)
    ads = np.array(sorted(met or {}), np.int64)
    bar(ads, np.array([met[ad] for ad in ads.tolist()], np.int64) if met else ads, campaigns.cap, barred)
    found = eligible(build(campaigns), campaigns.starts, campaigns.ends, asked, barred, out)
    return out[:found].tolist()


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_the_lists_say_what_the_rule_says(data):
    campaigns = to_campaigns(numbered(data.draw(st.lists(rules, max_size=12)) * data.draw(st.sampled_from([1, 1, 7]))))
    count = len(campaigns.bid)
    asked = data.draw(requests)
    met = data.draw(st.dictionaries(st.integers(0, count - 1), st.integers(1, 4))) if count else {}
    reasons = [reason(campaigns, ad, asked, met.get(ad, 0)) for ad in range(count)]
    assert may_play(campaigns, asked, met) == [ad for ad in range(count) if reasons[ad] is Reason.SERVED]


def why(asked, met=0, **changes):
    return reason(to_campaigns([rule(**changes)]), 0, asked, met)


ADULTS = {"ages": list(AGE_BANDS[ADULT:])}


@pytest.mark.parametrize(
    ("expected", "campaign", "asked"),
    [
        (Reason.SERVED, {}, {}),
        (Reason.FLIGHT, {}, {"moment": DEMO_NOW - 1}),
        (Reason.FLIGHT, {}, {"moment": DEMO_NOW + 7 * 24 * HOUR_MS}),
        (Reason.COUNTRY, {"countries": ["US"]}, {}),
        (Reason.COUNTRY, {"countries": ["US"]}, {"country": -1}),
        (Reason.SERVED, {}, {"country": -1}),
        (Reason.CONTEXT, {"contexts": ["podcast"]}, {}),
        (Reason.HOUR, {"hours": [11, 13]}, {}),
        (Reason.CONSENT, ADULTS, {"consent": 0}),
        (Reason.SERVED, {}, {"consent": 0}),
        (Reason.AGE, {"ages": ["55+"]}, {}),
        (Reason.MINOR, ADULTS, {"age": 0}),
        (Reason.MINOR, ADULTS, {"age": -1}),
        (Reason.MINOR, {"category": "gambling"}, {"age": 0}),
        (Reason.MINOR, {"category": "gambling"}, {"age": -1}),
        (Reason.SERVED, {"category": "gambling"}, {}),
        (Reason.SERVED, {}, {"age": -1}),
        (Reason.SAFETY, {"rating": "everyone"}, {"rating": 2}),
    ],
)
def test_each_filter(expected, campaign, asked):
    assert why(request(**asked), **campaign) is expected
    assert may_play(to_campaigns([rule(**campaign)]), request(**asked)) == [0] * (expected is Reason.SERVED)


def test_a_cap_is_reached_and_not_passed():
    assert why(request(), met=2) is Reason.SERVED
    assert why(request(), met=3) is Reason.CAP


def test_a_minor_meets_no_sensitive_category_at_all():
    campaigns = to_campaigns(numbered([rule(category=category) for category in CATEGORIES]))
    for age in (-1, 0):
        assert may_play(campaigns, request(age=age)) == list(range(SENSITIVE))


def test_an_empty_inventory():
    assert may_play(to_campaigns([]), request()) == []
