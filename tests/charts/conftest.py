"""Plays made of a few ids, so that everything collides: duplicates, conflicts, full groups, ties, every kind of bad
cell.
"""

import numpy as np
import pyarrow as pa
import pytest

from charts.pipeline import Consumer, Run
from charts.records import PLAYS
from charts.rules import Rules, parse_week, week_start
from shared.bootstrap import Engines
from shared.clock import WEEK_MS, fixed_clock
from shared.settings import Settings

FRIDAY = week_start(parse_week("2026-11-13"))
NOW = FRIDAY + 20 * WEEK_MS
RULES = Rules(daily_cap=2)


def make_play(
    event_id=1,
    user_id=1,
    track_id=1,
    artist_ids=(1,),
    country="SE",
    started_at=FRIDAY,
    played_ms=200_000,
    tier=0,
    track_ms=None,
):
    return {
        "event_id": event_id, "user_id": user_id, "track_id": track_id, "artist_ids": list(artist_ids), "country": country,
        "started_at": started_at, "played_ms": played_ms, "tier": tier, "track_ms": track_ms,
    }  # fmt: skip


def as_batch(plays):
    rows = [{**play, "country": None if play["country"] is None else play["country"].encode()} for play in plays]
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in PLAYS]
    return pa.RecordBatch.from_arrays(columns, schema=PLAYS)


def random_plays(seed, n=400, weeks=2):
    """Plays of few users, tracks, ids and moments: a tenth repeated, a tenth under an id that is taken, a few broken."""
    rng = np.random.default_rng(seed)
    plays = []
    for i in range(n):
        play = make_play(
            event_id=int(rng.integers(0, 10**9)) if rng.random() < 0.8 else int(rng.integers(0, n // 8)),
            user_id=int(rng.integers(0, 3)),
            track_id=int(rng.integers(0, 3)),
            artist_ids=[int(a) for a in rng.integers(0, 6, rng.integers(1, 4))],
            country=str(rng.choice(["SE", "US", "--"])),
            started_at=FRIDAY
            + int(rng.integers(0, weeks * WEEK_MS // 40_000_000)) * 40_000_000
            + int(rng.integers(0, 3)),
            played_ms=int(rng.choice([29_999, 30_000, 200_000])),
            tier=int(rng.integers(0, 3)),
        )
        if rng.random() < 0.05:
            name = str(rng.choice(list(play)))
            play[name] = {"artist_ids": [], "country": "ZZ", "tier": 7, "track_ms": 1_000}.get(name)
        plays.append(play)
        if rng.random() < 0.1:
            plays.append(dict(plays[int(rng.integers(0, i + 1))]))
    return plays


@pytest.fixture
def clock():
    return fixed_clock(NOW)


@pytest.fixture
def engines(tmp_path, clock):
    opened = Engines(Settings(home=tmp_path), clock)
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path):
    return Run("t", tmp_path)


def consumer_of(engines, run, partitions=1):
    engines.log.create(run.topic, partitions)
    consumer = Consumer(engines.log, run, RULES, engines.clock)
    consumer.assign(range(partitions))
    return consumer


def everything(engines, run, partition=0):
    return engines.log.read(run.topic, partition, 0, 1 << 30, 0)
