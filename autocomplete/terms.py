"""The user's own files: terms as TSV, CSV or Parquet, queries as TSV; quoted as Python's `csv` does.

Whatever is wrong is said in one line that names file, row and field, before anything is written.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from autocomplete.folding import fold, normal
from autocomplete.records import MAX_TEXT, QUERIES, TERMS
from shared.errors import BadInput
from shared.files import open_parquet


def read_terms(path: Path) -> pa.Table:
    """The terms of a file as a table of schema TERMS; BadInput names the first row that cannot be used."""
    table = _read_parquet(path) if path.suffix == ".parquet" or path.is_dir() else _read_text(path)
    if not table.num_rows:
        raise BadInput(f"{path}: no terms; expected a header `text,weight[,type][,id]` and at least one row")
    return table


def read_queries(path: Path) -> list[tuple[str, str]]:
    """(typed, wanted) pairs of a TSV or CSV file."""
    columns = _read_columns(path, QUERIES, ())
    if not columns["typed"]:
        raise BadInput(f"{path}: no queries; expected a header `typed<TAB>wanted` and at least one row")
    return list(zip(columns["typed"], map(normal, columns["wanted"]), strict=True))


def check_term(where: str, text: str, weight: float) -> None:
    """BadInput unless the text can be found and the weight can be ranked by."""
    if not (text[:1].isalnum() or fold(text)):
        raise BadInput(f"{where}, field 'text': got {text[:40]!r}; expected at least one visible character")
    if len(text) > MAX_TEXT:
        raise BadInput(f"{where}, field 'text': got {len(text):,} characters; expected at most {MAX_TEXT:,}")
    if not (math.isfinite(weight) and weight >= 0):
        raise BadInput(f"{where}, field 'weight': got {weight!r}; expected a finite number, not negative")


def _read_parquet(path: Path) -> pa.Table:
    table = open_parquet("term", path, pa.schema([TERMS.field("text"), TERMS.field("weight")])).table()
    columns = []
    for field in TERMS:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        else:
            columns.append(pa.nulls(table.num_rows, field.type))
    for name in ("text", "weight"):
        if table[name].null_count:
            row = pc.index(pc.is_null(table[name]), True).as_py() + 1
            raise BadInput(f"{path}: row {row}, field {name!r}: got null; expected a value")
    checked = pa.table(columns, schema=TERMS)
    for row, (text, weight) in enumerate(zip(checked["text"].to_pylist(), checked["weight"].to_pylist(), strict=True)):
        check_term(f"{path}: row {row + 1}", text, weight)
    return checked


def _read_text(path: Path) -> pa.Table:
    columns = _read_columns(path, ("text", "weight"), ("type", "id"))
    weights = []
    for row, (text, weight) in enumerate(zip(columns["text"], columns["weight"], strict=True)):
        try:
            weights.append(float(weight))
        except ValueError:
            message = f"{path}: row {row + 1}, field 'weight': got {weight[:40]!r}; expected a number"
            raise BadInput(message) from None
        check_term(f"{path}: row {row + 1}", text, weights[-1])
    rows = len(weights)
    kinds, ids = (columns.get(name) or pa.nulls(rows, pa.string()) for name in ("type", "id"))
    return pa.table([columns["text"], weights, kinds, ids], schema=TERMS)


def _read_columns(path: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, list[str]]:
    """The named columns of a delimited file with a header."""
    delimiter = "," if path.suffix == ".csv" else "\t"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(rows, [])]
            wanted = [name for name in (*required, *optional) if name in header]
            missing = [name for name in required if name not in header]
            if missing:
                kind = "comma" if delimiter == "," else "tab"
                raise BadInput(f"{path}: no column {missing[0]!r} in the {kind}-separated header {header}")
            at = [header.index(name) for name in wanted]
            picked = list(_pick(path, rows, at, len(header)))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); expected a TSV, CSV or Parquet file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except csv.Error as error:
        raise BadInput(f"{path}: line {rows.line_num}: {error}; quote fields as Python's csv module does") from error
    return (
        dict(zip(wanted, map(list, zip(*picked, strict=True)), strict=True))
        if picked
        else {name: [] for name in wanted}
    )


def _pick(path: Path, rows: Iterator[list[str]], at: list[int], width: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise BadInput(f"{path}: row {number}: got {len(row)} fields; expected {width} as in the header")
        yield [row[column] for column in at]
