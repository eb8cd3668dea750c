"""Any table of impressions as numbers: each column of a CSV becomes codes, a number, or both, by what the train file holds in it.

Text becomes codes. Numbers with few values become codes and stay numbers; with many they are cut into quantiles, unless they behave
like the ids of something (whichever of the two tells more about the label, leaving the row itself out). Times become hour and weekday.
A column that is constant, or different in every row, is left out. Code 0 is a missing cell, −1 a value that the train file lacks.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ad_targeting.crosses import surprise
from ad_targeting.records import Floats, Int64
from shared.errors import BadInput

MISSING = pa.array(["", "nan", "NaN", "NA", "N/A", "null", "NULL", "None"])
TRUE, FALSE = ("1", "1.0", "true", "True"), ("0", "0.0", "false", "False")
FEW_VALUES, QUANTILES = 64, 32
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INTEGER = r"^[+-]?\d+$"
UNIQUE_SHARE = 0.95  # a column with so many different values per filled cell names its rows
ISO_DATE = r"^\d{4}-\d\d-\d\d"
COMPACT_HOUR = r"^\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])$"
"""14102100, as ad logs write 21 October 2014, 0 h."""


class Table(NamedTuple):
    """codes int64[n, k] ≥ −1; numbers float64[n, m], NaN where missing; clicks float64[n] of 0 and 1."""

    codes: Int64
    numbers: Floats
    clicks: Floats


class Feature(NamedTuple):
    """One column of a table; a feature may have no number."""

    codes: Int64
    number: Floats | None


class Raw(NamedTuple):
    """Cells as text, null where missing, by column; clicks float64[n]; how many rows were left out."""

    cells: dict[str, pa.Array]
    clicks: Floats
    left_out: int


def read(path: str | Path, label: str) -> Raw:
    """Read a CSV or TSV with a header; rows of another width or without a 0/1 label are left out and counted."""
    table, broken = _read_csv(Path(path))
    names = table.column_names
    if label not in names:
        raise BadInput(f"{path}: no column {label!r} (found: {', '.join(names)[:200]}); name the label with --label")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{path}: column {twice!r} stands there twice; expected different names in the header")
    cells = {name: pc.utf8_trim_whitespace(table[name].combine_chunks()) for name in names}
    labels = cells.pop(label)
    clicked, not_clicked = (pc.is_in(labels, pa.array(spellings)) for spellings in (TRUE, FALSE))
    usable = pc.or_(clicked, not_clicked)
    count = pc.sum(usable).as_py() or 0
    if 2 * count < max(1, len(labels)):
        found = "no rows" if not len(labels) else f"{len(labels) - count} of {len(labels)} labels are neither 0 nor 1"
        raise BadInput(f"{path}: field {label!r}: {found}; expected 0 or 1 in each row")
    cells = {name: column.filter(usable) for name, column in cells.items()}
    cells = {name: pc.if_else(pc.is_in(column, MISSING), None, column) for name, column in cells.items()}
    clicks = _array(clicked.filter(usable)).astype(np.float64)
    return Raw(cells, clicks, broken + len(labels) - count)


def _read_csv(path: Path) -> tuple[pa.Table, int]:
    broken: list[pa_csv.InvalidRow] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        broken.append(row)
        return "skip"

    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode(errors="replace").encode()
        header = content.split(b"\n", 1)[0].decode().rstrip("\r")
        delimiter = max(",\t;", key=header.count)
        names = [name.strip().strip('"') for name in header.split(delimiter)]
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            pa_csv.ReadOptions(column_names=names, skip_rows=1),
            pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip, newlines_in_values=True),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:160]
        raise BadInput(f"{path}: not readable as CSV ({reason}); expected a header and rows of UTF-8 text") from error
    return table, len(broken)


def _array(cells: pa.Array) -> Any:
    return cells.to_numpy(zero_copy_only=False)


def encode(train: Raw, test: Raw) -> tuple[Table, Table]:
    """Both tables in what the train table tells of each column; BadInput when the test table lacks one, or none tells anything."""
    count = len(train.clicks)
    found: list[Feature] = []
    for name, column in train.cells.items():
        if name not in test.cells:
            raise BadInput(f"the test file has no column {name!r}; expected every column of the train file")
        found += features(pa.concat_arrays([column, test.cells[name]]), train.clicks)
    if not found:
        raise BadInput("no column of the train file tells rows apart; expected features beside the label")
    codes = np.column_stack([feature.codes for feature in found])
    numbers = [feature.number for feature in found if feature.number is not None]
    numeric = np.column_stack(numbers) if numbers else np.empty((len(codes), 0))
    whole: Any = Table(codes, numeric, np.concatenate([train.clicks, test.clicks]))
    return Table(*(column[:count] for column in whole)), Table(*(column[count:] for column in whole))


def features(cells: pa.Array, clicks: Floats) -> list[Feature]:
    """What a column of text tells; its first len(clicks) cells are those to learn from."""
    known = cells[: len(clicks)].drop_null()
    distinct = len(known.unique())
    if distinct == 0 or (distinct == 1 and len(known) == len(clicks)):
        return []
    unique = distinct > UNIQUE_SHARE * len(known)
    if (hours := hours_of(cells, known)) is not None:
        hour, day = _as_codes(np.mod(hours, 24)), _as_codes(np.mod(hours // 24, 7))
        return [Feature(hour, np.mod(hours, 24)), Feature(day, None)]
    values = _values(cells, known)
    if not _all_match(known, NUMBER):
        return [] if unique else [Feature(values, None)]
    number = _as_number(cells)
    if distinct <= FEW_VALUES:
        return [Feature(values, number)]
    quantiles, count = quantile_codes(number, len(clicks)), len(clicks)
    may_be_id = not unique and _all_match(known, INTEGER)
    is_id = may_be_id and surprise(values[:count], clicks) < surprise(quantiles[:count], clicks)
    return [Feature(values if is_id else quantiles, number)]


def _values(cells: pa.Array, known: pa.Array) -> Int64:
    """1 + place of each value among the known ones; 0 missing, −1 unknown."""
    place = pc.add(pc.fill_null(pc.index_in(cells, known.unique()), -2), 1)
    return np.where(_array(pc.is_null(cells)), 0, _array(place)).astype(np.int64)


def _as_codes(number: Floats) -> Int64:
    return np.where(np.isnan(number), 0, 1 + np.nan_to_num(number)).astype(np.int64)


def _all_match(known: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(known, pattern)).as_py())


def _as_number(cells: pa.Array) -> Floats:
    """float64, NaN where a cell is missing, no number, or too large for one."""
    matching = pc.if_else(pc.match_substring_regex(cells, NUMBER), cells, None)
    number = _array(matching.cast(pa.float64()))
    return np.where(np.isfinite(number), number, np.nan)


def quantile_codes(number: Floats, count: int) -> Int64:
    """1 + quantile among the first `count`; 0 missing. What no row to learn from lacks, a missing cell, is unknown like any other value."""
    cuts = np.unique(np.nanquantile(number[:count], np.linspace(0, 1, QUANTILES + 1)[1:-1]))
    return np.where(np.isnan(number), 0, 1 + np.searchsorted(cuts, number)).astype(np.int64)


def hours_of(cells: pa.Array, known: pa.Array) -> Floats | None:
    """Hours since 1970, float64, NaN where missing, when every known cell is a time: ISO 8601, or YYMMDDHH."""
    if _all_match(known, COMPACT_HOUR):
        return _hours(pc.strptime(pc.binary_replace_slice(cells, 0, 0, "20"), "%Y%m%d%H", "s", error_is_null=True))
    if not _all_match(known, ISO_DATE):
        return None
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            known.cast(kind)
            return _hours(cells.cast(kind))
        except pa.ArrowInvalid:
            continue
    return None


def _hours(moments: pa.Array) -> Floats:
    whole = _array(pc.fill_null(moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64()), -1))
    return np.where(_array(pc.is_null(moments)), np.nan, whole // 3600)
