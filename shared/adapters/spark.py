"""The cluster's engine: Spark, for the same SQL texts and the same kernels as on one machine.

`spark://host:7077` is a standalone master, `spark://local` Spark inside this process. Workers see the lake at the same path and run the
same Python. A kernel's shards go out as names, one a partition, and come back as small records. What a statement writes goes from
Spark's sorted part files, in order, through the lake's own shard writer in one worker: nothing input-sized passes through the driver,
and the bytes are those that DuckDB would have published.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree, which
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from shared.adapters import INSTALL, probe
from shared.errors import BadInput, EngineUnavailable, LinerError
from shared.kernels import call, results
from shared.lake import Dataset, Lake, Shard, write_batches
from shared.ports import Json
from shared.sql import plain_schema
from shared.threads import cores, use_one

try:
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, PySparkException
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema
except ImportError as error:
    raise EngineUnavailable(f"Spark: {INSTALL}") from error

WORKER_SECONDS = 30
CONFIGURATION = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


class SparkEngine:
    """An `Engine` on a Spark cluster."""

    def __init__(self, url: str) -> None:
        """url: spark://host:7077 or spark://local; EngineUnavailable when the master does not answer within seconds."""
        self._url = url
        local = urlsplit(url).hostname == "local"
        if not local:
            probe(url, "LINER_ENGINE")
        if not (which("java") or os.environ.get("JAVA_HOME")):
            raise EngineUnavailable(f"{url}: Spark needs Java; install Java 17 or newer")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.appName("linernotes").master(f"local[{cores()}]" if local else url)
        for name, value in CONFIGURATION.items():
            builder = builder.config(name, value)
        with _quiet() as printed, self._errors("start"):
            try:
                self._spark = builder.getOrCreate()
            except PySparkException as error:
                printed.seek(0)
                last = (printed.read().decode(errors="replace").splitlines() or [""])[-1]
                raise EngineUnavailable(f"{url}: Spark did not start ({last or error})") from error
        if not local:
            self._await_worker()

    def version(self) -> str:
        """`Spark 4.2.1`."""
        return f"Spark {self._spark.version}"

    def query(self, sql: str, tables: Mapping[str, Dataset]) -> pa.Table:
        """The result of `sql` as a small table; BadInput for a shard that cannot be read."""
        with self._views(tables), self._errors("query"):
            table: pa.Table = self._spark.sql(sql).toArrow()
            return table.cast(plain_schema(table.schema))

    def write(self, sql: str, tables: Mapping[str, Dataset], lake: Lake, name: str, version: str) -> Dataset:
        """Publish the result of `sql` as one shard, in the order that it states."""
        folder = lake.folder(name, version)
        aside = folder.parent / f".{version}-{os.getpid()}.aside"
        try:
            with self._views(tables), self._errors("write"):
                self._spark.sql(sql).write.parquet(str(aside), mode="overwrite", compression="snappy")
            (record,) = self.map_shards(f"{__name__}:join_parts", [str(aside)], {"folder": str(folder)})
        finally:
            rmtree(aside, ignore_errors=True)
        shard = Shard(*record["shard"])
        return lake.publish(name, version, pq.read_schema(shard.path), [shard])

    def map_shards(self, kernel: str, shards: Sequence[str], arguments: Json) -> list[Json]:
        """The kernel's results in shard order; LinerError when a worker dies more often than Spark retries."""
        if not shards:
            return []
        argument_text = json.dumps(arguments)
        with self._errors(f"kernel {kernel}"):
            names = self._spark.sparkContext.parallelize(shards, len(shards))
            outcomes = names.map(lambda shard: _call_alone(kernel, shard, argument_text)).collect()
        return results(outcomes)

    def close(self) -> None:
        """Release the executors."""
        self._spark.stop()

    def _await_worker(self) -> None:
        """A master without a free worker would let every job wait for ever."""
        status = self._spark.sparkContext._jsc.sc()
        deadline = monotonic() + WORKER_SECONDS
        while status.getExecutorMemoryStatus().size() < 2:  # the driver is one
            if monotonic() > deadline:
                self.close()
                raise EngineUnavailable(f"{self._url}: no worker is free; start one, or end the job that holds it")
            sleep(0.1)

    @contextmanager
    def _views(self, tables: Mapping[str, Dataset]) -> Iterator[None]:
        """Each dataset as a view while the block runs."""
        try:
            for name, dataset in tables.items():
                with self._errors("read"):
                    self._frame(dataset).createOrReplaceTempView(name)
            yield
        finally:
            for name in tables:
                self._spark.catalog.dropTempView(name)

    def _frame(self, dataset: Dataset) -> Any:
        if not dataset.shards:
            return self._spark.createDataFrame([], from_arrow_schema(dataset.schema))
        paths = [
            "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in path) for path in dataset.paths
        ]
        return self._spark.read.option("recursiveFileLookup", "true").parquet(*paths)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Unreadable files are the input's fault; a statement that does not fit its tables is ours, and passes through."""
        try:
            yield
        except AnalysisException:
            raise
        except (PySparkException, Py4JError) as error:
            line = next((line for line in str(error).splitlines() if "[" in line or "crashed" in line), str(error))
            if "READ_FILE" in str(error):
                raise BadInput(f"{line.strip()[:400]}; make the dataset again") from error
            raise LinerError(f"{self._url}: {what}: {line.strip()[:400]}") from error


def join_parts(aside: str, folder: str) -> Json:
    """Kernel: the part files of a sorted write, in order, as one shard of the lake."""
    parts = [pq.ParquetFile(path) for path in sorted(Path(aside).glob("part-*.parquet"))]
    schema = plain_schema(parts[0].schema_arrow)
    batches = (batch.cast(schema) for part in parts for batch in part.iter_batches())
    return {"shard": list(write_batches(folder, 0, schema, batches))}


def _call_alone(kernel: str, shard: str, arguments: str) -> str:
    """Run a kernel in a task: Spark already gives every core one."""
    use_one()
    return call(kernel, shard, arguments)


@contextmanager
def _quiet() -> Iterator[BinaryIO]:
    """Spark's JVM prints to the standard error that it inherits; give it a file, read only when it does not start."""
    kept = os.dup(2)
    with TemporaryFile() as printed:
        os.dup2(printed.fileno(), 2)
        try:
            yield printed
        finally:
            os.dup2(kept, 2)
            os.close(kept)
