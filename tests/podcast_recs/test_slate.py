"""What may never happen in a slate: two of a show, a part before its time, another language, what was refused or is gone."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podcast_recs.candidates import _unheard, candidates
from podcast_recs.library import Profile
from podcast_recs.moment import BEGUN, Request, ShowFactors, look
from podcast_recs.pipeline import Recommender
from podcast_recs.records import HOUR_MS, Event, Source, What
from podcast_recs.slate import SPARE
from podcast_recs.state import COMPLETED
from tests.podcast_recs.by_hand import NOW, small, started, stopped

SLATES = int(os.environ.get("LINER_FAULT_RUNS", "60"))


def recommender(events=()):
    library, state = small()
    state.apply_all(events)
    return Recommender(library, state, ShowFactors(np.zeros((0, 1), np.float32), np.zeros((3, 1), np.float32)))


def publish(own, *episode):
    """Publish as `Serving` does; returns the episode's id."""
    new = own.library.publish(*episode)
    own.state.grow(own.library.catalogue)
    return new


def ask(own, user=0, languages=(0, 1), minor=False, now=NOW, minutes=0.0, slots=10):
    return own.slate(Request(user, Profile(languages, minor), now, 0, minutes), slots)


def violations(setting, request, slots):
    """Every rule counted again, from the catalogue and the listener alone."""
    library, state = setting.recommender.library, setting.recommender.state
    known, listener = library.catalogue, state.listeners[request.user]
    ordered = state.oldest_first(np.arange(len(known.kind)))
    for slot in slots:
        show = int(known.show[slot.episode])
        older = [e for e in library.of_show[show] if known.number[e] < known.number[slot.episode]]
        open_older = [
            e for e in older if e not in listener.heard and library.alive[e] and known.published[e] <= request.now
        ]
        yield "language", known.language[show] not in request.profile.languages
        yield "explicit", request.profile.minor and known.explicit[slot.episode]
        yield "not out yet", known.published[slot.episode] > request.now
        done = listener.heard.get(slot.episode, -1) / known.duration[slot.episode]
        yield "heard", done >= 0 and not (slot.source == Source.RESUME and BEGUN <= done < COMPLETED)
        yield "refused", show in listener.refused
        yield "taken down", not library.alive[slot.episode]
        yield "order", bool(ordered[show] and open_older) and slot.source != Source.RESUME
        rest = known.duration[slot.episode] - (slot.source == Source.RESUME) * listener.heard.get(slot.episode, 0)
        yield "too long", request.minutes and rest > request.minutes * 60_000 * SPARE
        yield "reason", not slot.reason or not 0 < slot.propensity <= 1
    shows = [int(known.show[slot.episode]) for slot in slots]
    yield "twice a show", len(shows) != len(set(shows))


@given(
    user=st.integers(0, 70), languages=st.sets(st.integers(0, 3), min_size=1), minor=st.booleans(), hours=st.integers(0, 500),
    intent=st.integers(0, 2), minutes=st.sampled_from([0.0, 10.0, 25.0, 60.0]), gone=st.sets(st.integers(0, 1_000), max_size=20),
)  # fmt: skip
@settings(max_examples=SLATES, deadline=None)
def test_no_slate_breaks_a_rule(setting, user, languages, minor, hours, intent, minutes, gone):
    own = setting.recommender
    request = Request(
        user, Profile(tuple(sorted(languages)), minor), setting.audience.end - hours * HOUR_MS, intent, minutes
    )
    before = own.library.alive.copy()
    try:
        own.library.take_down([episode for episode in gone if episode < len(before)])
        broken = [rule for rule, wrong in violations(setting, request, own.slate(request, 20)) if wrong]
    finally:
        own.library.alive[:] = before
    assert broken == []


def test_a_slate_is_the_same_again(setting):
    request = Request(3, setting.profile(3), setting.audience.end, 1)
    assert setting.recommender.slate(request) == setting.recommender.slate(request)


