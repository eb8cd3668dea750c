"""The shuffle: rows leave a worker in one file with one record batch a partition, and the next step takes its batch of each file.

It is the sort shuffle of the big engines, in forty lines: Arrow's file format keeps an index of its batches, so a reader maps the file
and touches only its own partition. With M writers and P readers there are M files, not M × P. Nothing passes through a driver.
"""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shared.errors import BadInput, LinerError


def write_partitions(path: str | Path, table: pa.Table, partition: Any, partitions: int) -> None:
    """Write `table` durably as `partitions` batches by `partition` (int64 [rows]); rows keep their order inside a batch."""
    order = np.argsort(partition, kind="stable")
    bounds = np.searchsorted(partition[order], np.arange(partitions + 1))
    batch = table.combine_chunks().take(pa.array(order)).combine_chunks()
    aside = Path(f"{path}.tmp")
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            for low, high in pairwise(bounds):
                part = batch.slice(low, high - low).to_batches()
                writer.write_batch(part[0] if part else pa.RecordBatch.from_pylist([], table.schema))
            writer.close()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise LinerError(
            f"{path}: could not write {table.nbytes:,} bytes ({error.strerror}); free some space"
        ) from error


def read_partition(paths: Sequence[str], partition: int) -> pa.Table:
    """The rows of one partition, file after file."""
    try:
        batches = [pa.ipc.open_file(pa.memory_map(path)).get_batch(partition) for path in paths]
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"shuffle file unreadable ({error}); delete the run's folder and start again") from error
    return pa.Table.from_batches(batches)
