"""Bucketing: every play of a user into one file, sorted, once; after that no statistic needs a shuffle.

`split` reads one shard of the lake, checks each row, puts ids in the order of names and the listener's local time beside it, and
leaves the rows in one file with one batch a bucket. `merge` collects a bucket, sorts it by (user, time), drops plays that are there
twice, and writes the Parquet shard. The number of buckets is a power of two, so that data bucketed more finely later still joins.

A row that cannot be believed is left out under its reason, and counted: rows read = rows bucketed + rejected, always.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.clock import DAY_MS
from shared.lake import read_shard, write_shard
from shared.ports import Json, partitions_of
from wrapped.local_time import EARLIEST_MS, known_zone, local_time
from wrapped.records import ARTISTS, GENRES, PLAYS, TRACKS
from wrapped.shuffle import read_partition, write_partitions

ROWS_PER_BUCKET = 1_000_000
LEAST_BUCKETS = 4
SEPARATOR = "\x1f"
REASONS = ("no_user", "forgotten", "no_track", "bad_duration", "bad_time", "bad_zone")
DUPLICATE = "duplicate"

Array = np.ndarray[Any, Any]


def bucket_count(rows: int) -> int:
    """The power of two that leaves about a million rows in a bucket."""
    wanted = max(LEAST_BUCKETS, -(-rows // ROWS_PER_BUCKET))
    return 1 << (wanted - 1).bit_length()


def split(
    shard: str, codes: str, zones: str | None, forgotten: str | None, folder: str, buckets: int, now_ms: int
) -> Json:
    """Kernel over `index=path` of a shard of plays: write `folder/split-INDEX.arrow`; returns rows read and rejected by reason.

    codes: Parquet of (key, track, artist, genre), where a key is a track id, or artist and title joined by SEPARATOR;
    zones: Parquet of (user_id, time_zone), or None; a `time_zone` column of the plays themselves goes first; UTC otherwise;
    forgotten: Parquet of the user_id that must not appear any more, or None.
    """
    index, _, path = shard.partition("=")
    raw = read_shard(path)
    code = read_shard(codes)
    at = pc.index_in(_keys(raw, code["key"].type), value_set=code["key"])
    user_id, started_at, played_ms = (_signed(raw[name]) for name in ("user_id", "started_at", "played_ms"))
    user, started, ms = (_integers(column) for column in (user_id, started_at, played_ms))
    gone = read_shard(forgotten)["user_id"].to_numpy() if forgotten else []
    zone, zone_names = _zones(raw, zones)
    checks = (  # in the order of REASONS; the first that holds is the reason
        _null(user_id),
        np.isin(user, gone),
        _null(at),
        _null(played_ms) | (ms < 0) | (ms > DAY_MS),
        _null(started_at) | (started < EARLIEST_MS) | (started > now_ms),
        ~np.array([known_zone(name) for name in zone_names], bool)[zone],
    )
    reason = np.select(checks, range(len(checks)), default=len(checks))
    good = np.flatnonzero(reason == len(checks))
    names = [name if known_zone(name) else "UTC" for name in zone_names]
    day, hour = local_time(started[good], zone[good], names)
    picked = code.take(at.take(pa.array(good)))
    columns = [
        user[good],
        started[good],
        day,
        hour,
        picked["artist"],
        picked["track"],
        picked["genre"],
        ms[good].astype(np.int32),
    ]
    table = pa.table(columns, schema=PLAYS)
    write_partitions(Path(folder) / f"split-{index}.arrow", table, partitions_of(user[good], buckets), buckets)
    counts = np.bincount(reason, minlength=len(checks))
    return {"rows": raw.num_rows, "rejected": {name: int(n) for name, n in zip(REASONS, counts, strict=False) if n}}


def merge(shard: str, inputs: str, files: int, folder: str) -> Json:
    """Kernel over a bucket's number: collect it from the `files` split files in `inputs`, write its Parquet shard into `folder`."""
    bucket = int(shard)
    plays = read_partition([f"{inputs}/split-{index:05d}.arrow" for index in range(files)], bucket)
    user, started, track, ms = (_integers(plays[name]) for name in ("user_id", "started_ms", "track", "ms"))
    local = _integers(plays["local_day"]) * 24 + _integers(plays["local_hour"])
    order = np.lexsort((local, (track << 32) | ms, started, user))  # of one play in two zones the earlier hour is kept
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in (user, started, track, ms):
        same &= column[order][1:] == column[order][:-1]
    kept = order[np.concatenate((np.ones(min(len(order), 1), bool), ~same))]
    written = write_shard(folder, bucket, plays.take(pa.array(kept)))
    return {"shard": list(written), "rejected": {DUPLICATE: int(same.sum())} if same.any() else {}}


