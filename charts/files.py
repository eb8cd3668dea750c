"""Somebody's own plays: Parquet or CSV, or a scrobble export, read into batches of PLAYS in the order of their rows.

A file that cannot be used (absent, not Parquet, a column missing) is one line and exit code 2. A *cell* that cannot be
used travels as null, so its row is rejected by the rules with a reason, and counted: rows that came = counted +
rejected, always. Textual ids are numbered in alphabetical order over all files, so every «smaller id» in the rules
means the same before and after.

Plays      event_id, user_id, track_id, artist_ids, country, started_at, played_ms, tier[, track_ms]
Scrobbles  artist, track, timestamp (epoch seconds)     one listener, every scrobble a counted play, global chart only
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pyarrow.types as kinds

from charts.records import PLAYS, Ints
from charts.rules import TIERS
from shared.errors import BadInput

SPELLINGS = {
    "event_id": ("event_id",),
    "user_id": ("user_id", "user"),
    "track_id": ("track_id",),
    "artist_ids": ("artist_ids", "artists", "artist_id", "artist"),
    "country": ("country",),
    "started_at": ("started_at", "timestamp", "ts", "uts", "epoch", "time"),
    "played_ms": ("played_ms", "ms_played"),
    "tier": ("tier",),
    "track_ms": ("track_ms", "duration_ms"),
    "track": ("track", "title"),
}
REQUIRED = ("event_id", "user_id", "track_id", "artist_ids", "country", "started_at", "played_ms", "tier")
SCROBBLE = ("artist_ids", "track", "started_at")
IDS = {"event_id": "events", "user_id": "users", "track_id": "tracks", "artist_ids": "artists"}
"""Columns that are numbered where they hold texts, and what those are the texts of."""
TIER_CODES = {name: code for code, name in enumerate(TIERS)} | {"premium": 0, "ad": 1, "ad-funded": 1, "free": 1}
WHOLE = r"^-?[0-9]{1,18}$"
PLAIN_WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
SECONDS_BELOW = 100_000_000_000
"""As seconds this is the year 5138, as milliseconds March 1973: a whole column of times lies on one side of it."""
SHORTEST_COUNTED_MS = 30_000


@dataclass(frozen=True)
class Input:
    """Plays as one batch; rows of a CSV file that did not fit its header; where ids were texts, the texts by their number (keys of IDS)."""

    plays: pa.RecordBatch
    unreadable_rows: int
    texts: dict[str, pa.Array]


def read_files(path: str | Path) -> Input:
    """Every play of a file, or of all .parquet and .csv files of a folder by name; BadInput when a file cannot be used."""
    tables, broken = [], 0
    for file in _files(Path(path)):
        table, skipped = _read(file)
        broken += skipped
        if table.num_rows:
            tables.append(_known_columns(file, table))
    if not tables:
        raise BadInput(f"{path}: no plays; expected at least one row")
    names = set(tables[0].column_names) - {"track_ms"}
    if any(set(table.column_names) - {"track_ms"} != names for table in tables):
        raise BadInput(f"{path}: files of different kinds; give plays and scrobbles apart")
    return _to_plays(tables, broken)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder; expected Parquet or CSV")
    if not path.is_dir():
        return [path]
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in (".parquet", ".csv") and f.is_file())
    if not files:
        raise BadInput(f"{path}: no .parquet or .csv file in this folder")
    return files


def _read(file: Path) -> tuple[pa.Table, int]:
    """The file as a table, CSV cells as bytes; and how many CSV rows had more or fewer cells than the header."""
    skipped = []

    def skip(row: object) -> str:
        skipped.append(row)
        return "skip"

    try:
        if file.suffix.lower() != ".csv":
            return pq.read_table(file, partitioning=None), 0
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            names = next(csv.reader(text), [])
        if len(set(names)) < len(names):
            raise BadInput(f"{file}: a column twice in the header ({', '.join(names)[:200]}); name each column once")
        table = pyarrow.csv.read_csv(
            file,
            pyarrow.csv.ReadOptions(column_names=names, skip_rows=1),
            pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            pyarrow.csv.ConvertOptions(column_types={name: pa.binary() for name in names}),
        )
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise BadInput(
            f"{file}: not readable ({str(error).splitlines()[0][:120]}); expected Parquet, or CSV with a header"
        ) from error
    return table, len(skipped)


def _known_columns(file: Path, table: pa.Table) -> pa.Table:
    """The columns we know under our names for them; BadInput when one is missing."""
    given = {name.lower(): name for name in reversed(table.column_names)}
    found = {
        ours: given[theirs]
        for ours, spellings in SPELLINGS.items()
        for theirs in reversed(spellings)
        if theirs in given
    }
    scrobbles = "event_id" not in found and "user_id" not in found and all(name in found for name in SCROBBLE)
    wanted = SCROBBLE if scrobbles else REQUIRED
    for name in wanted:
        if name not in found:
            raise BadInput(
                f"{file}: no column {name!r} (found: {', '.join(table.column_names)}); expected {', '.join(wanted)}"
            )
    chosen = [*wanted, *(["track_ms"] if "track_ms" in found and not scrobbles else [])]
    columns = {name: _plain(table[found[name]]) for name in chosen}
    if scrobbles:
        for name in ("artist_ids", "track"):
            if not kinds.is_string(columns[name].type):
                raise BadInput(
                    f"{file}: column {found[name]!r} is {columns[name].type}; expected text, one name a scrobble"
                )
    elif found["artist_ids"].lower() in ("artist_ids", "artists") and kinds.is_string(columns["artist_ids"].type):
        columns["artist_ids"] = pc.split_pattern_regex(pc.utf8_trim(columns["artist_ids"], " ;|"), r"[;|]")
    return pa.table(columns)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One array without dictionaries; bytes and text as trimmed text, null where blank or not UTF-8."""
    array = column.combine_chunks()
    if kinds.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kinds.is_binary(array.type) or kinds.is_large_binary(array.type):
        array = _utf8(array)
    if kinds.is_string(array.type) or kinds.is_large_string(array.type) or kinds.is_string_view(array.type):
        text = pc.utf8_trim_whitespace(array.cast(pa.string()))
        return pc.if_else(pc.equal(text, ""), None, text)
    return array


