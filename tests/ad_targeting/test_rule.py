"""The rule against words: targeting one attribute at a time, and the best of a break by sorting."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_targeting.records import ALL_AGES, ALL_COUNTRIES, Campaigns, Reason, Request
from ad_targeting.rule import fits, offer
from shared.world.ads import CATEGORIES, CONTEXTS

CONTEXT_MASK, HOUR_MASK = np.uint64((1 << len(CONTEXTS)) - 1), np.uint64((1 << 24) - 1)
OPEN = {"countries": ALL_COUNTRIES, "ages": ALL_AGES, "contexts": CONTEXT_MASK, "hours": HOUR_MASK}
REQUEST = Request(0, 500, 3, 2, 3, 5, 20, 0, 1, 2)


def campaign(**changed):
    columns = {
        "campaign_id": 1,
        "advertiser": 0,
        "category": 0,
        "budget": 10**6,
        "bid": 10**5,
        "starts": 0,
        "ends": 1000,
    }
    columns |= OPEN | {"cap": 2, "rating": 2} | changed
    return Campaigns(**{name: np.array([columns[name]]) for name in Campaigns._fields})


@pytest.mark.parametrize(
    ("campaigns", "request_", "reason"),
    [
        (campaign(), REQUEST, Reason.SERVED),
        (campaign(starts=501), REQUEST, Reason.FLIGHT),
        (campaign(ends=500), REQUEST, Reason.FLIGHT),
        (campaign(countries=np.uint64(1 << 4)), REQUEST, Reason.COUNTRY),
        (campaign(countries=np.uint64(1 << 2)), REQUEST, Reason.SERVED),
        (campaign(countries=np.uint64(1 << 2)), REQUEST._replace(country=-1), Reason.COUNTRY),
        (campaign(), REQUEST._replace(country=-1), Reason.SERVED),
        (campaign(contexts=np.uint64(1 << 6)), REQUEST, Reason.CONTEXT),
        (campaign(hours=np.uint64(1 << 21)), REQUEST, Reason.HOUR),
        (campaign(ages=np.uint64(1 << 4)), REQUEST, Reason.AGE),
        (campaign(ages=np.uint64(1 << 3)), REQUEST._replace(consent=0), Reason.CONSENT),
        (campaign(ages=np.uint64(1)), REQUEST._replace(age=0), Reason.MINOR),
        (campaign(ages=np.uint64(1 << 3)), REQUEST._replace(age=-1), Reason.MINOR),
        (campaign(category=CATEGORIES.index("alcohol")), REQUEST._replace(age=-1), Reason.MINOR),
        (campaign(category=CATEGORIES.index("alcohol")), REQUEST, Reason.SERVED),
        (campaign(rating=0), REQUEST._replace(rating=1), Reason.SAFETY),
    ],
)
def test_why_a_campaign_may_not_play(campaigns, request_, reason):
    assert fits(campaigns, 0, request_) == reason
    assert fits.py_func(campaigns, 0, request_) == reason


def offered(rows, slots):
    """Values and ads of a break to which (group, value) were offered in this order."""
    group = np.array([at for at, _ in rows], np.int64)
    ads, values, taken = np.empty(4, np.int64), np.empty(4), 0
    for ad, (_, value) in enumerate(rows):
        taken = offer(ads, values, taken, slots, ad, float(value), group)
    return values[:taken], ads[:taken]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=12), st.integers(1, 4))
def test_offers_in_any_order_end_in_the_best_of_each_group(rows, slots):
    values, ads = offered(rows, slots)
    best = {}
    for ad, (at, value) in enumerate(rows):
        if at not in best or value > best[at][0]:
            best[at] = (value, ad)
    expected = sorted(best.values(), key=lambda row: (-row[0], row[1]))[:slots]
    assert list(zip(values, ads, strict=True)) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=8), st.integers(1, 4))
def test_no_break_with_competitors_apart_is_worth_more(rows, slots):
    values, _ = offered(rows, slots)
    every = (chosen for size in range(slots + 1) for chosen in combinations(rows, size))
    apart = (chosen for chosen in every if len({at for at, _ in chosen}) == len(chosen))
    assert values.sum() == max(sum(value for _, value in chosen) for chosen in apart)


def test_inventory_of_one_category_fills_one_slot():
    ads, values, taken = np.empty(4, np.int64), np.empty(4), 0
    for ad, value in enumerate([1.0, 5.0, 3.0, 5.0]):
        taken = offer(ads, values, taken, 4, ad, value, np.full(4, 7))
    assert (taken, ads[0]) == (1, 1)  # a tie: the lower campaign
