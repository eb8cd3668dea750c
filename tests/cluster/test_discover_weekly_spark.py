"""One answer in both modes: the week on a real Spark, its lists from a real Redis, digest against digest."""

import pytest

from discover_weekly.demo import world_sources
from discover_weekly.ials import Settings
from discover_weekly.pipeline import run_week
from discover_weekly.records import Rules
from discover_weekly.service import read_list
from shared.bootstrap import Engines
from shared.settings import Settings as House

QUICK = Settings(factors=16, sweeps=3)
pytestmark = pytest.mark.cluster


def run(home, world, **urls):
    engines = Engines(House(home=home, **urls))
    try:
        lists = run_week(engines, world_sources(world), "2026-W48", QUICK, Rules())
        return lists, [read_list(engines, user) for user in range(0, 500, 50)]
    finally:
        engines.close()


def test_spark_and_redis_give_the_embedded_lists(tiny_world, tmp_path, spark_url, redis_url):
    embedded, embedded_answers = run(tmp_path / "embedded", tiny_world)
    cluster, cluster_answers = run(tmp_path / "cluster", tiny_world, engine=spark_url, store=redis_url)
    assert cluster.digest == embedded.digest
    assert cluster.details == embedded.details
    assert cluster_answers == embedded_answers
