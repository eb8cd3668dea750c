"""Reading a published year: one user's row from one bucket, and the names behind its ids.

A user's bucket follows from the id alone, so a lookup opens one shard of `wrapped/years`, reads the row group that holds the id, and
takes the few names it needs from the dimensions, which are read once.
"""

from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shared.errors import BadInput, NotFound
from shared.lake import Dataset, Lake, read_shard
from shared.ports import partition_of
from wrapped.cards.facts import Json, Names, facts


def read_facts(lake: Lake, user: int, year: int | None = None) -> Json:
    """What a user's published year says (default: the newest year); NotFound when there is no such year or user."""
    years = lake.dataset("wrapped/years", None if year is None else str(year))
    path = years.shards[partition_of(user, len(years.shards))].path
    try:
        rows = pq.read_table(path, filters=[("user_id", "=", user)], partitioning=None).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{path}: not a readable Parquet file; run the year again") from error
    if not rows:
        raise NotFound(f"no plays of user {user} in the lake that {years.version} was made from; try another user")
    return {"user": user, **facts(int(years.version), rows[0], published_names(lake, years))}


def published_names(lake: Lake, years: Dataset) -> Names:
    """The names of the dimensions that a year was made with."""
    version = years.details["buckets"]
    paths = (lake.dataset(f"wrapped/{name}", version).paths[0] for name in ("artists", "tracks", "genres"))
    artists, tracks, genres = (_dimension(path) for path in paths)

    def artist(at: int) -> str:
        return str(artists["name"][at].as_py())

    def track(at: int) -> tuple[str, str]:
        return str(tracks["title"][at].as_py()), artist(tracks["artist"][at].as_py())

    return Names(artist, track, lambda at: str(genres["name"][at].as_py()))


@lru_cache(maxsize=8)
def _dimension(path: str) -> Any:
    """A dimension in one chunk; its file name holds its digest, so it never changes under the cache."""
    return read_shard(path).combine_chunks()
