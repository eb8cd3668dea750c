"""The embedded engine: DuckDB for SQL over Parquet, a process pool for kernels. No server, nothing to start.

DuckDB streams its result to the lake's own shard writer, the one that a Spark worker uses too, so both engines publish the same bytes.
The pool has one process a core and one thread a process; it is started when first needed and kept, since a fresh worker compiles its
kernels or loads them from numba's cache, which costs more than most shards do.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from shared.errors import BadInput, LinerError
from shared.kernels import call, results
from shared.lake import ROW_GROUP_ROWS, Dataset, Lake, write_batches
from shared.ports import Json
from shared.sql import plain_schema
from shared.threads import cores, use_one


class DuckDBEngine:
    """An `Engine` on this machine."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def version(self) -> str:
        """`DuckDB 1.2.3`."""
        return f"DuckDB {duckdb.__version__}"

    def query(self, sql: str, tables: Mapping[str, Dataset]) -> pa.Table:
        """The result of `sql` as a small table; BadInput for a shard that cannot be read."""
        with _reader(sql, tables) as reader:
            table: pa.Table = reader.read_all()
            return table.cast(plain_schema(table.schema))

    def write(self, sql: str, tables: Mapping[str, Dataset], lake: Lake, name: str, version: str) -> Dataset:
        """Publish the result of `sql` as one shard, in the order that it states."""
        with _reader(sql, tables) as reader:
            schema = plain_schema(reader.schema)
            batches = (batch.cast(schema) for batch in reader)
            shard = write_batches(lake.folder(name, version), 0, schema, batches)
        return lake.publish(name, version, schema, [shard])

    def map_shards(self, kernel: str, shards: Sequence[str], arguments: Json) -> list[Json]:
        """The kernel's results in shard order; LinerError when a worker dies. A single shard needs no second process."""
        argument_text = json.dumps(arguments)
        if len(shards) == 1:
            return results([call(kernel, shards[0], argument_text)])
        if self._pool is None:
            self._pool = ProcessPoolExecutor(cores(), get_context("spawn"), initializer=use_one)
        try:
            futures = [self._pool.submit(call, kernel, shard, argument_text) for shard in shards]
            return results([future.result() for future in futures])
        except BrokenProcessPool as error:
            self.close()
            raise LinerError(
                f"kernel {kernel}: a worker was killed, most often because memory ran out; "
                "run again with fewer cores (LINER_THREADS) or smaller shards"
            ) from error

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


@contextmanager
def _reader(sql: str, tables: Mapping[str, Dataset]) -> Iterator[pa.RecordBatchReader]:
    """The result of `sql` in batches, with each dataset as a view; DuckDB spills to a folder that goes with the query."""
    with TemporaryDirectory(prefix="liner-") as spill:
        config = {"threads": cores(), "temp_directory": spill, "python_enable_replacements": False}
        with duckdb.connect(config=config) as connection:
            try:
                connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
                for name, dataset in tables.items():
                    _create_view(connection, name, dataset)
                yield connection.sql(sql).to_arrow_reader(ROW_GROUP_ROWS)
            except (duckdb.IOException, duckdb.InvalidInputException) as error:
                raise BadInput(f"{str(error).splitlines()[0]}; make the dataset again") from error


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, dataset: Dataset) -> None:
    if not dataset.shards:
        connection.register(name, dataset.schema.empty_table())
        return
    paths = ["".join(f"[{letter}]" if letter in "*?[" else letter for letter in path) for path in dataset.paths]
    connection.read_parquet(paths, hive_partitioning=False).create_view(name)
