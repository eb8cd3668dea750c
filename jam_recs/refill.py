"""Fill the queue again: after a skip, a veto, a join or a leave, from what the members brought. No retrieval, no I/O, no clock.

Hard constraints first, then everybody's liking on one scale, then the greedy; each pick says whom it serves and what it gives to each.
What stands in the queue already counts as heard, so a refill goes on where the queue ends.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jam_recs import constraints
from jam_recs.catalogue import Catalogue, Float32, Rows
from jam_recs.constraints import ARTIST_WINDOW, Rules
from jam_recs.pool import POOL, Pool, in_turns, nearness, products
from jam_recs.rerank import ALPHA, DECAY, EPSILON, FLOW, greedy, levels

MEMORY, SKIPS = 120, 48  # tracks that levels and skips are remembered for: DECAY^120 is .002, DECAY^48 .09
SKIP_EARLY, SKIP_LATE = 1.0, 0.5  # what a skip takes from the track's own liking, in the first 30 s and later


class Listener(NamedTuple):
    """A present member, as far as recommending needs him."""

    member_id: int
    pool: Pool
    minor: bool = False
    market: str = ""
    vetoed_artists: frozenset[int] = frozenset()
    vetoed_tracks: frozenset[int] = frozenset()
    joined: int = 0  # tracks of the session's history before he (last) came


class Skip(NamedTuple):
    """Who skipped what."""

    member_id: int
    track_id: int
    at: int  # index in the history
    early: bool  # within the first 30 s


class Session(NamedTuple):
    """What a refill looks at."""

    members: tuple[Listener, ...]  # present ones only
    history: tuple[int, ...] = ()  # track ids played, skipped or playing, oldest first
    queue: tuple[int, ...] = ()  # track ids that stay ahead of the new picks
    skips: tuple[Skip, ...] = ()
    explicit: bool = True  # False: the host's filter is on


class Pick(NamedTuple):
    """One recommended track."""

    track_id: int
    served: int  # the member with the largest part of the gain
    shares: tuple[tuple[int, float], ...]  # (member, liking): 1 is as good as this member's ideal queue


class Refill(NamedTuple):
    """Picks in playing order; `exhausted` says that the constraints left fewer than wanted."""

    picks: tuple[Pick, ...]
    exhausted: bool
    levels: dict[int, float]  # member → what he has had lately, in likings, before the picks


def refill(catalogue: Catalogue, session: Session, want: int, alpha: float = ALPHA, flow_cost: float = FLOW) -> Refill:
    """Up to `want` picks behind the queue. With nobody present there are none."""
    rules = rules_of(session)
    pools = [member.pool for member in session.members]
    rows = allowed_rows(catalogue, in_turns(pools, len(catalogue.track_ids)), rules)
    front = _front(catalogue, session)
    liking = likings(catalogue, session, rows)
    level = level_now(catalogue, session)
    chosen, served = greedy(
        liking, level, alpha, catalogue.artist[rows].astype(np.int64), catalogue.recording[rows].astype(np.int64),
        catalogue.artist[front[1 - ARTIST_WINDOW :]].astype(np.int64), catalogue.flow[rows],
        catalogue.flow[front[-1]] if len(front) else np.full(2, np.nan, np.float32), flow_cost,
        want if pools else 0, DECAY, EPSILON,
    )  # fmt: skip
    members = [member.member_id for member in session.members]
    tracks, shares = catalogue.track_ids[rows[chosen]].tolist(), liking[:, chosen].T.tolist()
    picks = (
        Pick(track, members[whom], tuple(zip(members, given, strict=True)))
        for track, whom, given in zip(tracks, served.tolist(), shares, strict=True)
    )
    return Refill(tuple(picks), len(chosen) < want, dict(zip(members, level.tolist(), strict=True)))


def allowed_rows(catalogue: Catalogue, offered: Rows, rules: Rules) -> Rows:
    """The first POOL of the offered rows that break no constraint, sorted."""
    for looked in (offered[: 2 * POOL], offered):
        allowed = looked[constraints.broken(catalogue, looked, rules) == 0][:POOL]
        if len(allowed) == POOL or len(looked) == len(offered):
            break
    return np.sort(allowed)


def rules_of(session: Session) -> Rules:
    """The hard constraints of all present members together."""
    return Rules(
        frozenset().union(*(member.vetoed_artists for member in session.members)),
        frozenset().union(*(member.vetoed_tracks for member in session.members)),
        session.explicit and not any(member.minor for member in session.members),
        session.history + session.queue,
        frozenset(member.market for member in session.members if member.market),
    )


def share_of_ideal(scores: Float32, ideal: Float32) -> Float32:
    """Scores float32[members, tracks] on one scale, or whoever listens most wins every vote: x_u·y_t grows with how much u listens.

    As parts of what each member's own ideal queue gives, float32[members, 1]; at least 0, 1 and a little more for the very best.
    """
    share: Float32 = np.maximum(scores / ideal, 0).astype(np.float32)
    return share


def likings(catalogue: Catalogue, session: Session, rows: Rows) -> Float32:
    """float32[members, rows]: shares of each member's ideal, less what their own skips took."""
    if not session.members:
        return np.zeros((0, len(rows)), np.float32)
    tastes = np.stack([member.pool.vector for member in session.members])  # [members, factors]
    ideals = np.array([[member.pool.ideal] for member in session.members], np.float32)
    liking = share_of_ideal(products(tastes, catalogue.vectors, rows), ideals)
    place, newest = _places(session), len(session.history) - 1
    skips = [skip for skip in session.skips if skip.member_id in place and newest - skip.at < SKIPS]
    skipped = catalogue.rows([skip.track_id for skip in skips])
    near = nearness(catalogue.vectors, rows, skipped) * (skipped >= 0)[:, None]
    for skip, close in zip(skips, near, strict=True):
        strength = (SKIP_EARLY if skip.early else SKIP_LATE) * DECAY ** (newest - skip.at)
        liking[place[skip.member_id]] *= 1 - np.float32(strength) * close
    return liking


def _places(session: Session) -> dict[int, int]:
    """The row of each member."""
    return {member.member_id: index for index, member in enumerate(session.members)}


def level_now(catalogue: Catalogue, session: Session) -> NDArray[np.float64]:
    """float64[members]: what each has had lately, the queue included. A track that a member skipped gave him nothing."""
    heard = session.history + session.queue
    first = max(0, len(heard) - MEMORY)
    rows = catalogue.rows(heard[first:])
    liking = likings(catalogue, session._replace(skips=()), np.maximum(rows, 0))
    liking[:, rows < 0] = 0
    place = _places(session)
    for skip in session.skips:
        if skip.member_id in place and skip.at >= first:
            liking[place[skip.member_id], skip.at - first] = 0
    level: NDArray[np.float64] = levels(
        liking, np.array([member.joined - first for member in session.members], np.int64)
    )
    return level


def _front(catalogue: Catalogue, session: Session) -> Rows:
    """Rows of the known tracks that stand in front, at most a window of them, oldest first."""
    rows = catalogue.rows((session.history + session.queue)[-ARTIST_WINDOW:])
    return rows[rows >= 0]