def code_table(
    keys: Any, artists: Sequence[str], titles: Sequence[str], genres: Sequence[str | None]
) -> tuple[pa.Table, list[pa.Table]]:
    """Number everything in the order of names: the codes by key, and the dimensions artists, tracks and genres.

    All arguments have one entry a track; `artists[i]` is the name of the main artist. Two artists of one name are one artist here.
    """
    artist_names, genre_names = sorted(set(artists)), sorted({name for name in genres if name})
    artist_of = {name: number for number, name in enumerate(artist_names)}
    genre_of = {name: number for number, name in enumerate(genre_names)}
    artist = [artist_of[name] for name in artists]
    pairs = sorted(set(zip(titles, artist, strict=True)))
    track_of = {pair: number for number, pair in enumerate(pairs)}
    codes = pa.table(
        {
            "key": keys,
            "track": pa.array([track_of[pair] for pair in zip(titles, artist, strict=True)], pa.int32()),
            "artist": pa.array(artist, pa.int32()),
            "genre": pa.array([genre_of.get(name or "", -1) for name in genres], pa.int16()),
        }
    )
    dimensions = [
        pa.table([range(len(artist_names)), artist_names], schema=ARTISTS),
        pa.table([range(len(pairs)), [title for title, _ in pairs], [number for _, number in pairs]], schema=TRACKS),
        pa.table([range(len(genre_names)), genre_names], schema=GENRES),
    ]
    return codes, dimensions


def _keys(raw: pa.Table, kind: pa.DataType) -> Any:
    """What `code_table` calls a key, an id or names; null where a name is missing or blank."""
    if pa.types.is_integer(kind):
        return raw["track_id"].cast(pa.int64())
    names = [raw[name].cast(pa.string()) for name in ("artist", "track")]
    blank = [pc.equal(pc.utf8_trim_whitespace(name), "") for name in names]
    return pc.binary_join_element_wise(
        *(pc.if_else(empty, None, name) for empty, name in zip(blank, names, strict=True)), SEPARATOR
    )


def _zones(raw: pa.Table, zones: str | None) -> tuple[Array, list[str]]:
    """The zone of each row as an index int64 [rows] into a list of names."""
    if "time_zone" in raw.column_names:
        column = raw["time_zone"].cast(pa.string())
    elif zones is None:
        return np.zeros(raw.num_rows, np.int64), ["UTC"]
    else:
        users = read_shard(zones, ["user_id", "time_zone"])
        at = pc.index_in(raw["user_id"].cast(pa.int64()), value_set=users["user_id"].cast(pa.int64()))
        column = users["time_zone"].cast(pa.string()).take(at)
    coded = pc.fill_null(column, "UTC").combine_chunks().dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()


def _signed(column: Any) -> Any:
    """A column, null where an unsigned number is too large for int64."""
    if not pa.types.is_uint64(column.type):
        return column
    return pc.if_else(pc.greater(column, pa.scalar((1 << 63) - 1, pa.uint64())), None, column)


def _integers(column: Any) -> Array:
    """A column as int64 [rows], moments in ms; null is 0 here, and is told apart by `_null`."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", column.type.tz), safe=False)
    integers: Array = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    return integers


def _null(column: Any) -> Array:
    missing: Array = pc.is_null(column).to_numpy(zero_copy_only=False)
    return missing
