"""From files to rows: each element of each file becomes a row with a reason, and only rows without one are plays.

The text of a JSON element is looked into by one SQL statement (`rows.sql`), whichever way the element was found: DuckDB's parser
takes a million rows a second from well-formed files; a file with a syntax error in it is walked element by element in Python, from
one row to the next that parses, so that what is broken costs itself and nothing else.
"""

import csv
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from shared.errors import BadInput
from shared.threads import cores
from wrapped.importer.files import Found, Problem, unpacked
from wrapped.local_time import EARLIEST_MS

REASONS = ("", "broken_row", "video", "podcast", "audiobook", "no_track", "bad_time", "bad_duration", "duplicate")
"""Why a row is no play; the number is what `rows.sql` returns. 0: it is one."""
WRONG = {
    1: "not a row",
    5: "missing, blank, too long or not text",
    6: "missing, not a time, or out of range",
    7: "missing, not a whole number of ms, negative or over 24 h",
}
"""The reasons that make a row a broken one, in words."""
FIELDS = {
    "new": ("master_metadata_album_artist_name", "master_metadata_track_name", "ts", "ms_played"),
    "old": ("artistName", "trackName", "endTime", "msPlayed"),
    "scrobble": ("artist", "track", "timestamp", ""),
}
"""What artist, track, time and duration are called in each shape of a row."""
UNKNOWN_MS = -1
MOST_ROWS = 4_000_000
"""Of an import; somebody who never slept for ten years has as many."""
MOST_ROW_LETTERS = 100_000
MOST_NAME_BYTES = 4_000
MOST_LISTED = 1_000
"""Broken rows that are named, of each file; all are counted."""
SCROBBLE = ("artist", "track", "timestamp")
UNSEEN = " \t\r\n\u00a0\u00ad\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u2060\u3000\u3164\ufeff"
"""Blanks and letters of no width."""
MOST_LINES = 10
"""A field of a table may hold line ends; a quote that is not closed after so many lines was damaged."""
STATEMENT = (Path(__file__).parent / "rows.sql").read_text()
BETWEEN_ROWS = re.compile(r"\}\s*,?\s*(?=\{)")
SPACE = re.compile(r"[\s,]*")
SURROGATE = re.compile("[\ud800-\udfff]")
DECODER = json.JSONDecoder()

Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """All rows of all files, in order; one entry a row."""

    reason: Array  # int8 [N], index into REASONS
    precise: Array  # bool [N], time to the second; the old format knows the minute
    at_ms: Array  # int64 [N], the end of a play of an export, the start of a scrobble; UTC
    ms: Array  # int64 [N], milliseconds listened; -1: a scrobble, which does not say
    artist: Any  # string [N]
    track: Any  # string [N]


def read_rows(files: list[Found], now_ms: int) -> tuple[Rows, list[Problem]]:
    """The rows of all files, and what was wrong with those that are broken, by file, index and field."""
    with duckdb.connect(config={"threads": cores()}) as database, ThreadPoolExecutor(cores()) as pool:
        read, rows = [], 0
        for file, (part, found) in zip(
            files, pool.map(lambda file: _read_file(database, file, now_ms), files), strict=True
        ):
            read.append((part, found))
            rows += part.num_rows
            if rows > MOST_ROWS:
                raise BadInput(f"{file.name}: more than {MOST_ROWS:,} rows up to here; import it in parts")
    table = pa.concat_tables(part for part, _ in read)
    problems = [problem for _, found in read for problem in found]
    reason, precise, at_ms, ms = (table[name].to_numpy() for name in Rows._fields[:4])
    return Rows(reason.copy(), precise, at_ms, ms, table["artist"], table["track"]), problems


def _read_file(database: duckdb.DuckDBPyConnection, file: Found, now_ms: int) -> tuple[pa.Table, list[Problem]]:
    """One file's rows, and its problems."""
    with unpacked(file) as path, database.cursor() as connection:
        connection.execute("set TimeZone = 'UTC'")
        values = {"kind": file.kind, "earliest": EARLIEST_MS, "now": now_ms, "unseen": UNSEEN}
        values["most_name"] = MOST_NAME_BYTES
        try:
            torn = _find_rows(connection, path, file)
            table = connection.sql(STATEMENT, params=values).to_arrow_table()
            torn = torn or ([] if table.num_rows else _walk(connection, _text(file.path), file))
        except (duckdb.Error, UnicodeDecodeError):  # not well-formed throughout, which may show only while it is read
            torn = _walk(connection, _text(file.path), file)
            table = connection.sql(STATEMENT, params=values).to_arrow_table()
    return table, torn + _broken_rows(file, table)


