"""Plays of the synthetic world as PLAYS, in the order in which they began: what the demo's clients send."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charts.records import PLAYS
from charts.rules import TIERS
from shared.clock import from_ms
from shared.lake import Lake

COLUMNS = ["event_id", "user_id", "track_id", "started_at", "played_ms", "plan", "source"]


def world_plays(world: Lake, start_ms: int, end_ms: int) -> pa.RecordBatch:
    """PLAYS from start to end. Premium is paid, free is ad-funded, radio is programmed whoever listens; the country is the listener's."""
    dataset, tracks = world.dataset("plays"), world.dataset("tracks").table(["artist_ids", "duration_ms"])
    inside = (pc.field("started_at") >= from_ms(start_ms)) & (pc.field("started_at") < from_ms(end_ms))
    plays = pa.concat_tables(
        pq.read_table(path, columns=COLUMNS, filters=inside, partitioning=None) for path in dataset.paths
    )
    plays = plays.sort_by([("started_at", "ascending"), ("event_id", "ascending")]).combine_chunks()
    countries = (
        world.dataset("users").table(["country"])["country"].combine_chunks().cast(pa.binary()).cast(pa.binary(2))
    )
    tier = np.where(_equals(plays["plan"], "premium"), TIERS.index("paid"), TIERS.index("ad_funded"))
    tier = np.where(_equals(plays["source"], "radio"), TIERS.index("programmed"), tier)
    columns = {
        **{name: plays[name] for name in ("event_id", "user_id", "track_id", "started_at", "played_ms")},
        "artist_ids": tracks["artist_ids"].combine_chunks().take(plays["track_id"].combine_chunks()),
        "country": countries.take(plays["user_id"].combine_chunks()),
        "tier": pa.array(tier),
        "track_ms": tracks["duration_ms"].combine_chunks().take(plays["track_id"].combine_chunks()),
    }
    arrays = [_one(columns[field.name]).cast(field.type) for field in PLAYS]
    return pa.RecordBatch.from_arrays(arrays, schema=PLAYS)


def _equals(column: pa.ChunkedArray, value: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(pc.equal(_one(column).dictionary_decode(), value))


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
