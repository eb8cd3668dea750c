"""Playlists: what somebody heard around one mood, and a few tracks of the same scene that they took along unheard.

A playlist is made at the moment of one of the owner's plays, from that play's scene: tracks of the scene played until then, then finds.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from shared.clock import DAY_MS
from shared.world import names
from shared.world.catalogue import GENRES
from shared.world.plays import Plays
from shared.world.rng import below, contains, generator, start, stream_key
from shared.world.sampler import Sampler
from shared.world.schema import table

PER_USER = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 4])  # equally likely
ID_STRIDE = 8
MOST, FEWEST = 40, 5


def playlists_table(seed: int, plays: Plays, sampler: Sampler, low: int, high: int) -> pa.Table:
    """The dataset `playlists` of users low..high, whose plays these are."""
    bounds = np.searchsorted(plays.user, np.arange(low, high + 1))
    owner, title, created, lengths, tracks = _make(stream_key(seed, "playlists"), low, bounds, plays, sampler)
    pool = pa.array(names.playlist_titles(generator(seed, "names/playlists"), GENRES))
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    playlist_id = owner * ID_STRIDE + np.arange(owner.size) - np.searchsorted(owner, owner)
    columns = {
        "playlist_id": playlist_id,
        "user_id": owner,
        "title": pool.take(pa.array(title % len(pool))),
        "track_ids": pa.ListArray.from_arrays(offsets, tracks),
        "created_at": created,
    }
    return table("playlists", columns)


@njit(cache=True, nogil=True)
def _make(key: Any, low: int, bounds: Any, plays: Any, sampler: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Owner, title draw, creation ms and length of each playlist, and all their tracks one after the other."""
    users = bounds.size - 1
    owner, title = np.empty(users * 4, np.int64), np.empty(users * 4, np.int64)
    created, lengths = np.empty(users * 4, np.int64), np.empty(users * 4, np.int64)
    tracks = np.empty(users * 4 * MOST, np.int32)
    state = np.zeros(1, np.uint64)
    made = filled = 0
    for n in range(users):
        start(state, key, low + n)
        begin, played = bounds[n], bounds[n + 1] - bounds[n]
        for _ in range(PER_USER[below(state, PER_USER.size)] if played >= 20 else 0):
            anchor = begin + 10 + below(state, played - 10)
            size = _collect(
                state, plays.track[begin : anchor + 1], plays.started_at[anchor] // DAY_MS, sampler, tracks[filled:]
            )
            if size >= FEWEST:
                owner[made], title[made], lengths[made] = low + n, below(state, 1 << 30), size
                created[made] = plays.started_at[anchor] + plays.played_ms[anchor]
                made += 1
                filled += size
    return owner[:made], title[:made], created[:made], lengths[:made], tracks[:filled]


@njit(cache=True, nogil=True)
def _collect(state: Any, history: Any, day: int, sampler: Any, out: Any) -> int:
    """Fill out[:MOST] with distinct tracks of the scene of the last play: from the history first, then finds; returns how many."""
    scene = sampler.scene[history[-1]]
    low, high = sampler.first[scene], sampler.first[scene + 1]
    size = 0
    for attempt in range(3 * MOST):
        if attempt < 2 * MOST:
            track = history[history.size - 1 - below(state, history.size)]
        else:
            track = sampler.track[low + below(state, high - low)]
        if (
            size < MOST
            and sampler.scene[track] == scene
            and sampler.released[track] <= day
            and not contains(out[:size], track)
        ):
            out[size] = track
            size += 1
    return size
