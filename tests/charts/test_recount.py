"""Stream, SQL and the oracle agree on the same log: verdicts, and counts to the last unit."""

import pytest

from charts.pipeline import Run, replay
from charts.recount import recount, streamed
from charts.rules import Rules
from shared.sql import forbidden
from tests.charts.conftest import as_batch, random_plays


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
