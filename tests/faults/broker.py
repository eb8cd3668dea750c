"""The broker goes away: by lot a call of the log fails, before anything was done or behind it, when only the answer is lost."""

import random

from shared.adapters.sqlite import SQLiteLog, SQLiteSubscription
from shared.errors import EngineUnavailable

CALLS = ((SQLiteLog, "append"), (SQLiteLog, "end"), (SQLiteSubscription, "poll"))
OUTAGES, EVERY = 6, 8


def runs_until_done(monkeypatch, seed, run):
    """Call `run(attempt)` anew each time the broker was away; how often it was."""
    rng, away = random.Random(seed), 0

    def failing(method):
        def fails(*arguments, **named):
            nonlocal away
            lot = rng.random() * EVERY if away < OUTAGES else EVERY
            if lot >= 1:
                return method(*arguments, **named)
            away += 1
            if lot < 0.5:
                method(*arguments, **named)
            raise EngineUnavailable("the broker is away")

        return fails

    for owner, name in CALLS:
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))
    while True:
        try:
            run(away)
        except EngineUnavailable:
            continue
        return away
