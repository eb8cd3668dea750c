"""The process that dies: two members of a group count, rebalance and close, and `kill -9` strikes at one numbered moment.

Moments are counted everywhere a crash could tell: around each append, each commit and inside its transaction, around each publication,
and in the callbacks of a rebalance. The module warms the kernels when it is imported, so that a fork starts hot.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from charts import cluster
from charts.pipeline import Consumer, Run, messages
from charts.rules import Rules
from charts.step import Segment, step
from charts.store import PartitionStore
from shared.bootstrap import Engines
from shared.lake import Lake
from shared.settings import Settings
from tests.charts.conftest import NOW, as_batch, make_play, random_plays
from tests.faults import moments

RULES = Rules(daily_cap=2)
PARTITIONS = 3
LEASE_MS = 60_000
MOMENTS = (
    (PartitionStore, "commit"),
    (PartitionStore, "_fold"),
    (PartitionStore, "position"),
    (Lake, "publish"),
    (Consumer, "assign"),
    (Consumer, "revoke"),
)

step(defaultdict(Segment), as_batch([make_play()]), 0, RULES, NOW)


@dataclass
class Clock:
    now: int = NOW

    def __call__(self):
        return self.now


def batches():
    """Five weeks of plays, the later batches full of late, repeated and conflicting ones."""
    return [as_batch(random_plays(seed, 120, weeks=1 + seed)) for seed in range(5)]


def count_all(home, clock, died=lambda: None):
    """Send what is not sent yet, count and close everything with two members that come and go."""
    engines = Engines(Settings(home=Path(home)), clock)
    run = Run("t", Path(home))
    engines.log.create(run.topic, PARTITIONS)
    sent = [engines.log.end(run.topic, partition) for partition in range(PARTITIONS)]
    members = []
    for number, batch in enumerate(batches()):
        for partition, message in messages(batch, PARTITIONS, RULES):
            sent[partition] -= 1
            if sent[partition] < 0:
                died()
                engines.log.append(run.topic, partition, [message])
        if number in (0, 2):
            consumer = Consumer(engines.log, run, RULES, clock)
            members.append((consumer, engines.log.subscribe(run.topic, "charts", consumer.assign, consumer.revoke)))
        if number == 3:
            members.pop(0)[1].close()
        for _ in range(3):
            moments.poll(members)
        cluster.close_all(engines, run, RULES)
    while not cluster.all_counted(engines, run):
        moments.poll(members)
    cluster.close_all(engines, run, RULES)
    for _, subscription in members:
        subscription.close()
    engines.close()


def strike(home, moment, report):
    """Run `count_all` and die at the numbered moment."""
    moments.strike(MOMENTS, lambda died: count_all(home, Clock(), died), moment, report)
