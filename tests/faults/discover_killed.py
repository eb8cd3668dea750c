"""The process that dies: a week is made, and `kill -9` strikes before the given publication, or before one of the sweeps.

The module makes a week when it is imported, so that a fork starts hot.
"""

import os
import signal
import tempfile
from pathlib import Path

from discover_weekly import train
from discover_weekly.demo import run_files
from shared.adapters.duckdb import DuckDBEngine
from shared.lake import Lake
from tests.discover_weekly.by_hand import HEALTHY, write_files
from tests.faults.moments import inline

WEEK = "2026-W48"


def make_week(files, out):
    """What the run reports."""
    return run_files(*files, WEEK, str(out), 1)


def strike(files, out, target, count):
    """Die at the count-th `target`: the publication of a dataset whose name ends so, or a sweep."""

    def die():
        nonlocal count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    publish, save = Lake.publish, train.save_basis

    def dying_publish(self, name, *rest):
        if name.endswith(target):
            die()
        return publish(self, name, *rest)

    def dying_save(folder, fixed):
        if target == "sweep":
            die()
        return save(folder, fixed)

    DuckDBEngine.map_shards, Lake.publish, train.save_basis = inline, dying_publish, dying_save
    make_week(files, out)


with tempfile.TemporaryDirectory() as folder:
    workers, DuckDBEngine.map_shards = DuckDBEngine.map_shards, inline
    make_week([*map(str, write_files(Path(folder), HEALTHY))], Path(folder) / "out")
    DuckDBEngine.map_shards = workers
