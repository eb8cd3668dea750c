"""What forgetting is worth: train on all plays up to eight weeks ago, find the recordings that listeners then heard for the first time.

A random split cannot judge a half-life, since it mixes the past with the future; this one is cut in time. The world's tastes drift by
design, so the numbers say which way to choose, not how much a real service would gain.
"""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.sparse import csr_matrix

from discover_weekly import ials
from discover_weekly.demo import world_sources
from discover_weekly.top_k import top_k
from discover_weekly.weights import HALF_LIFE_DAYS, count_plays, read_catalogue
from shared import ranking
from shared.bootstrap import Engines
from shared.clock import DAY_MS, DEMO_NOW, WEEK_MS, iso_week
from shared.settings import Settings
from shared.world import make_world

WEEKS = 8
K = 30
HALF_LIVES = {
    "no decay": None,
    "half-life 1 year": 365,
    f"half-life {HALF_LIFE_DAYS} days": HALF_LIFE_DAYS,
    "half-life 30 days": 30,
}


@cache
def counts(folder, size):
    """(user, recording, plays, age in days) before the cut, heard or not; and what was first heard after it; csr shapes alike."""
    engines = Engines(Settings(home=folder))
    sources = world_sources(make_world(folder / "world", "tiny" if size == "tiny" else "small", 1))
    catalogue = read_catalogue(sources)
    tables = {}
    for name, now in (("past", DEMO_NOW - WEEKS * WEEK_MS), ("all", DEMO_NOW)):
        tables[name] = count_plays(engines.engine, engines.lake, sources, catalogue, iso_week(now), now).by_user.table()
    engines.close()
    shape = (len(catalogue.user_ids), len(catalogue.shown))
    past, everything = (
        csr_matrix((table["plays"].to_numpy() + 1.0, (table["user_row"], table["recording_row"])), shape)
        for table in tables.values()
    )
    new = (everything > 0).astype(np.float32) - (past > 0).astype(np.float32)
    new.eliminate_zeros()
    last = pc.cast(
        pc.cast(tables["past"]["last_played"], pa.timestamp("ms", tz="UTC"), safe=False), pa.int64()
    ).to_numpy()
    age = (DEMO_NOW - WEEKS * WEEK_MS - last) / DAY_MS
    return tables["past"], age, shape, new


@pytest.mark.parametrize("half_life", HALF_LIVES)
def test_recency(measure, benchmark, bench_size, tmp_path_factory, half_life):
    table, age, shape, new = counts(tmp_path_factory.getbasetemp() / f"recency-{bench_size}", bench_size)
    decay = 1.0 if HALF_LIVES[half_life] is None else np.exp2(-age / HALF_LIVES[half_life])
    weights = (np.log1p(table["plays"].to_numpy()) * decay).astype(np.float32)
    heard = csr_matrix((weights, (table["user_row"], table["recording_row"])), shape)
    played = heard.copy()
    played.eliminate_zeros()
    rng = np.random.default_rng(1)
    factors = measure(
        "recency", lambda: ials.fit(played, ials.Settings(factors=32 if bench_size == "tiny" else 64), rng)
    )
    users = np.flatnonzero(np.diff(new.indptr) > 0)
    ids = top_k(factors.users[users], factors.items, heard[users], K)[0]
    found = ranking.recall(ranking.hits(ids, new[users]), np.diff(new[users].indptr), K)
    assert found.mean() > 0
    low, high = ranking.bootstrap_interval(found, seed=0)
    benchmark.extra_info["show"] |= {f"recall@{K} of what was first heard in the next {WEEKS} weeks": f"{found.mean():.4f}",
                                     "95 % interval": f"{low:.4f} – {high:.4f}"}  # fmt: skip
