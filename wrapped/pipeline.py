"""The way of the data: lake → buckets → reviews → standings → years, each arrow one step over numbered shards.

    plays of the lake ──split──▶ ──merge──▶ wrapped/plays      bucketed by user, sorted by (user, time): written once, read for ever
    a bucket ──review──▶ every statistic of its users           one numba pass, no shuffle
             └─(user, artist, ms)──rank──▶ standings            the second shuffle, by artist
    a bucket ──finish──▶ wrapped/years                          both put together, published in one rename

Every step can be killed and goes on where it stood (`steps.py`). Nothing is published before the totals reconcile: rows read with
rows bucketed and rejected, and the reviews' plays and milliseconds with what SQL counts over the same buckets.
"""

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from shared.clock import Clock
from shared.errors import BadInput, CheckFailed
from shared.lake import Dataset, Lake, Shard, locked, read_shard, write_json, write_shard
from shared.ports import Engine, Json, partitions_of
from wrapped.bucket import bucket_count, code_table
from wrapped.forget import forgotten
from wrapped.local_time import year_days
from wrapped.percentile import standings
from wrapped.personality import personalities
from wrapped.records import CALENDAR, PLAYS, TOP, YEARS
from wrapped.shuffle import read_partition, write_partitions
from wrapped.steps import run_step
from wrapped.year import COUNTED_MS, Calendar, Plays, Reviews, review

FORMAT = 2
"""Goes up when the bytes of a result change, so that no record of an older run is resumed."""
RECONCILE = (Path(__file__).parent / "sql" / "reconcile.sql").read_text()
DIMENSIONS = ("artists", "tracks", "genres")

Array = np.ndarray[Any, Any]


class Source(NamedTuple):
    """What a run reads: plays, the tracks they name, and the listeners' time zones.

    keys: per track, what plays carry: an id, or artist and title joined; artists, titles, genres: per track.
    """

    plays: Dataset
    keys: Any
    artists: list[str]
    titles: list[str]
    genres: list[str | None]
    zones: Dataset | None


def run_year(engine: Engine, lake: Lake, source: Source, year: int, clock: Clock) -> Dataset:
    """Review `year` for every user of `source` and publish `wrapped/years` at version `year` in `lake`."""
    version = _version(source)
    work = lake.root / "wrapped" / ".work" / f"{version}-{year}"
    with locked(lake.root / "wrapped"):  # one run or forgetting at a time
        plays = _bucket(engine, lake, source, version, work, clock)
        calendar = lake.publish_table("wrapped/calendar", str(year), calendar_table(year))
        genres = lake.dataset("wrapped/genres", version).rows
        buckets = [f"{number:05d}={path}" for number, path in enumerate(plays.paths)]
        numbers = [name[:5] for name in buckets]
        folder = str(work / "files")
        common = {"folder": folder, "buckets": len(buckets)}
        run_step(engine, "wrapped.pipeline:review_bucket", buckets, {**common, "year": year, "genres": genres}, work)
        run_step(engine, "wrapped.pipeline:rank", numbers, common, work)
        target = str(lake.folder("wrapped/years", str(year)))
        finished = run_step(engine, "wrapped.pipeline:finish", numbers, {**common, "target": target}, work)
        totals = {key: sum(part[key] for part in finished) for key in ("users", "plays", "ms")}
        _reconcile(engine, plays, calendar, totals)
        shards = [Shard(*part["shard"]) for part in finished]
        details = {"year": year, "buckets": version, **totals, "rejected": plays.details["rejected"]}
        years = lake.publish("wrapped/years", str(year), YEARS, shards, details)
        shutil.rmtree(work)
    return years


def calendar_table(year: int) -> pa.Table:
    """The dimension `calendar`: the days of a year."""
    first, month, weekday = year_days(year)
    columns = (np.arange(first, first + len(month)), month, weekday)
    return pa.table([column.astype(np.int32) for column in columns], schema=CALENDAR)