def test_a_serial_is_offered_from_its_first_part_and_goes_on_in_order():
    own = recommender()
    assert 4 in {slot.episode for slot in ask(own)}
    own.state.apply(started(1, 0, 4))
    own.state.apply(stopped(2, 0, 4, 40 * 60_000))
    offered = {slot.episode: slot for slot in ask(own)}
    assert 5 in offered
    assert offered[5].source == Source.NEXT_UP
    assert {6, 7}.isdisjoint(offered)


def test_a_published_episode_stands_in_the_next_slate_and_a_taken_down_one_never_again():
    own = recommender([Event(1, 0, 0, What.FOLLOWED, NOW)])
    episode = publish(own, 0, NOW, 20 * 60_000, "Breaking", "", np.ones(8, np.float32) / 8**0.5)
    assert episode in {slot.episode for slot in ask(own)}
    own.library.take_down([episode])
    assert episode not in {slot.episode for slot in ask(own)}


def test_what_was_left_in_the_middle_comes_first_and_says_from_where():
    own = recommender([started(1, 0, 0), stopped(2, 0, 0, 17 * 60_000)])
    first, *rest = ask(own)
    assert (first.episode, first.source, first.reason) == (0, Source.RESUME, "go on at minute 18, where you stopped")
    assert {int(own.library.catalogue.show[slot.episode]) for slot in rest} == {1, 2}
    own.state.apply(stopped(3, 0, 0, 39 * 60_000))
    assert Source.RESUME not in {slot.source for slot in ask(own)}


def test_no_part_comes_before_the_one_that_was_left_in_the_middle():
    left = [started(1, 0, 4), stopped(2, 0, 4, 17 * 60_000), started(3, 0, 0, NOW + 1), stopped(4, 0, 0, 17 * 60_000)]
    slots = ask(recommender(left))
    assert slots[0].episode == 0  # left last
    (serial,) = (slot for slot in slots if slot.episode in (4, 5, 6, 7))
    assert (serial.episode, serial.source) == (4, Source.RESUME)


def test_of_what_was_left_in_the_middle_the_rest_must_fit():
    own = recommender([started(1, 0, 0), stopped(2, 0, 0, 30 * 60_000)])
    assert [slot.episode for slot in ask(own, minutes=12)] == [0]


def test_a_stop_that_comes_before_its_start_is_a_play_of_the_show():
    events = [started(1, 0, 0), stopped(2, 0, 0, 17 * 60_000)]
    late, early = recommender(events), recommender(events[::-1])
    assert early.state.listeners[0] == late.state.listeners[0]
    assert [(slot.episode, slot.source) for slot in ask(early)] == [(slot.episode, slot.source) for slot in ask(late)]


def test_the_only_slot_does_not_explore(setting):
    request = Request(3, setting.profile(3), setting.audience.end, 1)
    assert any(slot.source == Source.EXPLORE for slot in setting.recommender.slate(request, 20))
    assert setting.recommender.slate(request, 1)[0].source != Source.EXPLORE


def test_one_episode_published_in_two_shows_stands_there_once():
    own = recommender()
    text = np.ones(8, np.float32) / 8**0.5
    twins = {publish(own, show, NOW, 20 * 60_000, "The same", "", text) for show in (0, 2)}
    assert len(twins & {slot.episode for slot in ask(own)}) == 1


def test_what_was_left_in_the_middle_is_not_explored_again_under_another_show(monkeypatch):
    own = recommender([started(1, 0, 4), stopped(2, 0, 4, 17 * 60_000)])
    text = own.library.index.vectors(np.array([4]))[0]
    twin = publish(own, 2, NOW, 40 * 60_000, "The same", "", text)
    monkeypatch.setattr(
        "podcast_recs.slate._explore", lambda request, found, *_: (int(np.searchsorted(found.episodes, twin)), 1.0)
    )
    offered = {slot.episode for slot in ask(own)}
    assert 4 in offered
    assert twin not in offered


