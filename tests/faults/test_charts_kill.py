"""kill −9 anywhere: between count and commit, in a transaction, during a close or a rebalance; and a broker that goes away at any call.
The rerun equals the recount, bit by bit.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_charts_kill.py
"""

import os
import random
import signal

import pytest

from charts.close import published
from charts.pipeline import Run
from charts.recount import recount, streamed
from charts.views import open_stores
from shared.bootstrap import Engines
from shared.lake import Lake
from shared.settings import Settings
from tests.charts.conftest import NOW
from tests.faults.broker import runs_until_done
from tests.faults.charts_killed import LEASE_MS, RULES, Clock, count_all, strike
from tests.processes import dies, forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "4"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)
processes = forked("tests.faults.charts_killed")


def final_charts(home):
    """The newest published chart of each week, by name."""
    run, lake = Run("t", home), Lake(home / "lake")
    stores = open_stores(run)
    weeks = sorted({week for store in stores for week in store.weeks()})
    for store in stores:
        store.close()
    found = {week: published(lake, run.dataset, week) for week in weeks}
    return {week: dataset.table() for week, dataset in found.items() if dataset}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Home, number of moments, and the stream's result of a run that nothing interrupts."""
    home = tmp_path_factory.mktemp("unbroken")
    assert dies(processes, strike, str(home), 0, str(home / "moments")) == 0
    engines = Engines(Settings(home=home), Clock())
    result = streamed(Run("t", home), engines, RULES)
    assert result == recount(engines, Run("t", home), RULES)
    engines.close()
    return home, int((home / "moments").read_text()), result


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere_and_rerun(tmp_path, unbroken, seed):
    home, moments, result = unbroken
    moment = random.Random(seed).randint(1, moments)
    assert dies(processes, strike, str(tmp_path), moment, str(tmp_path / "moments")) == -signal.SIGKILL
    count_all(tmp_path, Clock(NOW + LEASE_MS))  # the dead members' leases have run out
    engines = Engines(Settings(home=tmp_path), Clock())
    assert streamed(Run("t", tmp_path), engines, RULES) == result
    engines.close()
    assert final_charts(tmp_path) == final_charts(home)


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_broker_goes_away_and_nothing_is_lost_or_counted_twice(tmp_path, unbroken, monkeypatch, seed):
    home, _, result = unbroken
    away = runs_until_done(monkeypatch, seed, lambda times: count_all(tmp_path, Clock(NOW + times * LEASE_MS)))
    assert away > 1
    engines = Engines(Settings(home=tmp_path), Clock())
    assert streamed(Run("t", tmp_path), engines, RULES) == result
    engines.close()
    assert final_charts(tmp_path) == final_charts(home)
