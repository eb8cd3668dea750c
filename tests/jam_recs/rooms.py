"""A small catalogue and rooms for the tests of recommending."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from jam_recs import records as r
from jam_recs.catalogue import Catalogue
from jam_recs.pool import Pool, retrieve

MARKETS = ("DE", "SE")


def catalogue(tracks: int = 60, factors: int = 4, artists: int = 12, seed: int = 0) -> Catalogue:
    """Random vectors; every fourth track explicit, every seventh not licensed in SE, two ids of one recording at 8 and 9."""
    rng = np.random.default_rng(seed)
    recording = np.arange(tracks)
    if tracks > 9:
        recording[9] = 8
    closed = np.where(np.arange(tracks) % 7 == 0, 2, 0).astype(np.uint64)
    return Catalogue(
        (np.arange(tracks) * 10).astype(np.int32),
        rng.standard_normal((tracks, factors)).astype(np.float32),
        (np.arange(tracks) % artists).astype(np.int32),
        recording.astype(np.int32),
        np.arange(tracks) % 4 == 0,
        rng.standard_normal((tracks, 2)).astype(np.float32),
        closed,
        MARKETS,
        np.arange(5, dtype=np.int32),
        rng.standard_normal((5, factors)).astype(np.float32),
        shown(tracks),
    )


def shown(tracks: int) -> pa.Table:
    """What people would see of the tracks."""
    return pa.table(
        {"title": pa.repeat("T", tracks), "artist": pa.repeat("A", tracks), "duration_ms": pa.repeat(200_000, tracks)}
    )


def guest(user: int, joined: int = 0, disliked: tuple[int, ...] = (), **profile: object) -> r.Member:
    """Member `user` + 1, with the taste of that user."""
    brought = r.Profile(f"Guest {user}", user, **profile)
    return r.Member(user + 1, brought, 0, user + 1, joined, disliked=disliked)


def pools(known: Catalogue) -> dict[int, Pool]:
    """Of every user; a small catalogue stands whole in each."""
    return {int(user): retrieve(known, known.listener(int(user))) for user in known.user_ids}


def party(
    *members: r.Member, history: Sequence[int] = (), queue: Sequence[int] = (), skips: Mapping[int, tuple[int, int]] | None = None,
    explicit: bool = True, alpha_tenths: int = 30,
) -> r.State:  # fmt: skip
    """A room in which nothing plays; `skips`: index in the history → (member, ms after its beginning)."""
    played = tuple(
        r.Played(r.Item(at + 1, r.Track(track, "")), 0, *reversed((skips or {}).get(at, (0, 200_000))))
        for at, track in enumerate(history)
    )
    items = tuple(r.Item(len(history) + at + 1, r.Track(track, "")) for at, track in enumerate(queue))
    rights = r.Rights(explicit=explicit, alpha_tenths=alpha_tenths)
    everybody = {member.member: member for member in members}
    return r.State("party", 1, 1, 1, rights, everybody, items, None, played, len(played) + len(items), len(members))
