"""One answer in both modes: the demo's week through a real Kafka, several consumers of one group, and the recount on a real Spark."""

import json
from secrets import token_hex
from threading import Thread

import pytest

from charts import cluster
from charts.close import cut, weekly_counts
from charts.pipeline import Run, replay, send
from charts.recount import recount, streamed
from charts.rules import Rules
from charts.views import open_stores
from shared.bootstrap import Engines
from shared.cli import main
from shared.clock import fixed_clock
from shared.settings import Settings
from tests.charts.conftest import NOW, as_batch, random_plays

RULES = Rules(daily_cap=2)
pytestmark = pytest.mark.cluster


def engines_of(home, **urls):
    return Engines(Settings(home=home, **urls), fixed_clock(NOW))


def batches():
    return [as_batch(random_plays(seed, 500, weeks=1 + seed)) for seed in range(6)]


def charts_of(run):
    stores = open_stores(run)
    weeks = sorted({week for store in stores for week in store.weeks()})
    charts = {week: cut(weekly_counts(stores, week), RULES) for week in weeks}
    for store in stores:
        store.close()
    return charts


def test_the_demo_gives_the_same_charts_to_the_last_unit(tiny_world, tmp_path, monkeypatch, capsys, kafka_url):
    monkeypatch.setattr("shared.world.make_world", lambda *_: tiny_world)
    found = []
    for url in ("sqlite:", kafka_url):
        monkeypatch.setenv("LINER_LOG", url)
        monkeypatch.setenv("LINER_HOME", str(tmp_path / url[:6]))
        assert main(["charts", "demo", "--size", "tiny", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        found.append({name: report[name] for name in ("plays", "weeks", "charts", "corrections", "recount")})
    assert found[0] == found[1]


def test_three_members_of_a_group_that_come_and_go(tmp_path, kafka_url):
    run = Run(token_hex(6), tmp_path / "kafka")
    engines = engines_of(run.home, log=kafka_url)
    engines.log.create(run.topic, 6)
    left, done = [False], [False]
    stops = (lambda: left[0], lambda: done[0], lambda: done[0])
    members = [Thread(target=member, args=(run, kafka_url, stop)) for stop in stops]
    for number, batch in enumerate(batches()):
        send(engines.log, run, batch, 6, RULES)
        if number < 3:
            members[number].start()
        left[0] = number >= 4
    while not cluster.all_counted(engines, run):
        members[1].join(0.1)
    done[0] = True
    for thread in members:
        thread.join()
    cluster.close_all(engines, run, RULES)
    result = streamed(run, engines, RULES)
    assert result == recount(engines, run, RULES)
    engines.close()

    embedded = Run("t", tmp_path / "embedded")
    engines = engines_of(embedded.home)
    replay(engines, embedded, batches(), 6, RULES)
    assert streamed(embedded, engines, RULES) == result
    engines.close()
    assert charts_of(embedded) == charts_of(run)


def member(run, kafka_url, stop):
    engines = engines_of(run.home, log=kafka_url)
    cluster.work(engines, run, RULES, stop)
    engines.close()


def test_the_recount_on_spark_is_the_recount_on_duckdb(tmp_path, spark_url):
    run = Run("t", tmp_path)
    embedded = engines_of(tmp_path)
    replay(embedded, run, batches(), 2, RULES)
    spark = engines_of(tmp_path, engine=spark_url)
    assert recount(spark, run, RULES, "spark") == recount(embedded, run, RULES) == streamed(run, embedded, RULES)
    spark.close()
    embedded.close()
