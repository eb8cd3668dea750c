"""Stream, SQL and the oracle agree on the same log: verdicts, and counts to the last unit."""

import pytest

from charts.close import daily_counts
from charts.pipeline import Run, replay
from charts.records import country_name
from charts.recount import recount
from charts.rules import Rules, week_start
from charts.views import Views, open_stores
from shared.bootstrap import Engines
from shared.clock import DAY_MS
from shared.settings import Settings
from shared.sql import forbidden
from tests.charts.conftest import as_batch, random_plays


@pytest.fixture
def engines(tmp_path, clock):
    opened = Engines(Settings(home=tmp_path), clock)
    yield opened
    opened.close()


def streamed(run, engines, rules):
    """(verdicts, counts) as `recount` gives them, from the state of the stream."""
    stores = open_stores(run)
    accounting = Views(engines, run, rules, stores).accounting()
    verdicts = {name: n for name, n in {"counted": accounting["counted"], **accounting["rejected"]}.items() if n}
    counts = []
    for week in sorted({week for store in stores for week in store.weeks()}):
        for row in daily_counts(stores, week).to_pylist():
            day = week_start(week) // DAY_MS + row["day"]
            counts.append({**row, "week": week, "day": day, "country": country_name(row["country"])})
    for store in stores:
        store.close()
    key = ("week", "day", "country", "artist_id")
    return verdicts, sorted(counts, key=lambda row: tuple(row[name] for name in key))


@pytest.mark.parametrize("seed", range(3))
def test_stream_and_sql_agree(engines, seed):
    rules = Rules(daily_cap=2)
    run = Run("t", engines.settings.home)
    replay(engines, run, [as_batch(random_plays(seed * 10 + i, 700, weeks=5)) for i in range(3)], 3, rules)
    assert streamed(run, engines, rules) == recount(engines, run, rules)


def test_recount_sql_says_the_same_on_both_engines():
    from dataclasses import asdict
    from importlib.resources import files

    from charts.recount import COUNT_SQL, VERDICT_SQL

    texts = [
        files("charts").joinpath("recount.sql").read_text().format(**asdict(Rules()), now=0),
        COUNT_SQL,
        VERDICT_SQL,
    ]
    assert [forbidden(text) for text in texts] == [[], [], []]
