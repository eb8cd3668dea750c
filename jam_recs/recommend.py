"""When and for whom the room is refilled: the catalogue, the pools of those who joined, and what of the queue stays.

`refill.py` picks behind what stays; here what a newcomer may not hear is dropped first, and an op that would change nothing is left out.
"""

import numpy as np
from msgspec import Struct, field, structs

from jam_recs import records as r
from jam_recs.catalogue import Catalogue, load_catalogue
from jam_recs.constraints import Rules, broken
from jam_recs.pool import retrieve
from jam_recs.refill import Pools, refill, rules_of
from jam_recs.state import kept_by_refill
from shared.lake import Lake

WANT = 10
"""Recommended tracks in a full queue."""
REASONS = frozenset({"create", "join", "leave", "lapse", "kick", "skip", "ended", "add", "remove", "vote", "rights"})
"""Kinds of event after which the queue may deserve other tracks."""
MOST_POOLS = 4_096


class Library(Struct, eq=False):
    """The catalogue, and the pools of the listeners who joined lately."""

    catalogue: Catalogue
    pools: Pools = field(default_factory=dict)
    """By user id; -1 is the mean listener."""

    def missing(self, state: r.State) -> list[int]:
        """User ids of present members whose pool is still to be made."""
        return [user for user in {member.profile.user_id for member in state.present} if user not in self.pools]

    def make_pool(self, user_id: int) -> None:
        """Retrieve for one listener; once, in a worker thread, for it reads the whole catalogue."""
        pool = retrieve(self.catalogue, self.catalogue.listener(user_id))
        while len(self.pools) >= MOST_POOLS:
            self.pools.pop(next(iter(self.pools)))
        self.pools[user_id] = pool

    def refill(self, state: r.State) -> r.Refill | None:
        """The op that fills the room's queue; None when it would change nothing."""
        kept = kept_by_refill(state.queue)
        by_hand = sum(item.added_by != r.ROOM for item in kept)
        drop = self._forbidden(kept[by_hand:], rules_of(structs.replace(state, queue=kept[:by_hand])))
        kept = tuple(item for item in kept if item.item not in drop)
        want = max(0, WANT - (len(kept) - by_hand))
        body = refill(self.catalogue, self.pools, structs.replace(state, queue=kept), want)
        queue = [item.track.track_id for item in kept] + [pick.track.track_id for pick in body.picks]
        same = queue == [item.track.track_id for item in state.queue]
        if same and (body.levels, body.exhausted) == (state.levels, state.exhausted):
            return None
        return structs.replace(body, drop=drop)

    def _forbidden(self, items: tuple[r.Item, ...], rules: Rules) -> tuple[int, ...]:
        """Recommended items that somebody present may not hear, or that somebody added meanwhile; what members added is theirs."""
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