def _broken_rows(file: Found, table: pa.Table) -> list[Problem]:
    """The broken rows of a file, each with the field that breaks it."""
    broken = np.flatnonzero(np.isin(table["reason"].to_numpy(), list(WRONG)))[:MOST_LISTED]
    problems = []
    for index, row in zip(broken.tolist(), table.take(pa.array(broken)).to_pylist(), strict=True):
        shape = "scrobble" if row["ms"] == UNKNOWN_MS else "new" if row["precise"] else "old"
        artist, track, time, duration = FIELDS[shape]
        field = {1: "", 5: artist if row["artist"] is None else track, 6: time, 7: duration}[row["reason"]]
        problems.append(Problem(file.name, index, field, WRONG[row["reason"]]))
    return problems


def _find_rows(connection: duckdb.DuckDBPyConnection, path: Path | None, file: Found) -> list[Problem]:
    """Let the view `elements` be the file's rows."""
    if path is None:
        return [*_walk(connection, "[]", file), Problem(file.name, -1, "", "cannot be unpacked")]
    if file.kind == "csv" or SURROGATE.search(str(path)):  # DuckDB opens no path that is not UTF-8
        return _walk(connection, _text(path), file)
    form = "newline_delimited" if file.kind == "jsonl" else "array"
    escaped = re.sub(r"([*?\[])", r"[\1]", str(path)).replace("'", "''")
    rows = f"select json from read_json_objects('{escaped}', format = '{form}') limit {MOST_ROWS + 1}"
    connection.execute(f"create or replace temp view elements as {rows}")
    return []


def _walk(connection: duckdb.DuckDBPyConnection, text: str, file: Found) -> list[Problem]:
    """Let the view `elements` be what can be found in a text that is not well-formed throughout."""
    walk = {"csv": _walk_csv, "jsonl": _walk_lines}.get(file.kind, _walk_array)
    found: list[str | None] = []
    problems = []
    for element in walk(text):
        if isinstance(element, tuple):
            problems.append(Problem(file.name, -1, "", *element))
        else:
            found.append(element if element is None or len(element) <= MOST_ROW_LETTERS else None)
        if len(found) > MOST_ROWS:
            break
    if SURROGATE.search(text):
        problems.append(Problem(file.name, -1, "", "not UTF-8; rows with other bytes in them are left out"))
    connection.register("walked", pa.table({"json": pa.array(found, pa.string())}))
    valid = "select case when json_valid(json) then cast(json as json) end as json from walked"
    connection.execute(f"create or replace temp view elements as {valid}")
    return problems


def _text(path: Path) -> str:
    """A file's text; bytes that are no text stay visible as surrogates, so that the row around them can be found broken."""
    raw = path.read_bytes()
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    return raw.decode("utf-16", "replace") if wide else raw.decode("utf-8-sig", "surrogateescape")


Walk = Iterator["str | tuple[str] | None"]
"""What a walk finds: a row's JSON, None for a broken row, or a remark about the file, in a tuple."""


def _walk_array(text: str) -> Walk:
    at = SPACE.match(text, 0).end()  # type: ignore[union-attr]
    if at == len(text):
        yield ("empty file",)
        return
    in_array = text[at] == "["
    at += in_array
    while True:
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text) or (in_array and text[at] == "]"):
            if (in_array and text[at + 1 :].strip()) or (in_array and at == len(text)):
                yield ("ends in the middle" if at == len(text) else "goes on after its end",)
            return
        try:
            _, end = DECODER.raw_decode(text, at)
            yield None if SURROGATE.search(text, at, end) else text[at:end]
            at = end
        except (ValueError, RecursionError) as error:
            yield None
            gap = BETWEEN_ROWS.search(text, max(at, getattr(error, "pos", at) - 1))
            if gap is None:
                return
            at = gap.end()


def _walk_lines(text: str) -> Walk:
    for line in StringIO(text, newline=None):  # not splitlines(): it cuts at U+2028, which may stand in a title
        if line.strip():
            yield None if SURROGATE.search(line) else line


def _walk_csv(text: str) -> Walk:
    lines = list(StringIO(text, newline=None))
    first = lines[0] if lines else ""
    delimiter = ";" if first.count(";") > first.count(",") else ","
    names, at = _csv_record(lines, 0, delimiter, 0)
    header = [name.strip().lower() for name in names or []]
    missing = [name for name in SCROBBLE if name not in header]
    if missing:
        yield (f"no column {', '.join(missing)}; expected {', '.join(SCROBBLE)}",)
        return
    places = [(name, header.index(name)) for name in SCROBBLE]
    while at < len(lines):
        row, at = _csv_record(lines, at, delimiter, len(header))
        if row is None:
            yield None
        elif row:
            found = json.dumps({name: row[place] for name, place in places if place < len(row)}, ensure_ascii=False)
            yield None if SURROGATE.search(found) else found


def _csv_record(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """The record that begins at a line (None: damaged, which costs that line alone), and the line after it."""
    reader = csv.reader(lines[at : at + MOST_LINES], delimiter=delimiter, strict=True)
    try:
        row = next(reader, [])
    except csv.Error:
        return None, at + 1
    torn = reader.line_num > 1 and len(row) != width
    return (None, at + 1) if torn else (row, at + max(1, reader.line_num))
