"""Between the room and the refill: what a state says about tastes, and picks as the room's op.

The reducer knows no vectors, the refill no room. Here a `State` becomes a `Session`, and its picks an op `Refill`.
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct, field

from jam_recs import records as r
from jam_recs.catalogue import Catalogue, load_catalogue
from jam_recs.constraints import Rules, broken
from jam_recs.pool import Pool, join
from jam_recs.refill import Listener, Session, Skip, refill, rules_of
from jam_recs.state import explicit_allowed, kept_by_refill
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
        kept = kept_by_refill(state.queue)
        by_hand = sum(item.added_by != r.ROOM for item in kept)
        session = session_of(state, self.pools, kept)
        drop = self._forbidden(kept[by_hand:], rules_of(session)._replace(heard=()))
        kept = tuple(item for item in kept if item.item not in drop)
        session = session._replace(queue=tuple(item.track.track_id for item in kept))
        want = max(0, WANT - (len(kept) - by_hand))
        found = refill(self.catalogue, session, want, state.rights.alpha_tenths / 10)
        picks = tuple(
            r.Pick(self.catalogue.track(pick.track_id), pick.served, thousandths(pick.shares)) for pick in found.picks
        )
        queue = [item.track.track_id for item in kept] + [pick.track_id for pick in found.picks]
        body = r.Refill(
            state.version, picks, drop, thousandths(found.levels.items()), bool(session.members) and found.exhausted
        )
        same = queue == [item.track.track_id for item in state.queue]
        return None if same and (body.levels, body.exhausted) == (state.levels, state.exhausted) else body

    def _forbidden(self, items: tuple[r.Item, ...], rules: Rules) -> tuple[int, ...]:
        """Recommended items that somebody who came after they were picked may not hear; what members added is theirs."""
        rows = self.catalogue.rows([item.track.track_id for item in items])
        wrong = broken(self.catalogue, np.maximum(rows, 0), rules) * (rows >= 0)
        return tuple(item.item for item, bits in zip(items, wrong.tolist(), strict=True) if bits)


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
