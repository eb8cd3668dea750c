"""A home in which a small catalogue is published: 240 tracks of four tastes, 24 listeners, as Discover Weekly would."""

import numpy as np
import pyarrow as pa

from discover_weekly.records import vectors_schema
from jam_recs.catalogue import NAME, TRACKS
from shared.lake import Lake

TRACKS_OF_A_TASTE = 60


def publish(home, explicit_every=7):
    """Track t belongs to taste t // 60, listener u to taste u % 4; the vectors say so, with a little noise."""
    lake, rng = Lake(home / "lake"), np.random.default_rng(7)
    tastes = np.eye(4, 8, dtype=np.float32)
    tracks = tastes[np.repeat(np.arange(4), TRACKS_OF_A_TASTE)] * rng.uniform(0.6, 1, (240, 1)).astype(np.float32)
    users = tastes[np.arange(24) % 4] + rng.uniform(0, 0.1, (24, 8)).astype(np.float32)
    for name, key, rows in (("track_vectors", "track_id", tracks), ("user_vectors", "user_id", users)):
        values = pa.FixedSizeListArray.from_arrays(pa.array(rows.astype(np.float32).ravel()), 8)
        schema = vectors_schema(key, 8)
        table = pa.table(
            [pa.array(np.arange(len(rows), dtype=np.int32)), values.cast(schema.field("vector").type)], schema
        )
        lake.publish_table(f"discover_weekly/{name}", "2026-W48", table)
    ids = np.arange(240, dtype=np.int32)
    columns = {
        "track_id": ids,
        "title": [f"Song {number}" for number in ids],
        "artist_id": ids // 3,
        "artist": [f"Artist {number // 3}" for number in ids],
        "recording": [f"R{number}" for number in ids],
        "duration_ms": np.full(240, 200_000, np.int32),
        "explicit": ids % explicit_every == 0,
        "tempo": rng.normal(size=240).astype(np.float32),
        "energy": rng.normal(size=240).astype(np.float32),
        "closed_in": [[] for _ in ids],
    }
    lake.publish_table(NAME, "1", pa.table({name: columns[name] for name in TRACKS.names}).cast(TRACKS))
    return lake
