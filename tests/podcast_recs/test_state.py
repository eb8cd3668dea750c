"""The state follows events by their own time, once each, in whatever order they come."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from podcast_recs.records import HOUR_MS, Event, What
from podcast_recs.state import State
from tests.podcast_recs.by_hand import NOW, catalogue, started, stopped

EVENTS = st.builds(
    Event,
    event_id=st.integers(0, 60),
    user=st.integers(0, 3),
    episode=st.integers(0, 11),
    what=st.sampled_from([What.SHOWN, What.STARTED, What.FOLLOWED]),
    at=st.integers(NOW - 1000 * HOUR_MS, NOW),
)


def state_after(events):
    state = State(catalogue())
    state.apply_all(events)
    return state


@given(st.lists(EVENTS, max_size=30, unique_by=lambda event: event.event_id), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_counters_do_not_depend_on_the_order_of_arrival(events, dice):
    shuffled = list(events)
    dice.shuffle(shuffled)
    one, other = state_after(events), state_after(shuffled)
    everything = np.arange(12)
    np.testing.assert_allclose(one.rates(everything, NOW), other.rates(everything, NOW), rtol=1e-5, atol=1e-12)
    np.testing.assert_array_equal(one.totals, other.totals)
    np.testing.assert_array_equal(one.followers, other.followers)


def test_the_same_event_again_changes_nothing_and_is_counted():
    events = [started(1, 7, 4), stopped(2, 7, 4, 39 * 60_000), Event(3, 7, 4, What.FOLLOWED, NOW)]
    once, twice = state_after(events), state_after(events + events)
    assert twice.duplicates == 3
    np.testing.assert_array_equal(once.counters, twice.counters)
    assert once.listeners == twice.listeners


def test_a_counter_is_halved_by_its_half_life():
    state = state_after([started(1, 0, 0, NOW - 6 * HOUR_MS)])
    quick, slow = state.rates(np.array([0]), NOW)[0, 1]
    assert quick == 0.5
    assert 0.9 < slow < 1


def test_heard_is_what_was_listened_to_and_a_seek_to_the_end_completes_nothing():
    state = state_after([started(1, 0, 0), stopped(2, 0, 0, 60_000)])
    assert state.listeners[0].heard == {0: 60_000}
    assert state.completions[0].tolist() == [0, 1]


def test_half_an_hour_of_a_long_episode_counts_as_completed():
    state = state_after([started(1, 0, 0), stopped(2, 0, 0, 31 * 60_000)])
    assert state.completions[0].tolist() == [1, 0]


def test_a_show_that_is_heard_from_the_beginning_is_learned_to_be():
    state = State(catalogue())
    news = np.array([0])
    assert not state.oldest_first(news)[0]
    number = 0
    for user in range(6):
        for episode in range(4):
            number += 1
            state.apply(started(number, user, episode, NOW + number))
    assert state.oldest_first(news)[0]


def test_steps_between_shows_are_counted_once_a_step():
    state = state_after([started(1, 0, 0, NOW), started(2, 0, 4, NOW + 1)])
    assert {before: dict(after) for before, after in state.after.items()} == {0: {1: 1.0}}


def test_unfollowing_and_refusing():
    follow, unfollow, refuse = (
        Event(n, 0, 5, what, NOW) for n, what in enumerate([What.FOLLOWED, What.UNFOLLOWED, What.REFUSED])
    )
    state = state_after([follow, unfollow, refuse])
    assert state.listeners[0].follows == set()
    assert state.listeners[0].refused == {1}
    assert state.followers.tolist() == [0, 0, 0]


def test_random_orders_of_whole_sessions_end_in_the_same_heard_set():
    events = [started(n, 0, n % 12, NOW + n) for n in range(12)] + [
        stopped(100 + n, 0, n, n * 60_000, NOW + 50 + n) for n in range(12)
    ]
    shuffled = list(events)
    random.Random(3).shuffle(shuffled)
    assert state_after(events).listeners[0].heard == state_after(shuffled).listeners[0].heard


def test_pauses_before_anything_was_heard_count_no_play():
    state = state_after(
        [started(1, 0, 0), *(stopped(2 + n, 0, 0, played) for n, played in enumerate((0, 0, 40 * 60_000)))]
    )
    assert state.completions[0].tolist() == [1, 0]


def test_a_show_that_is_started_where_it_is_shown_has_the_higher_rate():
    shown = [Event(n, n, 4 * (n % 2), What.SHOWN, NOW) for n in range(20)]
    rates = state_after([*shown, *(started(100 + n, n, 0) for n in range(0, 20, 2))]).start_rates()
    assert rates[0] > rates[2] > rates[1]


def test_equal_times_stay_in_the_order_of_arrival():
    recent = state_after([started(1, 0, 9), started(2, 0, 1), started(3, 0, 4, NOW - 1)]).listeners[0].recent
    assert [episode for _, episode, _ in recent] == [4, 9, 1]
