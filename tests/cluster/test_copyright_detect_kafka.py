"""One answer in both modes: the demo's podcast and a group of workers on a real Kafka leave the tables that SQLite's log leaves."""

import json
from secrets import token_hex
from threading import Thread

import numpy as np
import pytest

from copyright_detect import cluster
from copyright_detect.catalogue import Catalogue
from copyright_detect.store import PartitionStore
from copyright_detect.worker import Run, Worker, send
from shared.bootstrap import Engines
from shared.cli import main
from shared.settings import Settings
from tests.copyright_detect.uploads import Clock, cut_all, make_db, make_podcast, shuffled, small_demo

pytestmark = pytest.mark.cluster
PARTITIONS = 4


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    return make_db(tmp_path_factory.mktemp("copyright") / "db")


def engines_of(home, **urls):
    return Engines(Settings(home=home, **urls), Clock())


def deliveries():
    """Groups of chunks of six uploads at once, out of order and with repeats."""
    podcast = make_podcast(26.0, at=4.0)
    uploads = [cut_all(np.roll(podcast, 3000 * number), f"upload-{number}") for number in range(6)]
    chunks = [chunk for chunks in zip(*uploads, strict=True) for chunk in chunks]
    rng = np.random.default_rng(4)
    chunks = shuffled(chunks + [chunks[at] for at in rng.integers(0, len(chunks), 30)], rng, reach=40)
    return [chunks[at : at + 30] for at in range(0, len(chunks), 30)]


def tables(run):
    """What others read, over all partitions."""
    verdicts, decisions = [], []
    for partition in range(PARTITIONS):
        store = PartitionStore(run.folder, partition)
        verdicts += store.verdicts()
        decisions += store.decisions()
        store.close()
    return sorted(verdicts, key=lambda row: row["upload"]), sorted(decisions, key=lambda row: row["upload"])


def all_heard(engines, run):
    stores = [PartitionStore(run.folder, partition) for partition in range(PARTITIONS)]
    at = [store.next_offset() for store in stores]
    for store in stores:
        store.close()
    return at == [engines.log.end(run.topic, partition) for partition in range(PARTITIONS)]


def test_the_demo_says_the_same(tiny_world, tmp_path, monkeypatch, capsys, kafka_url):
    small_demo(monkeypatch, tiny_world)
    found = []
    for url in ("sqlite:", kafka_url):
        monkeypatch.setenv("LINER_LOG", url)
        monkeypatch.setenv("LINER_HOME", str(tmp_path / url[:6]))
        assert main(["copyright-detect", "demo", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        found.append({name: report[name] for name in ("status", "matches", "decisions", "alarms", "tallies")})
    assert found[0] == found[1]


def test_three_members_of_a_group_that_come_and_go(tmp_path, db, kafka_url):
    run = Run(token_hex(6), tmp_path / "kafka")
    engines = engines_of(run.home, log=kafka_url)
    engines.log.create(run.topic, PARTITIONS)
    left, done = [False], [False]
    stops = (lambda: left[0], lambda: done[0], lambda: done[0])
    members = [Thread(target=member, args=(run, db, kafka_url, stop)) for stop in stops]
    for number, chunks in enumerate(deliveries()):
        send(engines.log, run, chunks)
        if number < 3:
            members[number].start()
        left[0] = number >= 4
    while not all_heard(engines, run):
        members[1].join(0.1)
    done[0] = True
    for thread in members:
        thread.join()
    engines.close()
    assert tables(run) == heard_embedded(tmp_path / "embedded", db)


def member(run, db, kafka_url, stop):
    engines = engines_of(run.home, log=kafka_url)
    cluster.work(engines, run, Catalogue(db), stop)
    engines.close()


def heard_embedded(home, db):
    """The tables of the same deliveries through SQLite's log and one worker."""
    run, engines = Run("t", home), engines_of(home)
    engines.log.create(run.topic, PARTITIONS)
    worker = Worker(engines.log, run, Catalogue(db), engines.clock)
    worker.assign(range(PARTITIONS))
    for chunks in deliveries():
        send(engines.log, run, chunks)
        worker.drain()
    worker.revoke(range(PARTITIONS))
    engines.close()
    found = tables(run)
    assert [row["reference"] for row in found[0]] == ["song 1"] * 6
    return found
