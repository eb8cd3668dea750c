"""Plays become weights: how often, and how long ago, a user chose each recording.

SQL counts, one text on whichever engine runs: plays of 30 s and more, distinct by start time (a redelivered event is no second play), by
recording and not by track id (the album cut, the single and the re-release are one thing to a listener). Rows that cannot be a play
are counted by reason and left out. Counts stay integers up to here; the weight is

    w = log(1 + plays) · 2^(−age of the last play / half-life)

because the tenth play says less than the second, and last month says more than last year. A recording that was only skipped has
weight 0: it teaches the model nothing, and the user has still heard it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from discover_weekly.records import Sources
from shared.clock import DAY_MS, from_ms
from shared.errors import BadInput
from shared.lake import Dataset, Lake
from shared.ports import Engine

HALF_LIFE_DAYS = 182
COUNTED_MS = 30_000
LONGEST_MS = 86_400_000
MOST_COUNTRIES = 1_000  # each has its own row of popular recordings
NEVER = np.iinfo(np.int32).max  # days

VALID = """played_ms >= 0 AND played_ms <= {longest} AND p.started_at < {cutoff}"""

COUNT_SQL = """
SELECT u.row_number AS user_row, r.recording_row AS recording_row,
       CAST(count(DISTINCT CASE WHEN p.played_ms >= {counted} THEN p.started_at END) AS INTEGER) AS plays,
       coalesce(max(CASE WHEN p.played_ms >= {counted} THEN p.started_at END), max(p.started_at)) AS last_played
FROM plays AS p
JOIN recordings AS r ON r.track_id = p.track_id
JOIN users AS u ON u.user_id = p.user_id
WHERE {valid}
GROUP BY u.row_number, r.recording_row
ORDER BY {order}
"""

REJECTED_SQL = """
SELECT CAST(count(*) AS BIGINT) AS plays_read,
       CAST(count(CASE WHEN p.user_id IS NULL OR p.track_id IS NULL OR p.started_at IS NULL OR p.played_ms IS NULL THEN 1 END)
            AS BIGINT) AS incomplete,
       CAST(count(CASE WHEN p.played_ms < 0 OR p.played_ms > {longest} THEN 1 END) AS BIGINT) AS impossible_length,
       CAST(count(CASE WHEN p.started_at >= {cutoff} THEN 1 END) AS BIGINT) AS after_the_week_began,
       CAST(count(CASE WHEN p.track_id IS NOT NULL AND r.track_id IS NULL THEN 1 END) AS BIGINT) AS unknown_track,
       CAST(count(CASE WHEN p.user_id IS NOT NULL AND u.user_id IS NULL THEN 1 END) AS BIGINT) AS unknown_user
FROM plays AS p
LEFT JOIN recordings AS r ON r.track_id = p.track_id
LEFT JOIN users AS u ON u.user_id = p.user_id
"""


class Catalogue(NamedTuple):
    """Row numbers: recording r of R stands for all track ids of one recording; user u of U for one user id."""

    track_ids: NDArray[np.int32]  # [tracks] sorted
    recording_of: NDArray[np.int32]  # [tracks] → recording row
    shown: NDArray[np.int32]  # [R] the track id that stands for a recording: the first released that names an artist
    artist_indptr: NDArray[np.int32]  # [R + 1]
    artists: NDArray[np.int32]  # credited artists of each recording
    released: NDArray[np.int64]  # [R] days since the epoch; NEVER for a recording without an artist
    user_ids: NDArray[np.int32]  # [U] sorted
    countries: NDArray[np.int32]  # [U] index into country_names
    country_names: list[str]


def read_catalogue(sources: Sources) -> Catalogue:
    """Number recordings and users; a recording without an artist counts as heard but is never listed.

    BadInput for an id that stands twice or does not fit, and for artists that are no ids.
    """
    tracks = sources.tracks.table(["track_id", "artist_ids", "recording", "released"]).sort_by("track_id")
    users = sources.users.table(["user_id", "country"]).sort_by("user_id")
    track_ids, user_ids = _unique_ids(tracks, "track_id"), _unique_ids(users, "user_id")
    credits = _cast(tracks, "artist_ids", pa.list_(pa.int32()))
    nameless = pc.fill_null(pc.list_value_length(credits), 0).to_numpy() == 0
    released = pc.cast(pc.fill_null(_cast(tracks, "released", pa.date32()), 0), pa.int32()).to_numpy().astype(np.int64)
    preferred = np.lexsort((released, nameless))  # tracks with an artist first, then the earliest, by id
    recording_of, shown_rows = _number_recordings(tracks, preferred)
    artists = credits.take(pa.array(shown_rows))
    countries = pc.dictionary_encode(pc.fill_null(users["country"].combine_chunks(), ""))
    if len(countries.dictionary) > MOST_COUNTRIES:
        raise BadInput(
            f"column 'country': {len(countries.dictionary):,} different values; expected codes, at most {MOST_COUNTRIES:,}"
        )
    return Catalogue(
        track_ids,
        recording_of,
        track_ids[shown_rows],
        np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(artists), 0).to_numpy())]).astype(np.int32),
        artists.flatten().to_numpy().astype(np.int32),
        np.where(nameless, NEVER, released)[shown_rows],
        user_ids,
        countries.indices.to_numpy().astype(np.int32),
        countries.dictionary.to_pylist(),
    )


def _number_recordings(tracks: pa.Table, preferred: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Each track's recording row, and the track row that stands for each recording; numbered by the latter."""
    own = pc.binary_join_element_wise("track", pc.cast(tracks["track_id"], pa.string()), " ")
    code = pc.if_else(pc.equal(pc.fill_null(tracks["recording"], ""), ""), own, tracks["recording"])  # no ISRC: alone
    number = code.combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, inverse = np.unique(number[preferred], return_index=True, return_inverse=True)
    shown_rows = preferred[first]
    order = np.argsort(shown_rows)
    row_of = np.empty_like(order)
    row_of[order] = np.arange(len(order))
    recording_of = np.empty(len(number), np.int32)
    recording_of[preferred] = row_of[inverse]
    return recording_of, shown_rows[order]


