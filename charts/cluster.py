"""The same step in a group: several consumers, on one machine or many, share the partitions; state stays one file a
partition.

Membership and rebalances are the log's (Kafka's group protocol, or leases in SQLite); where to begin is ours, because
only the state knows what it has counted. Whoever owns partition 0 also closes weeks, reading everybody's files. The
folder of the run has to be one that all members see, on one host (SQLite's WAL is shared memory);
a member that finds no file for a partition takes
its snapshot, made each time a week became final, and reads the log from there.
"""

from collections.abc import Callable

from charts.close import Revision, close_weeks
from charts.pipeline import Consumer, Run, stream_clock
from charts.rules import Rules, finals
from charts.views import open_stores
from shared.bootstrap import Engines

GROUP = "charts"
POLL_MS = 200


def work(engines: Engines, run: Run, rules: Rules, finished: Callable[[], bool]) -> None:
    """Be one member of the group until `finished()`; leaving hands the partitions over at once."""
    consumer, stamps = Consumer(engines.log, run, rules, engines.clock), dict[int, list[int]]()
    subscription = engines.log.subscribe(run.topic, GROUP, consumer.assign, consumer.revoke)
    try:
        while not finished():
            received = subscription.poll(POLL_MS)
            for partition, messages in received.items():
                own = consumer.owned[partition]
                begun = finals(own.position.watermark, rules)
                consumer.take(partition, messages)
                if finals(own.position.watermark, rules) > begun:
                    own.store.snapshot(run.snapshots / own.store.path.name)
            if 0 in consumer.owned:  # also when nothing came: what makes a week final may have gone to another member
                close_all(engines, run, rules, stamps)
        if 0 in consumer.owned:
            close_all(engines, run, rules, stamps)
    finally:
        subscription.close()


def close_all(engines: Engines, run: Run, rules: Rules, stamps: dict[int, list[int]] | None = None) -> list[Revision]:
    """Close what is due over the files of all partitions, whoever owns them; `stamps` as in `close_weeks`, kept by the caller."""
    stores = open_stores(run)
    try:
        if len(stores) < engines.log.partitions(run.topic):
            return []  # a partition that nobody has begun yet may hold any play
        now = stream_clock(engines.log, run, stores)
        return close_weeks(stores, engines.lake, run.dataset, now, rules, {} if stamps is None else stamps)
    finally:
        for store in stores:
            store.close()


def all_counted(engines: Engines, run: Run) -> bool:
    """Whether every message that is in the log now has been counted."""
    stores = open_stores(run)
    try:
        at = {store.partition: store.position().next_offset for store in stores}
    finally:
        for store in stores:
            store.close()
    return all(at.get(p, 0) >= engines.log.end(run.topic, p) for p in range(engines.log.partitions(run.topic)))
