"""kill −9 inside or between the transactions that store events: what was acknowledged is there, a batch is there whole or not at all,
and after the same events are sent again the file says what an unbroken run's says.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_podcast_kill.py
"""

import os
import random
import signal

import pytest

from podcast_recs.store import Store
from tests.faults.podcast_killed import BATCH, EVENTS, store_all
from tests.processes import dies, forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "3"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)
processes = forked("tests.faults.podcast_killed")


def stored(path):
    """The events of a file, by id."""
    store = Store(path)
    found = sorted(store.events())
    store.close()
    return found


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere_and_sent_again(tmp_path, seed):
    report, acknowledged = tmp_path / "moments", tmp_path / "acknowledged"
    assert dies(processes, store_all, tmp_path / "whole.sqlite", tmp_path / "other", 0, report) == 0
    moment = random.Random(seed).randint(1, int(report.read_text()))
    path = tmp_path / "killed.sqlite"
    code = dies(processes, store_all, path, acknowledged, moment, report)
    assert code == -signal.SIGKILL, f"seed {seed}: moment {moment} was not reached"
    told = int(acknowledged.read_text().split()[-1]) if acknowledged.exists() else 0
    found = stored(path)
    assert found == EVENTS[: len(found)]
    assert len(found) in (told, told + BATCH), f"seed {seed}: {told} acknowledged, {len(found)} stored"
    assert dies(processes, store_all, path, acknowledged, 0, report) == 0
    assert stored(path) == stored(tmp_path / "whole.sqlite") == EVENTS
