"""kill −9 at a random point of the week, then the same command again: byte-identical, and never half a week in between.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_discover_weekly_kill.py
"""

import os
import random
import signal
import subprocess
import sys

import pytest

from discover_weekly.demo import run_files
from discover_weekly.pipeline import NAME
from shared.lake import Lake
from tests.discover_weekly.by_hand import HEALTHY, write_files

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "2"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(min(RUNS, 40))
STEPS = ["by_user", "by_recording", "sweep", "lists", "user_vectors", "track_vectors"]

KILL = """
import os, signal, sys
from discover_weekly import pipeline, train, weights
from discover_weekly.demo import run_files
from shared.lake import Lake

target, count = sys.argv[1], int(sys.argv[2])

def die():
    global count
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

Lake.publish, train.save_basis = dying_publish, dying_save
run_files(*sys.argv[3:], 1)
"""


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_rerun(tmp_path, seed):
    week = [*map(str, write_files(tmp_path, HEALTHY)), "2026-W48"]
    rng = random.Random(seed)
    target = rng.choice(STEPS)
    count = rng.randint(1, 20) if target == "sweep" else 1
    out = str(tmp_path / "killed")
    killed = subprocess.run([sys.executable, "-c", KILL, target, str(count), *week, out], check=False)
    assert killed.returncode == -signal.SIGKILL, f"seed {seed}: {target} was not reached"
    assert Lake(f"{out}/lake").versions(NAME) == [], "half a week became visible"
    rerun = run_files(*week, out, 1)
    unbroken = run_files(*week, str(tmp_path / "unbroken"), 1)
    assert rerun["digest"] == unbroken["digest"]
