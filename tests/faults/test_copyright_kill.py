"""kill −9 anywhere: in a transaction, between commits, in a rebalance, while sending; and a broker that goes away at any call.
The tables equal a quiet run's, byte for byte.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_copyright_kill.py
"""

import os
import random
import signal
import sqlite3

import pytest

from copyright_detect.worker import Run
from tests.copyright_detect.uploads import Clock, make_db
from tests.faults.broker import runs_until_done
from tests.faults.copyright_killed import LATER, LEASE_MS, MESSAGES, PARTITIONS, hear_all, strike
from tests.processes import dies, forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "3"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)
processes = forked("tests.faults.copyright_killed")


def tables(home):
    """Everything that others read, and the checkpoints of what still runs; not how often a chunk was repeated, nor offsets."""
    found = []
    for partition in range(PARTITIONS):
        path = Run("t", home).folder / f"partition-{partition:04d}.sqlite"
        connection = sqlite3.connect(path)
        for query in (
            "select * from verdicts order by upload, match_id",
            "select * from decisions order by upload, reference, territory",
            "select * from uploads order by upload",
            "select upload, number, digest, first_sample, loudness, waiting from chunks order by upload, number",
            "select * from checkpoints order by upload",
        ):
            found.append(connection.execute(query).fetchall())
        connection.close()
    return found


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    return make_db(tmp_path_factory.mktemp("copyright") / "db")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, db):
    """The number of moments, and the tables of a run that nothing interrupts."""
    home = tmp_path_factory.mktemp("quiet")
    assert dies(processes, strike, str(home), str(db), 0, str(home / "moments")) == 0
    found = tables(home)
    assert [row[5] for part in found[::5] for row in part] == ["song 1"] * 3
    assert sorted(row[2] for part in found[2::5] for row in part) == ["complete", "complete", "running"]
    return int((home / "moments").read_text()), found


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere_and_rerun(tmp_path, db, quiet, seed):
    moments, expected = quiet
    moment = random.Random(seed).randint(1, moments)
    assert dies(processes, strike, str(tmp_path), str(db), moment, str(tmp_path / "moments")) == -signal.SIGKILL
    hear_all(tmp_path, db, Clock(LATER), MESSAGES)  # the dead members' leases have run out
    assert tables(tmp_path) == expected


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_broker_goes_away_and_nothing_is_lost_or_heard_twice(tmp_path, db, quiet, monkeypatch, seed):
    _, expected = quiet
    away = runs_until_done(
        monkeypatch, seed, lambda times: hear_all(tmp_path, db, Clock(LATER + times * LEASE_MS), MESSAGES)
    )
    assert away > 1
    assert tables(tmp_path) == expected
