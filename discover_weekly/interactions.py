"""Somebody else's interactions as a matrix: `user_id,item_id[,weight][,timestamp]` from CSV, TSV or Parquet.

Ids may be text or whole numbers and are compared as text. Without a weight every row counts 1; rows of the same pair are added; a
weight of 0 says nothing and is left out; weights above MAX_WEIGHT are clipped, since only their logarithm is ever used. A timestamp is
accepted and not read: neither protocol of the evaluation is temporal. Rows and columns stand in the order of the ids, so the order of
the file changes nothing.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.errors import BadInput

MAX_WEIGHT = 1e9
PARQUET_MAGIC = b"PAR1"


class Interactions(NamedTuple):
    """matrix: csr float32[users, items] of weights > 0, one entry a pair; users, items: the ids (text) of rows and columns."""

    matrix: csr_matrix
    users: NDArray[np.object_]
    items: NDArray[np.object_]


def read(path: str | Path) -> Interactions:
    """Read a file; BadInput names the file, the row (of data: the first one under the header is 1) and the field."""
    table = _read_table(Path(path))
    user_codes, users = _codes(path, table, "user_id")
    item_codes, items = _codes(path, table, "item_id")
    weights = _weights(path, table)
    kept = weights > 0
    if not kept.any():
        raise BadInput(f"{path}: no interactions; expected at least one row with a weight above 0")
    shape = (len(users), len(items))
    matrix = csr_matrix(
        (weights[kept].astype(np.float32), (user_codes[kept], item_codes[kept])), shape
    )  # adds the same pair
    return select(Interactions(matrix, users, items), np.diff(matrix.indptr) > 0, matrix.getnnz(axis=0) > 0)


def core(interactions: Interactions, least: int) -> Interactions:
    """The `least`-core: users and items are dropped, in turn, until each left has `least` distinct partners among those left."""
    while True:
        matrix = interactions.matrix
        users, items = np.diff(matrix.indptr) >= least, matrix.getnnz(axis=0) >= least
        if users.all() and items.all():
            return interactions
        if not (users.any() and items.any()):
            raise BadInput(f"--min-interactions {least}: no user and item is left; take a smaller number")
        interactions = select(interactions, users, items)


def select(interactions: Interactions, users: NDArray[np.bool_], items: NDArray[np.bool_]) -> Interactions:
    """Only the marked rows and columns."""
    return Interactions(interactions.matrix[users][:, items], interactions.users[users], interactions.items[items])


def align(other: Interactions, known: Interactions) -> tuple[csr_matrix, int]:
    """`other` in the rows and columns of `known`, and how many of its pairs have a user or item that is not known."""
    pairs = other.matrix.tocoo()
    row_of, column_of = _places(other.users, known.users), _places(other.items, known.items)
    rows, columns = row_of[pairs.row], column_of[pairs.col]
    kept = (rows >= 0) & (columns >= 0)
    matrix = csr_matrix((pairs.data[kept], (rows[kept], columns[kept])), known.matrix.shape)
    return matrix, int((~kept).sum())


def _places(ids: NDArray[np.object_], sorted_ids: NDArray[np.object_]) -> NDArray[np.intp]:
    """Position of each id in the sorted ones, -1 where it is absent."""
    places = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return np.where(sorted_ids[places] == ids, places, -1)


def _read_table(path: Path) -> pa.Table:
    """The columns user_id, item_id and, if there, weight; all text when the file is CSV or TSV."""
    try:
        with path.open("rb") as file:
            head = file.read(65536)
        parquet = head.startswith(PARQUET_MAGIC)
        if parquet:
            names = pq.read_schema(path).names
        else:
            header = head.decode("utf-8-sig", "replace").splitlines()[:1] or [""]
            delimiter = "\t" if "\t" in header[0] else ","
            names = [name.strip().strip('"') for name in header[0].split(delimiter)]
        for name in ("user_id", "item_id"):
            if name not in names:
                raise BadInput(f"{path}: no column {name!r} (found: {', '.join(names) or 'nothing'}); expected a header "
                               "user_id,item_id[,weight][,timestamp]")  # fmt: skip
        wanted = [name for name in ("user_id", "item_id", "weight") if name in names]
        if parquet:
            return pq.read_table(path, columns=wanted, partitioning=None)
        return pa_csv.read_csv(
            path,
            pa_csv.ReadOptions(
                use_threads=False, column_names=names, skip_rows=1
            ),  # one thread: errors then name the row
            pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted),
        )
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{path}: not readable as CSV, TSV or Parquet ({str(error).splitlines()[0][:160]})") from error


def _codes(path: str | Path, table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Row numbers of a column's ids among its sorted distinct ids, and these."""
    column = table[name]
    if not (
        pa.types.is_integer(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    ):
        raise BadInput(f"{path}: column {name!r} holds {column.type}; expected text or whole numbers")
    column = column.cast(pa.string())
    absent = pc.fill_null(pc.equal(column, ""), True)
    if pc.any(absent).as_py():
        raise BadInput(f"{path}: row {absent.index(True).as_py() + 1}, field {name!r}: empty; expected an id")
    encoded = column.combine_chunks().dictionary_encode()
    distinct = encoded.dictionary.to_numpy(zero_copy_only=False)  # objects: one long id does not widen all others
    order = pc.sort_indices(encoded.dictionary).to_numpy()  # UTF-8 sorts as its code points do
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], distinct[order]


def _weights(path: str | Path, table: pa.Table) -> NDArray[np.float64]:
    """float64[rows] ≥ 0, at most MAX_WEIGHT; ones when there is no column of weights."""
    if "weight" not in table.column_names:
        return np.ones(table.num_rows)
    column = table["weight"]
    try:
        weights: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        weights = np.array([_number(text) for text in column.to_pylist()])
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        value = column[int(wrong[0])].as_py()
        raise BadInput(f"{path}: row {wrong[0] + 1}, field 'weight': got {value!r}; expected a number of 0 or more")
    return np.minimum(weights, MAX_WEIGHT)


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return float("nan")
