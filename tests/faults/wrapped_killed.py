"""The process that dies: a year is run, and `kill -9`, or a full disk, strikes at one numbered write; each fsync and rename is one.

The module runs a small year when it is imported, so that a fork starts hot.
"""

import errno
import json
import os
import signal
import tempfile
from pathlib import Path

from shared.adapters.duckdb import DuckDBEngine
from shared.clock import DEMO_NOW, fixed_clock
from shared.errors import LinerError
from shared.lake import Lake
from tests.faults.moments import inline
from tests.wrapped.adversaries import rows, write
from wrapped.pipeline import run_year
from wrapped.sources import own_source


class Inline(DuckDBEngine):
    map_shards = inline


def publish(plays, out):
    engine = Inline()
    return run_year(engine, Lake(out), own_source(engine, plays), 2024, fixed_clock(DEMO_NOW))


with tempfile.TemporaryDirectory() as folder:
    publish(write(Path(folder) / "plays", rows(2024)), Path(folder) / "lake")


def strike(plays, out, fatal, how, report):
    """Run the year of `plays` into `out`, and meet `how` (kill, full) at the fatal write (0: never); report what came of it."""
    writes = 0

    def at_each(function):
        def counted(*arguments, **named):
            nonlocal writes
            writes += 1
            if writes == fatal and how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if writes == fatal:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **named)

        return counted

    os.fsync, Path.rename = at_each(os.fsync), at_each(Path.rename)
    try:
        years = publish(Path(plays), out)
        found = {"digest": years.digest, "writes": writes}
    except LinerError as error:
        found = {"error": str(error)}
    Path(report).write_text(json.dumps(found))
