"""The reducer beside a plain model, op by op, and what members ask for by name."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jam_recs import records as r
from jam_recs.follow import Gap, follow
from jam_recs.state import apply, empty, kept_by_refill, view
from tests.jam_recs.model import Model
from tests.jam_recs.wishes import EPOCH, Party, code, pick, track


@pytest.fixture
def party():
    """Three members; track 10 plays, 11 to 14 wait, added by member 2; items 2 to 5."""
    party = Party(guests=2)
    for number in range(10, 15):
        party.do(2, r.Add(track(number)))
    assert (party.state.now.item.track.track_id, party.tracks(), party.ids()) == (10, [11, 12, 13, 14], [2, 3, 4, 5])
    return party


def test_versions_have_no_gap_and_rejections_none():
    party = Party()
    assert [party.do(1, r.Add(track(n))).version for n in (1, 2)] == [2, 3]
    assert party.do(1, r.Remove(99)) == r.Rejection(3, "no_such_item", 3)
    assert party.do(1, r.Add(track(3))).version == 4


def test_a_retry_is_told_the_same_and_does_nothing(party):
    first = party.do(3, r.Vote(4, 1), seq=1)
    state = party.state
    again = party.do(3, r.Vote(4, 1), seq=1)
    assert (again.version, again.kind) == (first.version, "again")
    refused = party.do(3, r.Remove(99), seq=2)
    assert party.do(3, r.Remove(99), seq=2) == refused
    assert party.state.version == state.version


def test_a_rejected_op_stays_rejected_when_it_would_now_succeed(party):
    assert code(party.do(3, r.Skip(2), seq=1)) == "not_playing"
    party.do(1, r.Skip(1))
    assert party.state.now.item.item == 2
    assert code(party.do(3, r.Skip(2), seq=1)) == "not_playing"


def test_a_wish_in_the_second_after_a_lapse_is_taken_when_its_member_is_back(party):
    party.do(0, r.Lapse(3))
    assert code(party.do(3, r.Vote(4, 1), seq=1)) == "not_here"
    party.do(3, r.Join(r.Profile("Guest 3")))
    assert party.do(3, r.Vote(4, 1), seq=1).kind == "vote"


def test_the_same_id_with_another_body_is_refused(party):
    party.do(3, r.Vote(4, 1), seq=1)
    state = party.state
    assert code(party.do(3, r.Vote(4, -1), seq=1)) == "other_body"
    assert party.state is state


def test_a_retry_later_than_the_window_is_never_applied_anew(party):
    party.do(3, r.Vote(4, 1), seq=1)
    for seq in range(2, 2 + r.KEPT_ANSWERS):
        party.do(3, r.Vote(4, 0), seq=seq)
    assert code(party.do(3, r.Vote(4, 1), seq=1)) == "forgotten"
    assert code(party.do(3, r.Vote(4, 1), seq=0)) == "sequence"


def test_two_who_press_skip_at_once_skip_one(party):
    assert party.do(2, r.Skip(1)).kind == "skip"
    assert code(party.do(3, r.Skip(1))) == "not_playing"
    assert party.state.now.item.item == 2
    assert (party.state.played[0].skipped_by, party.state.played[0].item.item) == (2, 1)


def test_moves_are_behind_an_item_never_to_a_place(party):
    party.do(1, r.Move(5, after=2))
    assert party.ids() == [2, 5, 3, 4]
    party.do(1, r.Move(2, after=4))
    assert party.ids() == [5, 3, 4, 2]
    party.do(1, r.Move(4))
    assert party.ids() == [4, 5, 3, 2]
    party.do(1, r.Remove(5))
    assert code(party.do(1, r.Move(3, after=5))) == "no_such_item"
    assert code(party.do(1, r.Move(3, after=3))) == "no_such_item"
    assert code(party.do(1, r.Vote(5, 1))) == "no_such_item"


def test_guests_move_their_own_only_unless_the_host_says_so(party):
    party.do(2, r.Move(5))
    assert code(party.do(3, r.Move(4))) == code(party.do(3, r.Remove(4))) == "no_right"
    assert code(party.do(3, r.SetRights(r.Rights(move=True)))) == "no_right"
    party.do(1, r.SetRights(r.Rights(move=True, skip=False, add=False)))
    party.do(3, r.Move(4))
    assert party.ids() == [4, 5, 2, 3]
    assert code(party.do(3, r.Skip(1))) == code(party.do(3, r.Add(track(9)))) == "no_right"
    assert party.do(2, r.Skip(1)).kind == "skip"  # what one added oneself
    assert code(party.do(1, r.SetRights(r.Rights(alpha_tenths=61)))) == "out_of_range"


def test_votes_lift_and_sink_and_can_be_taken_back(party):
    party.do(3, r.Vote(4, 1))
    assert party.ids() == [4, 2, 3, 5]
    party.do(3, r.Vote(2, -1))
    assert party.ids() == [4, 3, 5, 2]
    party.do(3, r.Vote(4, -1))
    party.do(3, r.Vote(4, 0))
    assert party.state.queue[-2].votes == 0


def test_wished_tracks_stand_ahead_and_a_refill_leaves_the_next_two(party):
    for item in (2, 3, 4, 5):
        party.do(1, r.Remove(item))
    party.do(0, r.Refill(party.state.version, tuple(pick(n) for n in (20, 21, 22, 23))))
    party.do(0, r.Refill(party.state.version, (pick(30), pick(31))))
    assert party.tracks() == [20, 21, 30, 31]
    party.do(3, r.Add(track(40)))
    assert party.tracks() == [40, 20, 21, 30, 31]
    party.do(0, r.Refill(party.state.version, (pick(50),)))
    assert party.tracks() == [40, 20, 50]
    party.do(3, r.Add(track(20)))  # a recommended track that somebody wishes becomes his
    assert party.tracks() == [40, 20, 50]
    assert [item.added_by for item in party.state.queue] == [3, 3, 0]


def test_a_refill_keeps_votes_and_items_and_drops_what_a_newcomer_may_not_hear(party):
    for item in (2, 3, 4, 5):
        party.do(1, r.Remove(item))
    party.do(0, r.Refill(party.state.version, tuple(pick(n) for n in range(20, 26))))
    assert party.ids() == [6, 7, 8, 9, 10, 11]
    party.do(2, r.Vote(8, 1))
    assert party.tracks() == [22, 20, 21, 23, 24, 25]
    party.do(0, r.Refill(party.state.version, (pick(24), pick(31), pick(30)), drop=(6,)))
    assert (party.tracks(), party.ids()) == ([22, 24, 31, 30], [8, 10, 12, 13])  # 24, picked again, is the same item
    assert party.state.queue[0].up == (2,)
    party.do(3, r.Vote(10, 1))
    party.do(3, r.Vote(13, 1))
    party.do(0, r.Refill(party.state.version, (pick(40),)))
    assert party.tracks() == [22, 24, 30, 40]  # what is voted for stays
    assert code(party.do(0, r.Refill(party.state.version, (pick(30),)))) == "repeat"


def test_a_refill_of_a_room_that_moved_on_or_with_a_repeat_is_refused(party):
    old = party.state.version
    party.do(1, r.Skip(1))
    assert code(party.do(0, r.Refill(old, (pick(30),)))) == "stale"
    for repeat in ((pick(10),), (pick(11),), (pick(12),), (pick(30), pick(30))):
        assert code(party.do(0, r.Refill(party.state.version, repeat))) == "repeat"
    assert code(party.do(1, r.Refill(party.state.version, (pick(30),)), seq=77)) == "no_right"


def test_dragging_a_recommended_track_ahead_makes_it_a_wish(party):
    party.do(0, r.Refill(party.state.version, (pick(30), pick(31))))
    party.do(1, r.Move(party.ids()[-1], after=2))
    assert party.tracks() == [11, 31, 12, 13, 14, 30]
    assert party.state.queue[1].added_by == 1
    party.do(1, r.Move(2, after=party.ids()[-1]))  # a wish put behind recommendations stays the last wish
    assert party.tracks() == [31, 12, 13, 14, 11, 30]


def test_the_host_is_followed_by_whoever_is_there_longest(party):
    party.do(2, r.Leave())
    party.do(2, r.Join(r.Profile("Guest 2")))
    party.do(0, r.Lapse(1))
    assert party.state.host == 3
    party.do(3, r.Handover(2))
    assert party.state.host == 2
    assert code(party.do(3, r.Kick(2))) == "no_right"
    assert code(party.do(2, r.Handover(1))) == "no_member"
    party.do(2, r.Kick(3))
    assert code(party.do(3, r.Join(r.Profile("x")))) == "kicked"
    party.do(2, r.Leave())
    assert (party.state.present, party.state.host) == ([], 2)
    party.do(1, r.Join(r.Profile("Ann")))
    assert party.state.host == 1


def test_the_host_vanishes_between_handover_and_lapse(party):
    party.do(1, r.Handover(3))
    party.do(0, r.Lapse(1))
    assert party.state.host == 3
    party.do(1, r.Join(r.Profile("Ann")))
    assert code(party.do(1, r.Kick(2))) == "no_right"  # back, but a guest: there is one host


def test_an_op_of_an_older_writer_is_fenced(party):
    party.do(3, r.Vote(4, 1), epoch=3)
    assert code(party.do(1, r.Skip(1), epoch=2)) == "fenced"
    assert party.state.now.item.item == 1


def test_thirty_two_members_and_no_more():
    party = Party(guests=30)
    assert party.do(32, r.Join(r.Profile("32nd"))).kind == "join"
    assert code(party.do(33, r.Join(r.Profile("33rd")))) == "full"
    party.do(7, r.Leave())
    assert party.do(33, r.Join(r.Profile("33rd"))).kind == "join"
    assert code(party.do(33, r.Join(r.Profile("33rd")))) == "here_already"
    assert code(party.do(7, r.Join(r.Profile("back")))) == "full"


def test_bounds_of_a_room():
    party = Party()
    for number in range(r.MAX_QUEUE + 1):
        party.do(1, r.Add(track(number)))
    assert code(party.do(1, r.Add(track(9_999)))) == "queue_full"
    for number in range(2, 2 + r.MAX_EVER - 1):
        party.do(number, r.Join(r.Profile("x")))
        party.do(0, r.Lapse(number))
    assert code(party.do(9_999, r.Join(r.Profile("one too many")))) == "full"
    assert party.do(2, r.Join(r.Profile("known"))).kind == "join"


def test_whoever_came_late_in_a_very_long_party_is_not_a_newcomer_for_ever(monkeypatch):
    monkeypatch.setattr(r, "MAX_PLAYED", 5)
    party = Party()
    for number in range(20):
        if number == 7:
            party.do(2, r.Join(r.Profile("late")))
        party.do(1, r.Add(track(number)))
        party.do(0, r.Ended(party.state.now.item.item))
    played = [one.item.track.track_id for one in party.state.played]
    assert played == [15, 16, 17, 18, 19]
    assert [member.joined_played for member in party.state.members.values()] == [0, 0]


def test_no_explicit_track_with_a_minor_in_the_room(party):
    party.do(2, r.Add(track(66, explicit=True)))
    assert 66 in party.tracks()
    party.do(4, r.Join(r.Profile("Kid", minor=True)))
    assert 66 not in party.tracks()
    assert code(party.do(2, r.Add(track(67, explicit=True)))) == "explicit"
    party.do(4, r.Leave())
    assert party.do(2, r.Add(track(67, explicit=True))).kind == "add"
    party.do(1, r.SetRights(r.Rights(explicit=False)))
    assert 67 not in party.tracks()


def test_an_explicit_track_ends_when_a_minor_comes():
    party = Party()
    party.do(1, r.Add(track(66, explicit=True)))
    party.do(1, r.Add(track(10)))
    party.do(4, r.Join(r.Profile("Kid", minor=True)))
    assert (party.state.now.item.track.track_id, party.state.played[0].skipped_by) == (10, 0)


def test_time_that_runs_backwards_ends_no_track_before_it_began(party):
    party.at = 0
    party.do(1, r.Skip(1))
    assert party.state.played[0].ended_ms >= party.state.played[0].started_ms


def test_a_follower_notices_a_gap_and_hears_nothing_twice(party):
    seen = view(party.state)
    first, second = party.do(1, r.Skip(1)), party.do(3, r.Vote(4, 1))
    with pytest.raises(Gap):
        follow(seen, second)
    with pytest.raises(Gap):
        follow(None, second)
    after = follow(follow(follow(seen, first), first), second)
    assert after == view(party.state)
    assert follow(after, seen) is after


MEMBERS = st.integers(1, 5)
ITEMS = st.integers(0, 9)
TRACKS = st.builds(track, st.integers(0, 12), st.booleans())
WISHES = st.one_of(
    st.builds(r.Add, TRACKS),
    st.builds(r.Vote, ITEMS, st.sampled_from([-1, 0, 1])),
    st.builds(r.Move, ITEMS, ITEMS),
    st.builds(r.Remove, ITEMS),
    st.builds(r.Skip, ITEMS),
    st.builds(r.Handover, MEMBERS),
    st.builds(r.Kick, MEMBERS),
    st.builds(r.SetRights, st.builds(r.Rights, *[st.booleans()] * 4, st.integers(0, 70))),
    st.just(r.Leave()),
)


class BesideTheModel(RuleBasedStateMachine):
    """Any ops in any order: the same answers, the same room; and a follower who hears only changes holds the same view."""

    def __init__(self):
        super().__init__()
        self.state, self.model, self.sent, self.at = empty("r"), Model(), [], 0

    @initialize(rights=st.builds(r.Rights, *[st.booleans()] * 4))
    def create(self, rights):
        self.do(1, 0, r.Create(r.Profile("1"), rights))
        self.seen = view(self.state)

    def do(self, member, seq, body, epoch=EPOCH):
        self.at += 1
        op = r.Op("r", epoch, member, seq, self.at, body)
        before = self.state
        self.state, reply = apply(self.state, op)
        version, code_ = self.model.do(op)
        assert (reply.version, code(reply)) == (version, code_), op
        assert self.state.version - before.version in (0, 1)
        if self.state.version > before.version and before.version:
            self.seen = follow(self.seen, reply)

    @rule(member=MEMBERS, minor=st.booleans())
    def join(self, member, minor):
        self.do(member, 0, r.Join(r.Profile(str(member), minor=minor)))

    @rule(member=MEMBERS, skipped=st.integers(1, 3), wish=WISHES)
    def wish(self, member, skipped, wish):
        seq = max([s for m, s, _ in self.sent if m == member], default=0) + skipped
        self.sent.append((member, seq, wish))
        self.do(member, seq, wish)

    @rule(which=st.randoms(use_true_random=False), changed=st.booleans())
    def retry(self, which, changed):
        if self.sent:
            member, seq, wish = which.choice(self.sent)
            self.do(member, seq - changed, wish)

    @rule(tracks=st.lists(st.integers(0, 40), max_size=6), again=st.booleans(), drop=st.frozensets(ITEMS, max_size=2))
    def refill(self, tracks, again, drop):
        kept = {item.item for item in kept_by_refill(self.state.queue)}
        old = [item.track.track_id for item in self.state.queue if item.item not in kept]
        picks = tuple(pick(number) for number in dict.fromkeys(old + tracks if again else tracks))
        self.do(0, 0, r.Refill(self.state.version, picks, tuple(drop)))

    @rule()
    def stale(self):
        self.do(0, 0, r.Refill(self.state.version - 1, (pick(99),)))

    @rule(member=MEMBERS)
    def lapse(self, member):
        self.do(0, 0, r.Lapse(member))

    @rule(last=st.booleans())
    def ended(self, last):
        self.do(0, 0, r.Ended(self.state.now.item.item if self.state.now and last else 3))

    @rule(wish=WISHES)
    def fenced(self, wish):
        self.do(1, 999, wish, epoch=0)

    @invariant()
    def same(self):
        now = self.state.now
        assert self.model.shown() == {
            "version": self.state.version,
            "host": self.state.host,
            "here": sorted(m.member for m in self.state.present),
            "queue": [(i.item, i.track.track_id, i.added_by, i.up, i.down) for i in self.state.queue],
            "now": now and (now.item.item, now.item.track.track_id),
        }

    @invariant()
    def followed(self):
        if self.state.version:
            assert self.seen == view(self.state)

    @invariant()
    def wishes_first(self):
        hands = [bool(item.added_by) for item in self.state.queue]
        assert hands == sorted(hands, reverse=True)


BesideTheModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestBesideTheModel = BesideTheModel.TestCase