def _bucket(engine: Engine, lake: Lake, source: Source, version: str, work: Path, clock: Clock) -> Dataset:
    """`wrapped/plays` and its dimensions at `version`; what an earlier run published is taken as it is."""
    if version in lake.versions("wrapped/plays"):
        return lake.dataset("wrapped/plays", version)
    codes, dimensions = code_table(source.keys, source.artists, source.titles, source.genres)
    for name, table in zip(DIMENSIONS, dimensions, strict=True):
        lake.publish_table(f"wrapped/{name}", version, table)
    coded = write_shard(work / "codes", 0, codes).path
    began = work / "began.json"
    if not began.exists():  # a resumed run keeps the present that its finished shards were judged by
        write_json(began, {"now_ms": clock()})
    buckets = bucket_count(source.plays.rows)
    shards = [f"{number:05d}={path}" for number, path in enumerate(source.plays.paths)]
    split = {
        "codes": coded,
        "zones": source.zones.paths[0] if source.zones else None,
        "forgotten": forgotten(lake),
        "folder": str(work / "files"),
        "buckets": buckets,
        **json.loads(began.read_text()),
    }
    read = run_step(engine, "wrapped.bucket:split", shards, split, work)
    merge = {"inputs": str(work / "files"), "files": len(shards), "folder": str(lake.folder("wrapped/plays", version))}
    merged = run_step(engine, "wrapped.bucket:merge", [f"{number:05d}" for number in range(buckets)], merge, work)
    rejected = Counter[str]()
    for part in [*read, *merged]:
        rejected.update(part["rejected"])
    kept = [Shard(*part["shard"]) for part in merged]
    rows = sum(part["rows"] for part in read)
    if not rows == source.plays.rows == sum(shard.rows for shard in kept) + rejected.total():
        raise CheckFailed(
            f"{rows:,} rows read of {source.plays.rows:,}: not what was bucketed and rejected; nothing was published"
        )
    if not any(shard.rows for shard in kept):
        raise BadInput(
            f"{rows:,} rows, none of them usable ({dict(rejected)}); compare the columns with wrapped/sources.py"
        )
    details = {"rows": rows, "rejected": dict(sorted(rejected.items()))}
    return lake.publish("wrapped/plays", version, PLAYS, kept, details)


def read_bucket(path: str) -> tuple[Array, Array, Plays]:
    """User ids int64 [U], starts int64 [U + 1] and rows of one bucket."""
    table = read_shard(path, ["user_id", *Plays._fields[:6]])
    user = table["user_id"].to_numpy()
    edges = np.flatnonzero(np.diff(user)) + 1
    starts = np.concatenate(([0], edges, [len(user)])).astype(np.int64) if len(user) else np.zeros(1, np.int64)
    columns = {name: table[name].to_numpy() for name in Plays._fields[:6]}
    return user[starts[:-1]], starts, Plays(**columns, counted=columns["ms"] >= COUNTED_MS)


def review_bucket(shard: str, folder: str, buckets: int, year: int, genres: int) -> Json:
    """Kernel over `index=path` of a bucket: write its reviews, and its totals partitioned by artist.

    A total: artist, ms, the user's row within the bucket, and the artist's place in the user's top 5, -1 when it has none.
    """
    index, _, path = shard.partition("=")
    users, starts, plays = read_bucket(path)
    reviews, totals = review(starts, plays, Calendar(*year_days(year)), genres)
    favourite = reviews.top_artists[totals.user, 0] == totals.artist[:, None]  # [N, 5]
    place = np.where(favourite.any(axis=1), favourite.argmax(axis=1), -1)
    table = pa.table({"artist": totals.artist, "ms": totals.ms, "user": totals.user, "place": place.astype(np.int8)})
    write_partitions(f"{folder}/totals-{index}.arrow", table, partitions_of(totals.artist, buckets), buckets)
    whole = np.zeros(len(users), np.int64)
    write_partitions(f"{folder}/reviews-{index}.arrow", reviews_table(users, reviews), whole, 1)
    return {"users": len(users)}


