"""Between the room and the refill: what a state says about tastes, and picks as the room's op.

The reducer knows no vectors, the refill no room. Here a `State` becomes a `Session`, and its picks an op `Refill`.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from jam_recs import records as r
from jam_recs.catalogue import Catalogue, load_catalogue
from jam_recs.pool import Pool, join
from jam_recs.refill import Listener, Session, Skip, refill
from jam_recs.state import explicit_allowed
from shared.lake import Lake

WANT = 10
"""Recommended tracks in a full queue."""
EARLY_MS = 30_000
REASONS = frozenset({"create", "join", "leave", "lapse", "kick", "skip", "ended", "add", "remove", "vote", "rights"})
"""Kinds of event after which the queue may deserve other tracks."""
MOST_POOLS = 4_096


class Library(Struct, eq=False):
    """The catalogue, and the pools of the listeners who joined lately."""

    catalogue: Catalogue
    pools: dict[int, Pool] = field(default_factory=dict)
    """By user id; -1 is the mean listener."""

    def missing(self, state: r.State) -> list[int]:
        """User ids of present members whose pool is still to be made."""
        return [user for user in {member.profile.user_id for member in state.present} if user not in self.pools]

    def make_pool(self, user_id: int) -> None:
        """Retrieve for one listener; once, in a worker thread, for it reads the whole catalogue."""
        pool = join(self.catalogue, self.catalogue.listener(user_id))
        while len(self.pools) >= MOST_POOLS:
            self.pools.pop(next(iter(self.pools)))
        self.pools[user_id] = pool

    def refill(self, state: r.State) -> r.Refill | None:
        """The op that fills the room's queue; None when it would change nothing."""
        by_hand = sum(item.added_by != r.ROOM for item in state.queue)
        kept = state.queue[: max(r.UNTOUCHED, by_hand)]
        want = max(0, WANT - (len(kept) - by_hand))
        found = refill(self.catalogue, session_of(state, self.pools, kept), want, state.rights.alpha_tenths / 10)
        picks = tuple(
            r.Pick(self.catalogue.track(pick.track_id), pick.served, thousandths(pick.shares), pick.filters)
            for pick in found.picks
        )
        levels = thousandths(found.levels.items())
        exhausted = found.exhausted and bool(state.present)
        waiting = [item.track.track_id for item in state.queue[len(kept) :]]
        same = [pick.track.track_id for pick in picks] == waiting and exhausted == state.exhausted
        return None if same and levels == state.levels else r.Refill(state.version, picks, levels, exhausted)


def open_library(lake: Lake) -> Library:
    """The published catalogue, with the kernels compiled; NotFound where nothing is published."""
    library = Library(load_catalogue(lake))
    library.make_pool(-1)
    warm = r.State("", 0, 0, 0, r.Rights(), {1: r.Member(1, r.Profile("warm"), 0, 1, 0)}, (), None, (), 0, 1)
    library.refill(warm)
    return library


def session_of(state: r.State, pools: dict[int, Pool], kept: tuple[r.Item, ...]) -> Session:
    """What the room has heard, skipped and vetoed, in the words of the refill. `pools` has one of every present member."""
    heard = (*state.played, state.now) if state.now else state.played
    return Session(
        tuple(
            Listener(
                member.member,
                pools[member.profile.user_id],
                member.profile.minor,
                member.profile.market,
                frozenset(member.profile.vetoed_artists),
                frozenset(member.disliked),
                member.joined_played,
            )
            for member in sorted(state.present, key=lambda member: member.member)
        ),
        tuple(one.item.track.track_id for one in heard),
        tuple(item.track.track_id for item in kept),
        tuple(
            Skip(one.skipped_by, one.item.track.track_id, place, one.ended_ms - one.started_ms < EARLY_MS)
            for place, one in enumerate(state.played)
            if one.skipped_by
        ),
        explicit_allowed(state),
    )


def thousandths(shares: Iterable[tuple[int, float]]) -> tuple[r.Share, ...]:
    """Likings as whole numbers: the log and the room hold no floats."""
    return tuple((member, round(share * 1000)) for member, share in shares)
