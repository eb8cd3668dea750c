"""kill −9 at a random point of the week, then the same command again: byte-identical, and never half a week in between.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_discover_weekly_kill.py
"""

import os
import random
import signal

import pytest

from discover_weekly.pipeline import NAME
from shared.adapters.duckdb import DuckDBEngine
from shared.lake import Lake
from tests.discover_weekly.by_hand import HEALTHY, write_files
from tests.faults.discover_killed import make_week, strike
from tests.faults.moments import inline
from tests.processes import dies, forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "2"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(min(RUNS, 40))
STEPS = ["by_user", "by_recording", "sweep", "lists", "user_vectors", "track_vectors"]

processes = forked("tests.faults.discover_killed")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The files of a week, and the digest of a run that nothing interrupts, its kernels in processes of their own."""
    folder = tmp_path_factory.mktemp("week")
    files = [*map(str, write_files(folder, HEALTHY))]
    return files, make_week(files, folder / "out")["digest"]


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_rerun(tmp_path, unbroken, monkeypatch, seed):
    (files, digest), rng = unbroken, random.Random(seed)
    target = rng.choice(STEPS)
    count = rng.randint(1, 20) if target == "sweep" else 1
    code = dies(processes, strike, files, str(tmp_path), target, count)
    assert code == -signal.SIGKILL, f"seed {seed}: {target} was not reached"
    assert Lake(tmp_path / "lake").versions(NAME) == [], "half a week became visible"
    monkeypatch.setattr(DuckDBEngine, "map_shards", inline)
    assert make_week(files, tmp_path)["digest"] == digest