def rank(shard: str, folder: str, buckets: int) -> Json:
    """Kernel over an artist partition: the standings of every (user, top artist), partitioned back by bucket."""
    parts = [read_partition([f"{folder}/totals-{bucket:05d}.arrow"], int(shard)) for bucket in range(buckets)]
    artist, ms, user, place = (
        np.concatenate([part[name].to_numpy() for part in parts]) for name in ("artist", "ms", "user", "place")
    )
    bucket = np.repeat(np.arange(buckets), [part.num_rows for part in parts])
    wanted = np.flatnonzero(place >= 0)
    found = standings(artist, ms, wanted)
    table = pa.table({"user": user[wanted], "place": place[wanted], **found._asdict()})
    write_partitions(f"{folder}/standings-{shard}.arrow", table, bucket[wanted], buckets)
    return {"totals": len(ms)}


def finish(shard: str, folder: str, buckets: int, target: str) -> Json:
    """Kernel over a bucket: put the standings beside its reviews and write the shard that will be published."""
    reviews = read_partition([f"{folder}/reviews-{shard}.arrow"], 0)
    found = read_partition([f"{folder}/standings-{artists:05d}.arrow" for artists in range(buckets)], int(shard))
    cells = np.zeros((reviews.num_rows, 3, TOP), np.int64)
    user, place = found["user"].to_numpy(), found["place"].to_numpy()
    for row, name in enumerate(("listeners", "ahead", "level")):
        cells[user, row, place] = found[name].to_numpy()
    years = reviews.set_column(reviews.num_columns - 1, YEARS.field("standings"), _lists(cells))
    plays, ms = (int(years[name].to_numpy().sum()) for name in ("plays", "ms"))
    return {"shard": list(write_shard(target, int(shard), years)), "users": years.num_rows, "plays": plays, "ms": ms}


def reviews_table(users: Array, reviews: Reviews) -> pa.Table:
    """Reviews as rows of YEARS, the standings still zero."""
    tops = reviews.top_artists[:, 1].sum(axis=1)
    number = personalities(reviews.plays, reviews.tracks, tops, reviews.night_plays)
    empty = np.zeros((len(users), 3, TOP), np.int64)
    columns = {"user_id": users, **reviews._asdict(), "personality": number, "standings": empty}
    return pa.table(
        [_lists(columns[name]) if columns[name].ndim > 1 else columns[name] for name in YEARS.names], schema=YEARS
    )


def _lists(cells: Array) -> pa.Array:
    """int64 [U, …] as an Arrow column of fixed lists."""
    kind = pa.list_(pa.field("value", pa.int64(), nullable=False), int(np.prod(cells.shape[1:])))
    return pa.FixedSizeListArray.from_arrays(pa.array(cells.ravel()), type=kind)


def _reconcile(engine: Engine, plays: Dataset, calendar: Dataset, totals: dict[str, int]) -> None:
    """CheckFailed unless SQL, which shares no line with the kernel, counts the same plays and milliseconds."""
    counted = engine.query(RECONCILE, {"plays": plays, "calendar": calendar}).to_pylist()[0]
    if (counted["plays"], counted["ms"]) != (totals["plays"], totals["ms"]):
        raise CheckFailed(
            f"the reviews hold {totals['plays']:,} plays of {totals['ms']:,} ms, "
            f"the buckets {counted['plays']:,} of {counted['ms']:,}; nothing was published"
        )


def _version(source: Source) -> str:
    """A name for these inputs: equal bytes, equal name."""
    zones = source.zones.digest if source.zones else ""
    catalogue = hashlib.sha256(json.dumps([source.artists, source.titles, source.genres]).encode()).hexdigest()
    return hashlib.sha256(f"{FORMAT} {source.plays.digest} {zones} {catalogue}".encode()).hexdigest()[:12]
