"""kill −9 at a random write of a run, then the same command again: byte-identical, and never half a year in between.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_wrapped_kill.py
"""

import json
import os
import random
import signal

import pytest

from shared.errors import LinerError
from shared.kernels import call, results
from shared.lake import Lake
from tests.faults.wrapped_killed import strike
from tests.processes import dies, forked
from tests.wrapped.adversaries import heavy_rows, rows, write

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "3"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)

processes = forked("tests.faults.wrapped_killed")


def run(plays, out, fatal=0, how="kill"):
    """(exit code, report) of a run in a process of its own."""
    report = out.with_name(out.name + ".json")
    report.unlink(missing_ok=True)
    code = dies(processes, strike, str(plays), str(out), fatal, how, str(report))
    return code, json.loads(report.read_text()) if report.exists() else None


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrapped-kill")
    plays = write(folder / "plays", rows(2024) + heavy_rows(2_000, 2024))
    code, whole = run(plays, folder / "lake")
    assert code == 0
    return plays, whole


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_rerun(tmp_path, unbroken, seed):
    plays, whole = unbroken
    lake, fatal = tmp_path / "lake", random.Random(seed).randint(1, whole["writes"])
    assert run(plays, lake, fatal) == (-signal.SIGKILL, None), f"seed {seed}: write {fatal} was not reached"
    published = Lake(lake).versions("wrapped/years")
    assert published == [] or Lake(lake).dataset("wrapped/years").digest == whole["digest"]
    assert run(plays, lake)[1]["digest"] == whole["digest"]


@pytest.mark.fault
@pytest.mark.parametrize("seed", range(1))
def test_a_full_disk_says_so_and_publishes_nothing(tmp_path, unbroken, seed):
    plays, whole = unbroken
    lake, fatal = tmp_path / "lake", random.Random(seed).randint(1, whole["writes"] // 2)
    code, full = run(plays, lake, fatal, "full")
    assert code == 0
    assert "No space left" in full["error"]
    assert Lake(lake).versions("wrapped/years") == []
    assert run(plays, lake)[1]["digest"] == whole["digest"]


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
