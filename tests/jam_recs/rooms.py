"""A small catalogue and sessions for the tests of recommending."""

import numpy as np

from jam_recs.catalogue import Catalogue
from jam_recs.pool import join
from jam_recs.refill import Listener, Session

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
    )


def listener(known: Catalogue, member: int, **fields: object) -> Listener:
    """A member with the taste of user `member`, whose pool holds every track."""
    return Listener(member, join(known, known.listener(member)), **fields)


def session(known: Catalogue, members: int = 3, **fields: object) -> Session:
    """Members 0, 1, 2 …"""
    return Session(tuple(listener(known, member) for member in range(members)), **fields)
