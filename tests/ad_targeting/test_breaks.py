"""A break is the best there is: held to every possible break, by brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_targeting.breaks import assemble
from ad_targeting.records import MAX_SLOTS
from ad_targeting.rule import offer

SPOTS = [15_000, 30_000]


@st.composite
def inventory(draw, most=9):
    """Candidates (ad, value) and the columns of their campaigns; few values, so that ties and conflicts are many."""
    count = draw(st.integers(0, most))
    numbers = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    values = draw(st.lists(st.integers(-3, 6), min_size=count, max_size=count))
    ads = draw(st.permutations(range(count)))
    lengths = draw(st.lists(st.sampled_from(SPOTS), min_size=count, max_size=count))
    columns = (draw(numbers), draw(numbers), lengths)
    return np.array(ads, np.int64), np.array(values, np.float64), [np.array(column, np.int64) for column in columns]


def assembled(ads, values, columns, slots, room):
    chosen = np.full(MAX_SLOTS, -1, np.int64)
    taken = assemble(ads, values, len(ads), *columns, slots, room, chosen)
    return chosen[:taken].tolist()


def every_break(ads, values, columns, slots, room):
    """(value, positions) of each break that is allowed."""
    category, advertiser, length = columns
    for size in range(slots + 1):
        for positions in combinations(range(len(ads)), size):
            chosen = ads[list(positions)]
            apart = all(len(set(column[chosen].tolist())) == size for column in (category, advertiser))
            if apart and length[chosen].sum() <= room and all(values[at] > 0 for at in positions):
                yield sum(values[at] for at in positions), positions


@given(inventory(), st.integers(1, MAX_SLOTS), st.sampled_from([0, 15_000, 45_000, 60_000, 120_000]))
@settings(max_examples=150, deadline=None)
def test_the_best_of_every_possible_break(candidates, slots, room):
    ads, values, columns = candidates
    positions = assembled(ads, values, columns, slots, room)
    allowed = {frozenset(found): value for value, found in every_break(ads, values, columns, slots, room)}
    assert allowed[frozenset(positions)] == max(allowed.values())
    assert [values[at] for at in positions] == sorted((values[at] for at in positions), reverse=True)


def pick(ads, values, count, group, slots, chosen):
    """Positions of the best ads, one a group, into chosen; the way of the batch."""
    best, worth, taken = np.empty(slots, np.int64), np.empty(slots), 0
    for k in range(count):
        if values[k] > 0:
            taken = offer(best, worth, taken, slots, ads[k], values[k], group)
    chosen[:taken] = [ads.tolist().index(ad) for ad in best[:taken]]
    return taken


@given(inventory(), st.integers(1, MAX_SLOTS))
@settings(max_examples=80, deadline=None)
def test_where_only_categories_bind_it_is_the_rule_of_the_batch(candidates, slots):
    ads, values, (category, _, length) = candidates
    chosen = np.full(MAX_SLOTS, -1, np.int64)
    taken = pick(ads, values, len(ads), category, slots, chosen)
    columns = category, ads[np.argsort(ads)], length  # as many advertisers as ads
    assert assembled(ads, values, columns, slots, 1 << 40) == chosen[:taken].tolist()


def columns_of(count, category=None, advertiser=None, length=None):
    unique = np.arange(count)
    return [
        unique if category is None else np.array(category),
        unique if advertiser is None else np.array(advertiser),
        np.full(count, 30_000) if length is None else np.array(length),
    ]


def test_inventory_of_one_category_fills_one_slot():
    ads, values = np.arange(5), np.array([1.0, 5.0, 3.0, 5.0, 2.0])
    assert assembled(ads, values, columns_of(5, category=[7] * 5), 4, 120_000) == [1]


def test_a_house_of_brands_meets_itself_in_no_break():
    ads, values = np.arange(3), np.array([5.0, 4.0, 1.0])
    assert assembled(ads, values, columns_of(3, advertiser=[1, 1, 2]), 2, 60_000) == [0, 2]


def test_two_short_spots_beat_a_long_one_that_is_worth_more():
    ads, values = np.arange(3), np.array([5.0, 4.0, 3.0])
    assert assembled(ads, values, columns_of(3, length=[30_000, 15_000, 15_000]), 2, 30_000) == [1, 2]


def test_a_break_of_one_slot_plays_the_best():
    ads, values = np.array([4, 2, 0]), np.array([2.0, 7.0, 7.0])
    assert assembled(ads, values, columns_of(5), 1, 30_000) == [2]  # a tie: the lower campaign


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), -float("inf")])
def test_what_is_worth_nothing_leaves_the_slot_silent(value):
    assert assembled(np.arange(1), np.array([value]), columns_of(1), 2, 60_000) == []