def _unique_ids(table: pa.Table, name: str) -> NDArray[np.int32]:
    if table[name].null_count:
        raise BadInput(f"column {name!r}: {table[name].null_count} rows without an id")
    ids: NDArray[np.int32] = _cast(table, name, pa.int32()).to_numpy()
    repeated = np.flatnonzero(ids[1:] == ids[:-1])
    if len(repeated):
        raise BadInput(f"column {name!r}: {ids[repeated[0]]} stands twice; expected each id once")
    return ids


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    try:
        array = table[name].combine_chunks().cast(kind)
        if pa.types.is_list(kind) and array.flatten().null_count:
            raise BadInput(f"column {name!r}: a list holds NULL; expected {kind}")
        return array
    except pa.ArrowInvalid as error:
        raise BadInput(f"column {name!r}: {str(error).splitlines()[0]}; expected {kind}") from error


class Counts(NamedTuple):
    """The published counts, in the order of users and in the order of recordings, and what was left out."""

    by_user: Dataset
    by_recording: Dataset
    rejected: dict[str, int]


def count_plays(
    engine: Engine, lake: Lake, sources: Sources, catalogue: Catalogue, week: str, cutoff_ms: int
) -> Counts:
    """Count plays per user and recording before the week begins; BadInput when not one is left."""
    released = catalogue.released[catalogue.recording_of]
    recordings = pa.table(
        {"track_id": catalogue.track_ids, "recording_row": catalogue.recording_of, "released_day": released}
    )
    users = pa.table({"user_id": catalogue.user_ids, "row_number": np.arange(len(catalogue.user_ids), dtype=np.int32)})
    tables = {
        "plays": sources.plays,
        "recordings": lake.publish_table("discover_weekly/recordings", week, recordings),
        "users": lake.publish_table("discover_weekly/user_rows", week, users),
    }
    cutoff = f"TIMESTAMP '{from_ms(cutoff_ms):%Y-%m-%d %H:%M:%S}+00:00'"
    constants = {"cutoff": cutoff, "counted": COUNTED_MS, "longest": LONGEST_MS}
    rejected = engine.query(REJECTED_SQL.format(**constants), tables).to_pylist()[0]
    rejected["recordings_without_artist"] = int((catalogue.released == NEVER).sum())

    def write(name: str, order: str) -> Dataset:
        sql = COUNT_SQL.format(**constants, valid=VALID.format(**constants), order=order)
        return engine.write(sql, tables, lake, f"discover_weekly/{name}", week)

    counts = Counts(
        write("by_user", "user_row NULLS LAST, recording_row NULLS LAST"),
        write("by_recording", "recording_row NULLS LAST, user_row NULLS LAST"),
        rejected,
    )
    if not counts.by_user.rows:
        raise BadInput(f"plays: none of {rejected['plays_read']:,} rows counts before {week}; left out: {rejected}")
    return counts


@lru_cache(maxsize=16)
def read_rows(path: str, side: str, first: int, last: int, columns: int, cutoff_ms: int) -> csr_matrix:
    """Rows first ≤ row < last of one side (`user_row` or `recording_row`) as csr float32[last − first, columns] of weights.

    Zeros are stored: they are what the user heard and did not play. Only the row groups that hold these rows are decoded.
    """
    other = "recording_row" if side == "user_row" else "user_row"
    table = pq.read_table(path, filters=[(side, ">=", first), (side, "<", last)], partitioning=None)
    rows = table[side].to_numpy() - first
    age_days = (cutoff_ms - _epoch_ms(table["last_played"])) / DAY_MS
    weights = np.log1p(table["plays"].to_numpy()) * np.exp2(-age_days / HALF_LIFE_DAYS)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=last - first))]).astype(np.int32)
    return csr_matrix(
        (weights.astype(np.float32), table[other].to_numpy().astype(np.int32), indptr), (last - first, columns)
    )


def _epoch_ms(moments: pa.ChunkedArray) -> NDArray[np.int64]:
    ms: NDArray[np.int64] = pc.cast(pc.cast(moments, pa.timestamp("ms", tz="UTC"), safe=False), pa.int64()).to_numpy()
    return ms


def played_only(heard: csr_matrix) -> csr_matrix:
    """The rows without what was only skipped: what the model learns from."""
    played = heard.copy()
    played.eliminate_zeros()
    return played
