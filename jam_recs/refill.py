"""Fill the queue again: after a skip, a veto, a join or a leave, from what the members brought. No retrieval, no I/O, no clock.

Hard constraints first, then everybody's liking on one scale, then the greedy; each pick says whom it serves and what it gives to each.
The reducer knows no vectors; here a `State` and its members' pools become the room's op `Refill`.
What stands in the queue already counts as heard, so a refill goes on where the queue ends.
"""

import numpy as np
from numpy.typing import NDArray

from jam_recs import constraints
from jam_recs import records as r
from jam_recs.catalogue import Catalogue, Float32, Rows
from jam_recs.constraints import ARTIST_WINDOW, Rules
from jam_recs.pool import POOL, Pool, in_turns, nearness, products
from jam_recs.rerank import DECAY, EPSILON, FLOW, greedy, levels
from jam_recs.state import explicit_allowed

Pools = dict[int, Pool]  # by user id; one of every present member
MEMORY, SKIPS = 120, 48  # tracks that levels and skips are remembered for: DECAY^120 is .002, DECAY^48 .09
SKIP_EARLY, SKIP_LATE = 1.0, 0.5  # what a skip takes from the track's own liking, in the first 30 s and later
EARLY_MS = 30_000


def refill(catalogue: Catalogue, pools: Pools, state: r.State, want: int, flow_cost: float = FLOW) -> r.Refill:
    """The room's op: up to `want` picks behind `state.queue`, which holds what stays. With nobody present there are none.

    `exhausted` says that the constraints left fewer than wanted.
    """
    members = listeners(state)
    brought = [pools[member.profile.user_id] for member in members]
    rows = allowed_rows(catalogue, in_turns(brought, len(catalogue.track_ids)), rules_of(state))
    front = _front(catalogue, state)
    liking = likings(catalogue, pools, state, rows)
    level = level_now(catalogue, pools, state)
    chosen, served = greedy(
        liking, level, state.rights.alpha_tenths / 10, catalogue.artist[rows].astype(np.int64),
        catalogue.recording[rows].astype(np.int64), catalogue.artist[front[1 - ARTIST_WINDOW :]].astype(np.int64),
        catalogue.flow[rows], catalogue.flow[front[-1]] if len(front) else np.full(2, np.nan, np.float32), flow_cost,
        want if members else 0, DECAY, EPSILON,
    )  # fmt: skip
    tracks, shares = catalogue.tracks(rows[chosen]), liking[:, chosen].T.tolist()
    picks = tuple(
        r.Pick(track, members[whom].member, _thousandths(members, given))
        for track, whom, given in zip(tracks, served.tolist(), shares, strict=True)
    )
    exhausted = bool(members) and len(picks) < want
    return r.Refill(state.version, picks, (), _thousandths(members, level.tolist()), exhausted)


def listeners(state: r.State) -> list[r.Member]:
    """The present members, in the order of all arrays here."""
    return sorted(state.present, key=lambda member: member.member)


def _thousandths(members: list[r.Member], values: list[float]) -> tuple[r.Share, ...]:
    """Likings as whole numbers: the log and the room hold no floats."""
    return tuple((member.member, round(value * 1000)) for member, value in zip(members, values, strict=True))


def session(state: r.State) -> tuple[int, ...]:
    """Track ids played, playing and standing in the queue, oldest first."""
    played = (*state.played, state.now) if state.now else state.played
    return tuple(one.item.track.track_id for one in played) + tuple(item.track.track_id for item in state.queue)


def allowed_rows(catalogue: Catalogue, offered: Rows, rules: Rules) -> Rows:
    """The first POOL of the offered rows that break no constraint, sorted."""
    for looked in (offered[: 2 * POOL], offered):
        allowed = looked[constraints.broken(catalogue, looked, rules) == 0][:POOL]
        if len(allowed) == POOL or len(looked) == len(offered):
            break
    return np.sort(allowed)


def rules_of(state: r.State) -> Rules:
    """The hard constraints of all present members together."""
    return Rules(
        frozenset().union(*(member.profile.vetoed_artists for member in state.present)),
        frozenset().union(*(member.disliked for member in state.present)),
        explicit_allowed(state),
        session(state),
        frozenset(member.profile.market for member in state.present if member.profile.market),
    )


def share_of_ideal(scores: Float32, ideal: Float32) -> Float32:
    """Scores float32[members, tracks] on one scale, or whoever listens most wins every vote: x_u·y_t grows with how much u listens.

    As parts of what each member's own ideal queue gives, float32[members, 1]; at least 0, 1 and a little more for the very best.
    """
    share: Float32 = np.maximum(scores / ideal, 0).astype(np.float32)
    return share


def tastes(catalogue: Catalogue, pools: Pools, state: r.State, rows: Rows) -> Float32:
    """float32[members, rows]: shares of each member's ideal."""
    brought = [pools[member.profile.user_id] for member in listeners(state)]
    if not brought:
        return np.zeros((0, len(rows)), np.float32)
    ideals = np.array([[pool.ideal] for pool in brought], np.float32)
    return share_of_ideal(products(np.stack([pool.vector for pool in brought]), catalogue.vectors, rows), ideals)


def likings(catalogue: Catalogue, pools: Pools, state: r.State, rows: Rows) -> Float32:
    """float32[members, rows]: tastes, less what their own skips took."""
    liking = tastes(catalogue, pools, state, rows)
    newest = len(state.played) - (state.now is None)
    skips = [(whom, at) for whom, at in _skips(state) if newest - at < SKIPS]
    skipped = catalogue.rows([state.played[at].item.track.track_id for _, at in skips])
    near = nearness(catalogue.vectors, rows, skipped) * (skipped >= 0)[:, None]
    for (whom, at), close in zip(skips, near, strict=True):
        early = state.played[at].ended_ms - state.played[at].started_ms < EARLY_MS
        strength = (SKIP_EARLY if early else SKIP_LATE) * DECAY ** (newest - at)
        liking[whom] *= 1 - np.float32(strength) * close
    return liking


def _skips(state: r.State) -> list[tuple[int, int]]:
    """(row of the member, index in `played`) of what present members skipped, oldest first."""
    place = {member.member: row for row, member in enumerate(listeners(state))}
    return [(place[one.skipped_by], at) for at, one in enumerate(state.played) if one.skipped_by in place]


def level_now(catalogue: Catalogue, pools: Pools, state: r.State) -> NDArray[np.float64]:
    """float64[members]: what each has had lately, the queue included. A track that a member skipped gave him nothing."""
    tracks = session(state)
    first = max(0, len(tracks) - MEMORY)
    rows = catalogue.rows(tracks[first:])
    liking = tastes(catalogue, pools, state, np.maximum(rows, 0))
    liking[:, rows < 0] = 0
    for whom, at in _skips(state):
        if at >= first:
            liking[whom, at - first] = 0
    joined = np.array([member.joined_played - first for member in listeners(state)], np.int64)
    level: NDArray[np.float64] = levels(liking, joined)
    return level


def _front(catalogue: Catalogue, state: r.State) -> Rows:
    """Rows of the known tracks that stand in front, at most a window of them, oldest first."""
    rows = catalogue.rows(session(state)[-ARTIST_WINDOW:])
    return rows[rows >= 0]
