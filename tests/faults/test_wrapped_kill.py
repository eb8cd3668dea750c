"""kill −9 at a random write of a run, then the same command again: byte-identical, and never half a year in between.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_wrapped_kill.py
"""

import os
import random
import signal
import subprocess
import sys

import pytest

from shared.errors import LinerError
from shared.kernels import call, results
from shared.lake import Lake
from tests.wrapped.adversaries import heavy_rows, rows, write

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "3"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)

RUN = """
import errno, json, os, pathlib, signal, sys
from shared.adapters.duckdb import DuckDBEngine
from shared.clock import DEMO_NOW, fixed_clock
from shared.kernels import call, results
from shared.lake import Lake
from wrapped.pipeline import run_year
from wrapped.sources import own_source

plays, out, fatal, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
events = 0

def at_each(function):
    def counted(*arguments, **named):
        global events
        events += 1
        if events == fatal and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if events == fatal:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*arguments, **named)
    return counted

class Inline(DuckDBEngine):  # kernels in this process, so that it dies in the middle of them
    def map_shards(self, kernel, shards, arguments):
        return results(call(kernel, shard, json.dumps(arguments)) for shard in shards)

os.fsync = at_each(os.fsync)
pathlib.Path.rename = at_each(pathlib.Path.rename)
engine = Inline()
try:
    years = run_year(engine, Lake(out), own_source(engine, pathlib.Path(plays)), 2024, fixed_clock(DEMO_NOW))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
    sys.exit(1)
print(json.dumps({"digest": years.digest, "events": events}))
"""


def run(plays, out, fatal=0, how="kill"):
    return subprocess.run(
        [sys.executable, "-c", RUN, str(plays), str(out), str(fatal), how], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrapped-kill")
    plays = write(folder / "plays", rows(2024) + heavy_rows(2_000, 2024))
    done = run(plays, folder / "lake")
    assert done.returncode == 0, done.stdout + done.stderr
    import json

    return plays, json.loads(done.stdout)


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_rerun(tmp_path, unbroken, seed):
    plays, whole = unbroken
    fatal = random.Random(seed).randint(1, whole["events"])
    killed = run(plays, tmp_path, fatal)
    assert killed.returncode == -signal.SIGKILL, f"seed {seed}: write {fatal} was not reached"
    published = Lake(tmp_path).versions("wrapped/years")
    assert published == [] or Lake(tmp_path).dataset("wrapped/years").digest == whole["digest"]
    rerun = run(plays, tmp_path)
    assert f'"digest": "{whole["digest"]}"' in rerun.stdout, rerun.stdout + rerun.stderr


@pytest.mark.fault
@pytest.mark.parametrize("seed", range(1))
def test_a_full_disk_says_so_and_publishes_nothing(tmp_path, unbroken, seed):
    plays, whole = unbroken
    fatal = random.Random(seed).randint(1, whole["events"] // 2)
    full = run(plays, tmp_path, fatal, "full")
    assert '"error": "LinerError"' in full.stdout, full.stdout + full.stderr
    assert "No space left" in full.stdout
    assert Lake(tmp_path).versions("wrapped/years") == []
    assert f'"digest": "{whole["digest"]}"' in run(plays, tmp_path).stdout


def test_what_a_kernel_raises_on_purpose_reaches_the_caller():
    with pytest.raises(LinerError, match="not a readable Parquet"):
        results(
            [
                call(
                    "wrapped.pipeline:review_bucket",
                    "00000=nowhere",
                    '{"folder": "", "buckets": 1, "year": 2024, "genres": 1}',
                )
            ]
        )
