"""The way of the data, top to bottom: plays → log, by user → step → one commit with the offset → close → published
revisions.

The log has one partition per share of the users, so that dedupe and the daily cap look at one file. Whoever owns a
partition is its only writer; whoever closes weeks reads all of them. A batch ends where a week becomes final, so that
what comes later is a correction whatever the batch size.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

import shared.partition
from charts.close import Revision, close_weeks
from charts.records import PLAYS, Ints
from charts.rules import Rules, finals, is_final
from charts.step import Segment, step
from charts.store import DeadLetter, PartitionStore, Position, restore
from shared.batches import decode, encode
from shared.bootstrap import Engines
from shared.clock import Clock
from shared.errors import BadInput, Conflict, LinerError
from shared.ports import EventLog, Message, partitions_of
from shared.threads import cores

READ_BYTES = 8 << 20


class Run(shared.partition.Run):
    """A stream of plays."""

    system = "charts"

    @property
    def snapshots(self) -> Path:
        """Of their copies."""
        return self.folder / "snapshots"

    @property
    def dataset(self) -> str:
        """In the lake, the prefix of its datasets."""
        return f"charts/{self.name}"


def replay(
    engines: Engines, run: Run, plays: Iterable[pa.RecordBatch], partitions: int, rules: Rules
) -> list[Revision]:
    """Send plays through the log, count them and close what is due; returns the revisions, in order. Rerun after a crash: goes on."""
    log = engines.log
    log.create(run.topic, partitions)
    sent = [log.end(run.topic, partition) for partition in range(partitions)]  # by an interrupted run
    consumer = Consumer(log, run, rules, engines.clock)
    consumer.assign(range(partitions))
    revisions = consumer.drain(engines)
    for batch in plays:
        send(log, run, batch, partitions, rules, sent)
        revisions += consumer.drain(engines)
    consumer.revoke(range(partitions))
    return revisions


def send(
    log: EventLog, run: Run, plays: pa.RecordBatch, partitions: int, rules: Rules, sent: list[int] | None = None
) -> None:
    """Append plays to the log, each to its user's partition; `sent`: messages to leave out, by partition, counted down."""
    ready: dict[int, list[bytes]] = {}
    for partition, message in messages(plays, partitions, rules):
        if sent and sent[partition]:
            sent[partition] -= 1
        else:
            ready.setdefault(partition, []).append(message)
    for partition, batch in ready.items():
        log.append(run.topic, partition, batch)


def messages(batch: pa.RecordBatch, partitions: int, rules: Rules) -> Iterable[tuple[int, bytes]]:
    """(partition, message) of at most batches.MAX_RECORDS plays each, in order; a message also ends where a week becomes final."""
    users = batch.column("user_id").fill_null(0).to_numpy()
    target = partitions_of(users, partitions)
    for partition in range(partitions):
        part = batch.take(pa.array(np.flatnonzero(target == partition))) if partitions > 1 else batch
        cuts = {0, *_closings(part, rules).tolist(), part.num_rows}
        for start, end in pairwise(sorted(cuts)):
            table = pa.Table.from_batches([part.slice(start, end - start)], PLAYS)
            yield from ((partition, message) for message in encode(table))


def _closings(batch: pa.RecordBatch, rules: Rules) -> Ints:
    """Rows right after a play that makes a week final, or might: what came before the first row is not known here."""
    started = batch.column("started_at").cast(pa.int64()).fill_null(0).to_numpy()
    weeks = finals(np.maximum.accumulate(started), rules)
    return np.flatnonzero(np.diff(weeks, prepend=weeks[:1] - 1) > 0) + 1


class Segments(dict[int, Segment]):
    """The weeks in memory; a missing one is rebuilt from the store when it is asked for."""

    def __init__(self, store: PartitionStore, rules: Rules) -> None:
        super().__init__()
        self._store, self._rules = store, rules

    def __missing__(self, week: int) -> Segment:
        self[week] = self._store.segment(week, self._rules)
        return self[week]


@dataclass
class Partition:
    """What a consumer holds of a partition that it owns."""

    store: PartitionStore
    position: Position
    segments: Segments


