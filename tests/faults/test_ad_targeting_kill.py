"""Sixteen processes spend the same budgets while some of them are killed: not one micro too much, and every balance explained.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_ad_targeting_kill.py
"""

import os
import random
import signal
import sqlite3

import pytest

from ad_targeting.ledger import RESERVATION_MS, Ledger
from shared.clock import system_clock
from tests.faults.ads_killed import BUDGET, CAMPAIGNS, CAP, fight, open_accounts
from tests.processes import forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "2"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)
WRITERS, KILLED = 16, 6
processes = forked("tests.faults.ads_killed")


def run_writers(path, seed):
    """Exit codes; the first dies before the others begin, since on a busy machine these may spend everything before any other dies."""
    rng = random.Random(seed)
    moments = [rng.randint(1, 30 if number == 0 else 150) if number < KILLED else 0 for number in range(WRITERS)]
    writers = [
        processes.Process(target=fight, args=(str(path), number, seed, moment)) for number, moment in enumerate(moments)
    ]
    writers[0].start()
    writers[0].join()
    for writer in writers[1:]:
        writer.start()
    for writer in writers:
        writer.join()
    return [writer.exitcode for writer in writers]


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_sixteen_writers_and_kills_overspend_nothing(tmp_path, seed):
    path = tmp_path / "ledger.sqlite"
    open_accounts(path)
    codes = run_writers(path, seed)
    assert set(codes[KILLED:]) == {0}
    assert codes[0] == -signal.SIGKILL
    ledger = Ledger(path, system_clock)
    ledger.books.check()
    balances = ledger.books.balances()
    assert all(balance.spent <= BUDGET for balance in balances)
    assert sum(balance.spent for balance in balances) > CAMPAIGNS * BUDGET // 2
    charged = facts(path)
    assert charged == {balance.campaign: balance.spent for balance in balances}
    ledger.close()
    after = Ledger(path, lambda: system_clock() + RESERVATION_MS)
    after.sweep()
    after.books.check()
    assert all(balance.reserved == 0 for balance in after.books.balances())
    after.close()


def facts(path):
    """Micros spent by campaign, counted from single reservations; and no listener met a campaign more often than the cap."""
    connection = sqlite3.connect(path)
    (most,) = connection.execute("select max(count) from exposures").fetchone()
    assert most <= CAP
    spent = dict(
        connection.execute("select campaign, sum(micros) from reservations where state = 'spent' group by campaign")
    )
    connection.close()
    return spent
