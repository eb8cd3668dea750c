"""The process that dies: two members of a group hear uploads, rebalance and publish, and `kill -9` strikes at one numbered moment.

Moments are counted everywhere a crash could tell: around each append, in a transaction around each thing that it writes, after its
commit, and in the callbacks of a rebalance. The module hears something when it is imported, so that a fork starts hot.
"""

import tempfile
from pathlib import Path

import numpy as np

from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import encode, partition_for
from copyright_detect.store import Batch, PartitionStore
from copyright_detect.worker import Run, Worker
from shared.bootstrap import Engines
from shared.clock import DEMO_NOW
from shared.settings import Settings
from tests.copyright_detect.uploads import Clock, cut_all, heard_whole, make_db, make_podcast, shuffled
from tests.faults import moments

PARTITIONS = 2
LEASE_MS = 60_000
RESENT = 3  # messages that a sender which died sends once more
MOMENTS = (
    (Batch, "keep"),
    (Batch, "next_samples"),
    (Batch, "put"),
    (Batch, "publish"),
    (Batch, "decide"),
    (Batch, "keep_checkpoint"),
    (Batch, "close"),
    (PartitionStore, "next_offset"),
    (Worker, "assign"),
    (Worker, "revoke"),
)


def plan():
    """(partition, message) in the order of sending: three uploads at once, out of order, many chunks twice, one upload unfinished."""
    podcast = make_podcast(26.0, at=4.0)
    uploads = [cut_all(podcast, "u"), cut_all(podcast[: 15 * 11_025], "v", "licensed"), cut_all(podcast, "w")[:-4]]
    chunks = [chunk for chunks in zip(*uploads, strict=False) for chunk in chunks] + uploads[0][15:] + uploads[2][15:]
    rng = np.random.default_rng(9)
    chunks = shuffled(chunks + [chunks[at] for at in rng.integers(0, len(chunks), 15)], rng, reach=20)
    return [(partition_for(chunk.upload, PARTITIONS), encode(chunk)) for chunk in chunks]


def hear_all(home, db, clock, messages, died=lambda: None):
    """Send what is not sent yet, and hear everything with two members that come and go."""
    engines = Engines(Settings(home=Path(home)), clock)
    run, log = Run("t", Path(home)), engines.log
    log.create(run.topic, PARTITIONS)
    left = [max(log.end(run.topic, partition) - RESENT, 0) for partition in range(PARTITIONS)]
    members = []
    for number, (partition, message) in enumerate(messages):
        left[partition] -= 1
        if left[partition] < 0:
            died()
            log.append(run.topic, partition, [message])
        if number in (0, 20):
            worker = Worker(log, run, Catalogue(db), clock)
            members.append((worker, log.subscribe(run.topic, "copyright", worker.assign, worker.revoke)))
        if number == 50:
            members.pop(0)[1].close()
        if number % 10 == 9:
            moments.poll(members)
    while not all_heard(engines, run):
        moments.poll(members)
    for _, subscription in members:
        subscription.close()
    engines.close()


def all_heard(engines, run):
    stores = [PartitionStore(run.folder, partition) for partition in range(PARTITIONS)]
    at = [store._rows("select next_offset from position")[0][0] for store in stores]
    for store in stores:
        store.close()
    return at == [engines.log.end(run.topic, partition) for partition in range(PARTITIONS)]


def strike(home, db, moment, report):
    """Run `hear_all` and die at the numbered moment."""
    moments.strike(MOMENTS, lambda died: hear_all(home, db, Clock(), MESSAGES, died), moment, report)


MESSAGES = plan()
LATER = DEMO_NOW + 3_600_000 + LEASE_MS
with tempfile.TemporaryDirectory() as folder:
    heard_whole(make_db(Path(folder) / "db"), make_podcast(12.0, at=2.0))