@dataclass
class Consumer:
    """One member of the group: the partitions it owns, their state in memory, and the way of a batch through them."""

    log: EventLog
    run: Run
    rules: Rules
    clock: Clock
    owned: dict[int, Partition] = field(default_factory=dict)
    stamps: dict[int, list[int]] = field(default_factory=dict)  # of weeks, see close_weeks

    def assign(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Open partitions; the offset to begin at for each is the one in the state, never the group's."""
        for partition in partitions:
            store = restore(self.run.folder, partition, self.run.snapshots)
            self.owned[partition] = Partition(store, store.position(), Segments(store, self.rules))
        return {partition: self.owned[partition].position.next_offset for partition in partitions}

    def revoke(self, partitions: Iterable[int]) -> None:
        """Forget partitions; nothing is lost, since nothing is only in memory."""
        for partition in partitions:
            self.owned.pop(partition).store.close()

    def take(self, partition: int, received: Sequence[Message]) -> None:
        """Count messages: those that were counted before are skipped, a gap before them is read from the log."""
        own = self.owned[partition]
        while received and own.position.next_offset <= received[-1].offset:
            begin = own.position.next_offset
            if begin < received[0].offset:
                batch = self.log.read(self.run.topic, partition, begin, READ_BYTES, timeout_ms=10_000)
            else:
                batch = [message for message in received if message.offset >= begin]
            self._count(own, batch)

    def _count(self, own: Partition, received: Sequence[Message]) -> None:
        """Decode → step → commit, up to the first message after which a week is final."""
        plays, dead, end = _decoded(received, own.position.watermark, self.rules, self.clock())
        try:
            delta = step(own.segments, plays, own.position.watermark, self.rules, self.clock())
            own.store.commit(own.position.next_offset, end, delta, dead, self.rules)
        except BaseException as error:
            own.segments.clear()  # what is in memory is not the state
            if not isinstance(error, Conflict):
                raise
        finally:
            own.position = own.store.position()
        for week in own.segments.keys() - delta.weeks.keys():
            if is_final(week, delta.watermark, self.rules):
                del own.segments[week]  # whole; a correction loads it again

    def drain(self, engines: Engines) -> list[Revision]:
        """Count everything that is in the log now, and close what becomes due, and what was when whoever counted it was killed. By the
        partitions that it owns: for a consumer that owns all.
        """
        revisions = self.publish_due(engines)
        ends = {partition: self.log.end(self.run.topic, partition) for partition in self.owned}
        while behind := [p for p, own in self.owned.items() if own.position.next_offset < ends[p]]:
            with ThreadPoolExecutor(cores()) as pool:  # kernels, Arrow and SQLite leave the interpreter's lock
                list(pool.map(self._count_next, behind))
            revisions += self.publish_due(engines)
        return revisions

    def _count_next(self, partition: int) -> None:
        own = self.owned[partition]
        begin = own.position.next_offset
        self._count(own, self.log.read(self.run.topic, partition, begin, READ_BYTES, timeout_ms=10_000))

    def publish_due(self, engines: Engines) -> list[Revision]:
        """Publish revisions that are due, by the clock of the partitions that this consumer owns."""
        stores = [self.owned[partition].store for partition in sorted(self.owned)]  # the order of stamps
        watermark = stream_clock(self.log, self.run, stores)
        return close_weeks(stores, engines.lake, self.run.dataset, watermark, self.rules, self.stamps)


def stream_clock(log: EventLog, run: Run, stores: Sequence[PartitionStore]) -> int:
    """The watermark of the whole stream, ms: that of the slowest partition with a backlog; of the fastest when none has one.

    A partition without plays must not hold the chart back, and one that lags must not have its plays declared late.
    """
    positions = [store.position() for store in stores]
    behind = [
        p.watermark
        for store, p in zip(stores, positions, strict=True)
        if p.next_offset < log.end(run.topic, store.partition)
    ]
    return min(behind) if behind else max((p.watermark for p in positions), default=0)


def _decoded(
    received: Sequence[Message], watermark: int, rules: Rules, now: int
) -> tuple[pa.RecordBatch, list[DeadLetter], int]:
    """The plays of messages as one batch, those that are no plays, and the offset after the last one taken."""
    if not received:
        raise LinerError("the log gave no message in time; nothing was counted: run again")
    batches, dead = [], []
    for message in received:
        try:
            batch = decode(message.value, PLAYS)
        except BadInput as error:
            dead.append(DeadLetter(message.offset, str(error), message.value))
            continue
        batches.append(batch)
        started = batch.column("started_at").drop_null().cast(pa.int64()).to_numpy()
        believed = started[(started >= rules.earliest_ms) & (started <= now + rules.clock_skew_ms)]
        if believed.size:  # also plays that other rules reject: a batch that ends too early does no harm
            before = watermark or int(believed[0])  # a new partition's clock begins at its first play
            watermark = max(watermark, int(believed.max()))
            if finals(watermark, rules) > finals(before, rules):
                break
    plays = pa.Table.from_batches(batches, PLAYS).combine_chunks().to_batches()
    return plays[0] if plays else pa.RecordBatch.from_pylist([], PLAYS), dead, message.offset + 1
