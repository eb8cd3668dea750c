"""The processes that fight over budgets and die: sixteen writers book and settle, and `kill -9` strikes some at a numbered moment.

Moments are counted around every statement that a transaction executes, so that a death falls before, inside and after each of them.
"""

import os
import random
import signal
from pathlib import Path

from ad_targeting.ledger import Booking, Charge, Ledger, Outcome, Report
from shared.clock import system_clock

CAMPAIGNS, BUDGET, USERS, CAP, DAY = 4, 8_000, 30, 6, 20_000
FOREVER, SPENT_OUT = 10_000, 100


def open_accounts(path):
    ledger = Ledger(Path(path), system_clock)
    ledger.set_budgets(dict.fromkeys(range(CAMPAIGNS), BUDGET))
    ledger.close()


def fight(path, number, seed, moment):
    """Spend until the budgets are gone, like a worker that sees nothing but the ledger; die at the numbered moment (0: never)."""
    rng = random.Random(seed * 1000 + number)
    ledger = Ledger(Path(path), system_clock)
    ledger._connection.execute("pragma synchronous = off")  # a killed process loses no page that the kernel has
    if moment:
        ledger._execute = dying(ledger._execute, moment)
    for step in range(FOREVER):
        if sorted(balance.free for balance in ledger.books.balances())[-2] < SPENT_OUT:
            break  # no two campaigns are left that could pay for a break
        bookings = [draw(rng, f"worker-{number}-{step}-{k}") for k in range(4)]
        outcomes = ledger.book(bookings)
        for booking, outcome in zip(bookings, outcomes, strict=True):
            if outcome is Outcome.BOOKED:
                report(ledger, rng, booking)
    ledger.close()


def draw(rng, decision):
    campaigns = rng.sample(range(CAMPAIGNS), 2)
    charges = tuple(Charge(campaign, rng.randint(1, 200), CAP) for campaign in campaigns)
    return Booking(decision, rng.randrange(USERS), DAY, 0, decision.encode(), charges)


def report(ledger, rng, booking):
    """Most ads are played and reported, some twice, some skipped, some never reported."""
    for slot in range(len(booking.charges)):
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            ledger.settle([Report(booking.decision, slot, rng.random() < 0.9)])


def dying(execute, moment):
    seen = 0

    def execute_or_die(*arguments):
        nonlocal seen
        for _ in range(2):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            if seen % 2:
                execute(*arguments)

    return execute_or_die
