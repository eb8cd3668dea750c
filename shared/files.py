"""Somebody else's Parquet files as a dataset: the same road for the user's own data as for the world's.

`open_parquet` checks every file's columns against the schema that a system documents, and says in one line which file and column
does not fit. It reads no rows: what a single row may hold is checked where rows are read.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from shared.errors import BadInput
from shared.lake import Dataset, Shard

FAMILIES = {
    "integer": kinds.is_integer,
    "text": lambda kind: (
        kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind) or kinds.is_dictionary(kind)
    ),
    "timestamp": kinds.is_timestamp,
    "date": kinds.is_date,
    "true or false": kinds.is_boolean,
    "number": lambda kind: kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_decimal(kind),
    "list": lambda kind: kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind),
}


def open_parquet(name: str, path: str | Path, required: pa.Schema) -> Dataset:
    """A Parquet file, or every `*.parquet` under a folder, as a dataset; BadInput when a required column is absent or of another kind."""
    files = _parquet_files(Path(path))
    shards = []
    for file in files:
        try:
            metadata = pq.read_metadata(file)
            found = metadata.schema.to_arrow_schema()
        except (OSError, pa.ArrowException) as error:
            raise BadInput(f"{file}: not a readable Parquet file ({str(error).splitlines()[0][:120]})") from error
        _check_columns(file, found, required)
        shards.append(Shard(str(file.absolute()), metadata.num_rows, file.stat().st_size, ""))
    if not sum(shard.rows for shard in shards):
        raise BadInput(f"{path}: no rows; expected at least one {name} row")
    return Dataset(name, "files", found, tuple(shards), {})


def _parquet_files(path: Path) -> list[Path]:
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder; expected Parquet")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"{path}: no *.parquet file in this folder")
    return files


def _check_columns(file: Path, found: pa.Schema, required: pa.Schema) -> None:
    for field in required:
        index = found.get_field_index(field.name)
        if index < 0:
            raise BadInput(
                f"{file}: no column {field.name!r} (found: {', '.join(found.names)}); expected {_family(field.type)}"
            )
        if not FAMILIES[_family(field.type)](found.field(index).type):
            raise BadInput(
                f"{file}: column {field.name!r} holds {found.field(index).type}; expected {_family(field.type)}"
            )


def _family(kind: pa.DataType) -> str:
    return next(name for name, belongs in FAMILIES.items() if belongs(kind))
