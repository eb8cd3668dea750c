"""Saves: now and then a play heard to the end convinces, and the track goes into the collection.

The much-played have more chances. Which plays convince is a hash of their event ids, so that saves change no byte of the plays.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from shared.world.plays import Plays
from shared.world.rng import ONE, row_hash, stream_key
from shared.world.schema import table

CONVINCES = ONE // 20


def saves_table(seed: int, plays: Plays, duration_ms: NDArray[np.int32]) -> pa.Table:
    """The dataset `saves` of these plays, by user, then time; duration_ms is int32[tracks]."""
    chosen = _convinced(stream_key(seed, "saves"), plays, duration_ms)
    user, track = plays.user[chosen], plays.track[chosen]
    _, first = np.unique(user.astype(np.int64) << 32 | track, return_index=True)  # a track once a user: the earliest
    first.sort()
    saved_at = (plays.started_at + plays.played_ms)[chosen[first]]
    return table("saves", {"user_id": user[first], "track_id": track[first], "saved_at": saved_at})


@njit(cache=True, nogil=True)
def _convinced(key: Any, plays: Any, duration_ms: Any) -> Any:
    """Rows of the plays heard to the end that end in a save."""
    rows = np.empty(plays.event_id.size, np.int64)
    count = 0
    for row in range(rows.size):
        if plays.played_ms[row] == duration_ms[plays.track[row]] and row_hash(key, plays.event_id[row]) < CONVINCES:
            rows[count] = row
            count += 1
    return rows[:count]
