"""A refill on a small catalogue: whom it serves, what a skip does, what it never does."""

import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jam_recs.constraints import ARTIST_WINDOW, PER_ARTIST, Rules, broken
from jam_recs.refill import level_now, likings, refill, session
from tests.jam_recs.rooms import catalogue, guest, party, pools

KNOWN = catalogue()
POOLS = pools(KNOWN)
THREE = tuple(guest(user) for user in range(3))
RUNS = int(os.environ.get("LINER_FAULT_RUNS", "60"))  # 10,000 make 10^5 picks and more


def ids(found):
    return [pick.track.track_id for pick in found.picks]


def picked(room, want, **more):
    return refill(KNOWN, POOLS, room, want, **more)


@st.composite
def rooms(draw):
    some = st.frozensets(st.integers(0, 11), max_size=draw(st.sampled_from([2, 11]))).map(tuple)
    tracks = st.lists(st.integers(0, 59).map(lambda row: row * 10), max_size=15, unique=True)
    members = (
        guest(user, minor=draw(st.integers(0, 5)) == 0, market=draw(st.sampled_from(["", "DE", "SE"])),
              vetoed_artists=draw(some), disliked=tuple(draw(tracks)[:3]), joined=draw(st.integers(0, 9)))
        for user in range(draw(st.integers(1, 4)))
    )  # fmt: skip
    return party(
        *members, history=draw(tracks), queue=draw(tracks)[:4], skips={0: (1, 10_000), 1: (1, 10_000)}, explicit=draw(st.booleans()),
        alpha_tenths=draw(st.sampled_from([0, 30, 60])),
    )  # fmt: skip


@settings(max_examples=RUNS, deadline=None)
@given(rooms())
def test_no_hard_constraint_is_ever_broken(room):
    found = picked(room, 12)
    minor = any(member.profile.minor for member in room.present)
    heard = KNOWN.recording[KNOWN.rows(session(room))].tolist()
    front = KNOWN.artist[KNOWN.rows(session(room))].tolist()
    for pick in ids(found):
        row = KNOWN.rows([pick])[0]
        for member in room.present:
            assert KNOWN.artist[row] not in member.profile.vetoed_artists
            assert pick not in member.disliked
            assert member.profile.market != "SE" or row % 7
        assert not (KNOWN.explicit[row] and (minor or not room.rights.explicit))
        assert KNOWN.recording[row] not in heard
        assert not front or front[-1] != KNOWN.artist[row]
        assert front[-(ARTIST_WINDOW - 1) :].count(KNOWN.artist[row]) < PER_ARTIST
        heard.append(KNOWN.recording[row])
        front.append(KNOWN.artist[row])
    assert found.exhausted == (len(found.picks) < 12)


def test_everything_vetoed_is_exhausted_and_no_veto_is_broken():
    found = picked(party(guest(0), guest(1, vetoed_artists=tuple(range(12)))), 5)
    assert found.picks == ()
    assert found.exhausted


def test_one_artist_left_plays_once_and_not_twice_in_a_row():
    found = picked(party(guest(0, vetoed_artists=tuple(range(11)))), 5)
    assert len(found.picks) == 1
    assert found.exhausted


def test_nobody_present_is_an_empty_answer():
    found = picked(party(), 5)
    assert (found.picks, found.levels, found.exhausted) == ((), (), False)


def test_each_pick_says_whom_it_serves_and_what_was_in_force():
    found = picked(party(*THREE, explicit=False, alpha_tenths=0), 6, flow_cost=0)
    first = found.picks[0]
    assert first.served == max(first.shares, key=lambda share: share[1])[0]
    assert all(share >= 0 for pick in found.picks for _, share in pick.shares)


def test_who_had_least_is_served_next():
    favourites = KNOWN.track_ids[POOLS[0].rows[:4]].tolist()
    found = picked(party(*THREE[:2], history=favourites, alpha_tenths=60), 1, flow_cost=0)
    assert dict(found.levels)[1] > dict(found.levels)[2]
    assert found.picks[0].served == 2


def test_the_queue_counts_as_heard():
    first = ids(picked(party(*THREE), 8, flow_cost=0))
    again = ids(picked(party(*THREE, queue=first[:3]), 5, flow_cost=0))
    assert again == first[3:]


def test_two_ids_of_one_recording_are_one_track():
    assert 90 not in ids(picked(party(*THREE, history=(80,), alpha_tenths=0), 40))


def test_a_veto_is_of_the_recording_under_every_id():
    assert 90 not in ids(picked(party(guest(0, disliked=(80,)), alpha_tenths=0), 40))


def test_a_skip_takes_from_the_member_who_skipped_and_fades():
    rows, skip = np.arange(60), {1: (2, 10_000)}
    before = likings(KNOWN, POOLS, party(*THREE, history=(50, 100)), rows)
    soon = likings(KNOWN, POOLS, party(*THREE, history=(50, 100), skips=skip), rows)
    late = likings(KNOWN, POOLS, party(*THREE, history=(50, 100) + (110,) * 20, skips=skip), rows)
    assert soon[1, 10] == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(soon[[0, 2]], before[[0, 2]])
    assert (soon[1] <= before[1] + 1e-6).all()
    assert soon[1].sum() < late[1].sum() < before[1].sum()


def test_a_late_skip_takes_half():
    rows = POOLS[0].rows[:1]
    history = KNOWN.track_ids[rows].tolist()
    before = likings(KNOWN, POOLS, party(guest(0), history=history), rows)
    after = likings(KNOWN, POOLS, party(guest(0), history=history, skips={0: (1, 30_000)}), rows)
    assert after[0, 0] == pytest.approx(before[0, 0] / 2, rel=1e-5)


def test_a_skipped_track_gave_its_skipper_nothing():
    favourite = KNOWN.track_ids[POOLS[0].rows[:1]].tolist()
    assert level_now(KNOWN, POOLS, party(guest(0), history=favourite))[0] > 0
    assert level_now(KNOWN, POOLS, party(guest(0), history=favourite, skips={0: (1, 10_000)}))[0] == 0


def test_an_unknown_track_in_the_history_is_no_obstacle():
    assert len(picked(party(*THREE, history=(123_456, 50)), 5).picks) == 5


def test_flow_shortens_the_steps_and_its_price_is_small():
    known = catalogue(2_000, 8, artists=500)
    room, brought = party(*(guest(user) for user in range(4))), pools(known)
    plain, flowing = (refill(known, brought, room, 20, flow_cost=cost) for cost in (0.0, 0.1))

    def step(found):
        return np.mean([np.linalg.norm(a - b) for a, b in pairwise(known.flow[known.rows(ids(found))])])

    def given_to_all(found):
        return np.mean([share for pick in found.picks for _, share in pick.shares])

    assert step(flowing) < 0.8 * step(plain)
    assert given_to_all(flowing) > 0.8 * given_to_all(plain)


def test_the_same_room_gives_the_same_picks():
    room = party(*THREE, history=(50, 100))
    assert picked(room, 9) == picked(room, 9)


def test_each_constraint_has_its_bit():
    rules = Rules(frozenset([1]), frozenset([20]), False, (30,), frozenset(["SE"]))
    assert broken(KNOWN, np.array([0, 1, 2, 3, 5]), rules).tolist() == [2 | 8, 1, 1, 4, 0]
    assert not broken(KNOWN, np.arange(60), Rules()).any()
