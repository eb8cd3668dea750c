"""A refill on a small catalogue: whom it serves, what a skip does, what it never does."""

import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jam_recs.constraints import ARTIST_WINDOW, PER_ARTIST, Rules, broken
from jam_recs.refill import Session, Skip, level_now, likings, refill
from tests.jam_recs.rooms import catalogue, listener, session

KNOWN = catalogue()
RUNS = int(os.environ.get("LINER_FAULT_RUNS", "60"))  # 10,000 make 10^5 picks and more


def ids(found):
    return [pick.track_id for pick in found.picks]


@st.composite
def sessions(draw):
    some = st.frozensets(st.integers(0, 11), max_size=draw(st.sampled_from([2, 11])))
    tracks = st.lists(st.integers(0, 59).map(lambda row: row * 10), max_size=15, unique=True)
    members = tuple(
        listener(KNOWN, member, minor=draw(st.integers(0, 5)) == 0, market=draw(st.sampled_from(["", "DE", "SE"])),
                 vetoed_artists=draw(some), vetoed_tracks=frozenset(draw(tracks)[:3]), joined=draw(st.integers(0, 9)))
        for member in range(draw(st.integers(1, 4)))
    )  # fmt: skip
    history = tuple(draw(tracks))
    skips = tuple(Skip(0, track, at, True) for at, track in enumerate(history[:2]))
    return Session(members, history, tuple(draw(tracks))[:4], skips, draw(st.booleans()))


@settings(max_examples=RUNS, deadline=None)
@given(sessions(), st.sampled_from([0.0, 3.0, 8.0]))
def test_no_hard_constraint_is_ever_broken(room, alpha):
    found = refill(KNOWN, room, 12, alpha)
    minor = any(member.minor for member in room.members)
    heard = KNOWN.recording[KNOWN.rows(room.history + room.queue)].tolist()
    front = KNOWN.artist[KNOWN.rows(room.history + room.queue)].tolist()
    for pick in found.picks:
        row = KNOWN.rows([pick.track_id])[0]
        for member in room.members:
            assert KNOWN.artist[row] not in member.vetoed_artists
            assert pick.track_id not in member.vetoed_tracks
            assert member.market != "SE" or row % 7
        assert not (KNOWN.explicit[row] and (minor or not room.explicit))
        assert KNOWN.recording[row] not in heard
        assert not front or front[-1] != KNOWN.artist[row]
        assert front[-(ARTIST_WINDOW - 1) :].count(KNOWN.artist[row]) < PER_ARTIST
        heard.append(KNOWN.recording[row])
        front.append(KNOWN.artist[row])
    assert found.exhausted == (len(found.picks) < 12)


def test_everything_vetoed_is_exhausted_and_no_veto_is_broken():
    blocked = session(KNOWN)._replace(
        members=(listener(KNOWN, 0), listener(KNOWN, 1, vetoed_artists=frozenset(range(12))))
    )
    found = refill(KNOWN, blocked, 5)
    assert found.picks == ()
    assert found.exhausted


def test_one_artist_left_plays_once_and_not_twice_in_a_row():
    room = session(KNOWN)._replace(members=(listener(KNOWN, 0, vetoed_artists=frozenset(range(11))),))
    found = refill(KNOWN, room, 5)
    assert len(found.picks) == 1
    assert found.exhausted


def test_nobody_present_is_an_empty_answer():
    found = refill(KNOWN, Session(()), 5)
    assert (found.picks, found.levels) == ((), {})


def test_each_pick_says_whom_it_serves_and_what_was_in_force():
    room = session(KNOWN, explicit=False)
    found = refill(KNOWN, room, 6, alpha=0, flow_cost=0)
    first = found.picks[0]
    assert first.served == max(first.shares, key=lambda share: share[1])[0]
    assert all(share >= 0 for pick in found.picks for _, share in pick.shares)


def test_who_had_least_is_served_next():
    room = session(KNOWN, 2)
    favourites = tuple(int(KNOWN.track_ids[row]) for row in room.members[0].pool.rows[:4])
    found = refill(KNOWN, room._replace(history=favourites), 1, alpha=8, flow_cost=0)
    assert found.levels[0] > found.levels[1]
    assert found.picks[0].served == 1


def test_the_queue_counts_as_heard():
    room = session(KNOWN)
    first = ids(refill(KNOWN, room, 8, flow_cost=0))
    again = ids(refill(KNOWN, room._replace(queue=tuple(first[:3])), 5, flow_cost=0))
    assert again == first[3:]


def test_two_ids_of_one_recording_are_one_track():
    found = ids(refill(KNOWN, session(KNOWN, history=(80,)), 40, alpha=0))
    assert 90 not in found


def test_a_skip_takes_from_the_member_who_skipped_and_fades():
    room = session(KNOWN, history=(50, 100))
    rows = np.arange(60)
    before = likings(KNOWN, room, rows)
    soon = likings(KNOWN, room._replace(skips=(Skip(1, 100, 1, True),)), rows)
    late = likings(KNOWN, room._replace(skips=(Skip(1, 100, 1, True),), history=(50, 100) + (110,) * 20), rows)
    assert soon[1, 10] == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(soon[[0, 2]], before[[0, 2]])
    assert (soon[1] <= before[1] + 1e-6).all()
    assert soon[1].sum() < late[1].sum() < before[1].sum()


def test_a_late_skip_takes_half():
    room = session(KNOWN, 1, history=(int(KNOWN.track_ids[listener(KNOWN, 0).pool.rows[0]]),))
    rows = KNOWN.rows(room.history)
    before = likings(KNOWN, room, rows)
    after = likings(KNOWN, room._replace(skips=(Skip(0, room.history[0], 0, False),)), rows)
    assert after[0, 0] == pytest.approx(before[0, 0] / 2, rel=1e-5)


def test_a_skipped_track_gave_its_skipper_nothing():
    favourite = int(KNOWN.track_ids[listener(KNOWN, 0).pool.rows[0]])
    room = session(KNOWN, 1, history=(favourite,))
    assert level_now(KNOWN, room)[0] > 0
    assert level_now(KNOWN, room._replace(skips=(Skip(0, favourite, 0, True),)))[0] == 0


def test_an_unknown_track_in_the_history_is_no_obstacle():
    assert len(refill(KNOWN, session(KNOWN, history=(123_456, 50)), 5).picks) == 5


def test_flow_shortens_the_steps_and_its_price_is_small():
    known = catalogue(2_000, 8, artists=500)
    room = session(known, 4)
    plain, flowing = (refill(known, room, 20, flow_cost=cost) for cost in (0.0, 0.1))

    def step(found):
        return np.mean([np.linalg.norm(a - b) for a, b in pairwise(known.flow[known.rows(ids(found))])])

    def given_to_all(found):
        return np.mean([share for pick in found.picks for _, share in pick.shares])

    assert step(flowing) < 0.8 * step(plain)
    assert given_to_all(flowing) > 0.8 * given_to_all(plain)


def test_the_same_room_gives_the_same_picks():
    room = session(KNOWN, history=(50, 100))
    assert refill(KNOWN, room, 9) == refill(KNOWN, room, 9)


def test_each_constraint_has_its_bit():
    rules = Rules(frozenset([1]), frozenset([20]), False, (30,), frozenset(["SE"]))
    assert broken(KNOWN, np.array([0, 1, 2, 3, 5]), rules).tolist() == [2 | 8, 1, 1, 4, 0]
    assert not broken(KNOWN, np.arange(60), Rules()).any()