def test_the_newest_are_candidates_however_much_there_is(monkeypatch):
    monkeypatch.setattr("podcast_recs.candidates.MOST", 4)
    monkeypatch.setattr("podcast_recs.candidates.KEPT", (1, 0))
    own = recommender([started(n, n, episode) for n, episode in enumerate((0, 1, 2, 4, 8, 9, 10))])
    new = publish(own, 2, NOW, 20 * 60_000, "Just now", "", np.ones(8, np.float32) / 8**0.5)
    request = Request(9, Profile((0, 1)), NOW, 0)
    moment = look(request, own.library, own.state, own.factors, own.on)
    found = candidates(moment, own.library, own.state, own.on).episodes
    assert len(found) == 4
    assert new in found


def test_unheard_episodes_of_shows_that_are_started_come_first():
    rejected = [Event(100 + n, n, 8, What.SHOWN, NOW) for n in range(60)]
    own = recommender([Event(n, n, 0, What.SHOWN, NOW) for n in range(9)] + rejected)
    own.state.apply_all(started(300 + n, n, 0) for n in range(9))
    moment = look(Request(99, Profile((0, 1)), NOW, 0), own.library, own.state, own.factors, own.on)
    unheard = _unheard(moment, own.library, own.state, own.on).tolist()
    assert unheard[0] == 3  # the newest of show 0
    assert set(unheard[-4:]) == {8, 9, 10, 11}
    assert 0 not in unheard


def test_not_this_show_counts_from_the_next_request():
    own = recommender()
    own.state.apply(Event(1, 0, 0, What.REFUSED, NOW))
    assert {int(own.library.catalogue.show[slot.episode]) for slot in ask(own)} == {1, 2}


def test_nothing_that_fits_gives_an_empty_slate():
    assert ask(recommender(), minutes=5) == []
    assert ask(recommender(), languages=()) == []


def test_a_listener_who_heard_everything_gets_nothing():
    own = recommender([started(n, 0, n) for n in range(12)])
    assert ask(own) == []


def test_the_slot_to_explore_says_how_likely_it_was(setting):
    request = Request(5, setting.profile(5), setting.audience.end, 0)
    explored = [slot for slot in setting.recommender.slate(request) if slot.source == Source.EXPLORE]
    assert len(explored) == 1
    assert 0 < explored[0].propensity <= 1


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_no_more_slots_than_asked_for(setting, slots):
    request = Request(5, setting.profile(5), setting.audience.end, 0)
    possible = len(setting.recommender.slate(request, 20))
    assert len(setting.recommender.slate(request, slots)) == min(slots, possible)


def test_what_is_newest_changes_with_the_clock_and_with_a_publication():
    library, _ = small()
    day = 24 * HOUR_MS
    assert library.newest_out(NOW).tolist() == [3, 3, 3]
    assert library.newest_out(NOW - day).tolist() == [2, 2, 2]
    assert library.newest_out(NOW - HOUR_MS - 1).tolist() == [2, 2, 2]
    assert library.newest_out(NOW - HOUR_MS).tolist() == [3, 3, 3]
    library.publish(1, NOW + day, 60_000, "later", "", np.ones(8, np.float32))
    assert library.newest_out(NOW).tolist() == [3, 3, 3]
    assert library.newest_out(NOW + day).tolist() == [3, 4, 3]
    assert library.newest_out(0).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("again", [[started(9, 0, 0)], [started(8, 0, 0), stopped(9, 0, 0, 1)]])
def test_what_was_begun_again_without_going_on_is_still_offered(again):
    own = recommender([started(1, 0, 0, NOW - HOUR_MS), stopped(2, 0, 0, 17 * 60_000, NOW - HOUR_MS), *again])
    assert (ask(own)[0].episode, ask(own)[0].source) == (0, Source.RESUME)


def test_of_two_that_were_left_at_one_time_the_last_to_come_goes_on():
    own = recommender([each for n in (4, 0) for each in (started(20 + n, 0, n), stopped(30 + n, 0, n, 17 * 60_000))])
    assert ask(own)[0].episode == 0
    own = recommender([each for n in (0, 4) for each in (started(20 + n, 0, n), stopped(30 + n, 0, n, 17 * 60_000))])
    assert ask(own)[0].episode == 4
