"""The same steps in a group: several workers, on one machine or many, share the partitions; state stays one file a partition.

Membership and rebalances are the log's (Kafka's group protocol, or leases in SQLite); where to begin is ours, because
only the state knows what was heard. The run's folder has to be one that all members see on one host (SQLite's WAL
is shared memory); on several, each partition's file lies with its owner, and a new owner hears the log again.
"""

from collections.abc import Callable

from copyright_detect.catalogue import Catalogue
from copyright_detect.worker import Run, Worker
from shared.bootstrap import Engines

GROUP = "copyright"
POLL_MS = 200


def work(engines: Engines, run: Run, catalogue: Catalogue, finished: Callable[[], bool]) -> None:
    """Be one member of the group until `finished()`; leaving hands the partitions over at once."""
    worker = Worker(engines.log, run, catalogue, engines.clock)
    subscription = engines.log.subscribe(run.topic, GROUP, worker.assign, worker.revoke)
    try:
        while not finished():
            for partition, messages in subscription.poll(POLL_MS).items():
                worker.take(partition, messages)
    finally:
        subscription.close()