def _utf8(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        decoded = (cell and cell.decode("utf-8", "replace") for cell in array.to_pylist())
        return pa.array([None if cell is None or "\ufffd" in cell else cell for cell in decoded], pa.string())


def _to_plays(tables: list[pa.Table], broken: int) -> Input:
    """All files' columns as PLAYS; absent ones get what a scrobble means."""
    scrobbles = "event_id" not in tables[0].column_names
    moments = [_moments(table["started_at"].combine_chunks(), scrobbles) for table in tables]
    if scrobbles:
        tables = [_as_plays(table, moment) for table, moment in zip(tables, moments, strict=True)]
    credits = [_lists(table["artist_ids"].combine_chunks()) for table in tables]
    ids = {name: [table[name].combine_chunks() for table in tables] for name in IDS}
    numbered = {
        name: _numbered(parts) for name, parts in (ids | {"artist_ids": [values for _, values in credits]}).items()
    }
    lengths = np.concatenate([lengths for lengths, _ in credits])
    track_ms = [
        table["track_ms"] if "track_ms" in table.column_names else pa.chunked_array([pa.nulls(table.num_rows)])
        for table in tables
    ]
    offsets = pa.array(np.append(0, np.cumsum(np.maximum(lengths, 0))).astype(np.int32))
    columns = {
        **{name: numbers for name, (numbers, _) in numbered.items()},
        "artist_ids": pa.ListArray.from_arrays(offsets, numbered["artist_ids"][0]),
        "country": _countries([table["country"] for table in tables]),
        "started_at": pa.concat_arrays(moments).cast(pa.timestamp("ms", tz="UTC")),
        "played_ms": _milliseconds([table["played_ms"] for table in tables]),
        "tier": _tiers([table["tier"] for table in tables]),
        "track_ms": _milliseconds(track_ms),
    }
    batch = pa.RecordBatch.from_arrays([columns[name] for name in PLAYS.names], schema=PLAYS)
    if scrobbles or _newest_first(batch.column("started_at")):  # a history's order is no order of arrival
        batch = batch.take(pc.sort_indices(batch.column("started_at")))
    return Input(batch, broken, {name: texts for name, (_, texts) in numbered.items() if texts is not None})


def _newest_first(moments: pa.Array) -> bool:
    """Whether more rows begin before the one above them than after it: in that order all but the last year would be too late."""
    steps = np.diff(moments.drop_null().cast(pa.int64()).to_numpy())
    return int((steps < 0).sum()) > int((steps > 0).sum())


def _as_plays(table: pa.Table, moments: pa.Array) -> pa.Table:
    """Scrobbles as plays: one listener, a track is its artist and title, and the same track at the same moment is the same event."""
    artist, title = table["artist_ids"].combine_chunks(), table["track"].combine_chunks()
    track = pc.binary_join_element_wise(artist, title, "\u001f")
    event = pc.binary_join_element_wise(moments.cast(pa.string()), track, "\u001f")
    constant = {"user_id": "me", "country": "--", "tier": TIERS[0], "played_ms": str(SHORTEST_COUNTED_MS)}
    columns = {name: pa.array([value] * table.num_rows, pa.string()) for name, value in constant.items()}
    return pa.table(
        {**columns, "event_id": event, "track_id": track, "artist_ids": artist, "started_at": table["started_at"]}
    )


def _numbered(parts: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array | None]:
    """Ids of all files as int64: the integers that they are, or else their places in alphabetical order, and the texts by place."""
    whole = [_exact_integers(part) for part in parts]
    if all(part is not None for part in whole):
        return pa.concat_arrays(whole), None
    text = pa.concat_arrays([part.cast(pa.string()) for part in parts])
    names = pc.unique(text.drop_null())
    names = names.take(pc.sort_indices(names))
    return pc.index_in(text, names).cast(pa.int64()), names


def _exact_integers(ids: pa.Array) -> pa.Array | None:
    """Ids as int64 when every one of them is the plain spelling of an integer; None otherwise."""
    if kinds.is_null(ids.type):
        return ids.cast(pa.int64())
    if kinds.is_integer(ids.type):
        fits = not kinds.is_uint64(ids.type) or (pc.max(ids).as_py() or 0) < 1 << 63
        return ids.cast(pa.int64()) if fits else None
    if not kinds.is_string(ids.type):
        raise BadInput(f"an id column holds {ids.type}; expected integers or text")
    plain = pc.all(pc.match_substring_regex(ids, PLAIN_WHOLE)).as_py()
    return ids.cast(pa.int64()) if plain is not False else None


def _lists(credits: pa.Array) -> tuple[Ints, pa.Array]:
    """Lengths int64[n] (0 for null) and values of the credited artists; a column of single artists is a list of one each."""
    if not (kinds.is_list(credits.type) or kinds.is_large_list(credits.type) or kinds.is_fixed_size_list(credits.type)):
        return np.ones(len(credits), np.int64), credits
    credits = credits.cast(pa.list_(credits.type.value_type))
    lengths = pc.fill_null(pc.list_value_length(credits), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, _plain(pa.chunked_array([credits.flatten()]))


def _text(parts: Sequence[pa.ChunkedArray]) -> pa.Array:
    """Columns as one array of text; BadInput for lists and structs."""
    for part in parts:
        if kinds.is_nested(part.type):
            raise BadInput(f"a column of text holds {part.type}; expected text")
    return pa.chunked_array([chunk.cast(pa.string()) for part in parts for chunk in part.chunks]).combine_chunks()


def _countries(parts: Sequence[pa.ChunkedArray]) -> pa.Array:
    text = _text(parts)
    ascii_pair = pc.match_substring_regex(text, r"^[A-Z-]{2}$")
    return pc.if_else(ascii_pair, text, None).cast(pa.binary()).cast(pa.binary(2))


def _tiers(parts: Sequence[pa.ChunkedArray]) -> pa.Array:
    text = _text(parts)
    place = pc.index_in(text, pa.array(list(TIER_CODES)))
    return pa.array(np.array(list(TIER_CODES.values()), np.int8)).take(place)


def _milliseconds(parts: Sequence[pa.ChunkedArray]) -> pa.Array:
    """int32, null where unreadable; what does not fit is as impossible as the largest that does."""
    whole = pa.concat_arrays([_whole(chunk) for part in parts for chunk in part.chunks])
    limit = np.iinfo(np.int32).max
    return pc.max_element_wise(pc.min_element_wise(whole, limit, skip_nulls=False), -1, skip_nulls=False).cast(
        pa.int32()
    )


def _whole(column: pa.Array) -> pa.Array:
    """A column as int64, null in cells that hold no whole number."""
    if kinds.is_string(column.type):
        return pc.if_else(pc.match_substring_regex(column, WHOLE), column, None).cast(pa.int64())
    if kinds.is_floating(column.type):
        return pc.if_else(pc.equal(pc.floor(column), column), column, None).cast(pa.int64(), safe=False)
    if kinds.is_integer(column.type) or kinds.is_null(column.type):
        return column.cast(pa.int64(), safe=False)
    raise BadInput(f"a column of numbers holds {column.type}; expected integers")


def _moments(column: pa.Array, scrobbles: bool) -> pa.Array:
    """Times as int64 ms: timestamps, ISO 8601 text (UTC when it names no zone), or integers.

    Integers are ms in plays and seconds in scrobbles, unless all of them are in the other unit: one among others is not believed.
    """
    if kinds.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False).cast(pa.int64())
    whole = _whole(column)
    odd_one_decides = pc.min if scrobbles else pc.max
    in_seconds = (odd_one_decides(pc.abs(whole)).as_py() or 0) < SECONDS_BELOW
    whole = pc.multiply(whole, 1000) if in_seconds else whole
    if kinds.is_string(column.type) and whole.null_count:
        return pc.coalesce(whole, pa.array([_iso_ms(cell) for cell in column.to_pylist()], pa.int64()))
    return whole


def _iso_ms(text: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)) // timedelta(
        milliseconds=1
    )
