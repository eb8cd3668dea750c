"""Where the plays come from: the synthetic world, or somebody's own Parquet with names in it. Both take the same road from here on.

Own files: one row a play, `user_id` (integer), `artist`, `track` (text), `started_at` (timestamp, UTC), `played_ms` (integer), and
if they know it `genre` and `time_zone` (text, IANA name; UTC otherwise).
"""

import hashlib
import unicodedata
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shared.errors import BadInput
from shared.files import FAMILIES, open_parquet
from shared.lake import Dataset, Lake
from shared.ports import Engine
from shared.world import open_world
from wrapped.bucket import SEPARATOR
from wrapped.pipeline import Source

OWN_PLAYS = pa.schema(
    [
        ("user_id", pa.int64()),
        ("artist", pa.string()),
        ("track", pa.string()),
        ("started_at", pa.timestamp("ms", "UTC")),
        ("played_ms", pa.int64()),
    ]
)
OWN_NAMES = """
    select artist, track, {genre} as genre
    from plays
    where trim(artist) <> '' and trim(track) <> '' and length(artist || track) <= 4000 and artist || track not like '%{separator}%'
    group by artist, track
    order by artist nulls last, track nulls last
"""


def source_at(engine: Engine, path: Path) -> Source:
    """The world that lies in `path` (or whose `plays` does), otherwise own Parquet; BadInput for what is neither."""
    for folder in (path, path.parent) if path.absolute().name == "plays" else (path,):
        if (folder / "world.json").exists():
            return world_source(open_world(folder))
    return own_source(engine, path)


def world_source(world: Lake) -> Source:
    """The world's plays; a play belongs to the track's main artist."""
    tracks = world.dataset("tracks").table(["track_id", "title", "artist_ids", "genre"])
    names = world.dataset("artists").table(["name"])["name"].to_pylist()  # artist ids are dense from 0
    main = pc.list_element(tracks["artist_ids"], 0).to_pylist()
    return Source(
        plays=world.dataset("plays"),
        keys=tracks["track_id"].cast(pa.int64()),
        artists=[names[artist] for artist in main],
        titles=tracks["title"].to_pylist(),
        genres=tracks["genre"].to_pylist(),
        zones=world.dataset("users"),
    )


def own_source(engine: Engine, path: Path) -> Source:
    """Somebody's Parquet file or folder, in the columns of OWN_PLAYS."""
    plays = _digested(open_parquet("plays", path, OWN_PLAYS))
    genre = "min(genre)" if _has_genres(plays) else "cast(null as varchar(1))"
    names = engine.query(OWN_NAMES.format(genre=genre, separator=SEPARATOR), {"plays": plays})
    artists, titles = names["artist"].to_pylist(), names["track"].to_pylist()
    keys = pa.array([artist + SEPARATOR + title for artist, title in zip(artists, titles, strict=True)], pa.string())
    artists, titles = ([unicodedata.normalize("NFC", name) for name in spelled] for spelled in (artists, titles))
    return Source(plays, keys, artists, titles, names["genre"].to_pylist(), None)


def _has_genres(plays: Dataset) -> bool:
    """Whether the files name genres; BadInput where a column that may be absent holds something else, or files differ."""
    kinds = set()
    for path in plays.paths:
        found = pq.read_schema(path)
        for name in ("time_zone", "genre"):
            kind = found.field(name).type if name in found.names else pa.null()
            if not (pa.types.is_null(kind) or FAMILIES["text"](kind)):
                raise BadInput(f"{path}: column {name!r} holds {kind}; expected text")
        kinds.add(pa.types.is_null(kind))
    if len(kinds) > 1:
        raise BadInput(f"{path}: column 'genre' is in some of the files only; give it to all of them or to none")
    return kinds == {False}


def _digested(plays: Dataset) -> Dataset:
    """Somebody's files with digests of their bytes, so that changed files are never taken for the ones of an earlier run."""
    shards = []
    for shard in plays.shards:
        with open(shard.path, "rb") as file:
            shards.append(shard._replace(digest=hashlib.file_digest(file, "sha256").hexdigest()[:16]))
    return replace(plays, shards=tuple(shards))
