"""One member of the group that hears uploads: the partitions it owns, and how batches of messages get in and out of them.

A batch commits together with the offset behind it; a worker that finds another offset than it left was declared dead meanwhile,
drops its memory and reads its state again.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import shared.partition
from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import Chunk, Tick, encode, partition_for
from copyright_detect.detector import Detector
from copyright_detect.pipeline import Step
from copyright_detect.store import PartitionStore
from shared.clock import Clock
from shared.errors import Conflict, LinerError
from shared.ports import EventLog, Message

READ_BYTES = 1 << 20  # with 22 kB a second of sound, a batch is at most about a minute of it
SKEW_MS = 600_000
"""A message that was sent later than this after now is poison. Now is when it is heard, as the log keeps no time of arrival: heard
again from the beginning, when its time has come, it counts."""


class Run(shared.partition.Run):
    """A stream of uploads."""

    system = "copyright_detect"


def send(log: EventLog, run: Run, chunks: Iterable[Chunk]) -> None:
    """Append chunks to the log, each to its upload's partition; they are durable when it returns."""
    partitions = log.partitions(run.topic)
    ready: dict[int, list[bytes]] = {}
    for chunk in chunks:
        ready.setdefault(partition_for(chunk.upload, partitions), []).append(encode(chunk))
    for partition, messages in ready.items():
        log.append(run.topic, partition, messages)


def tick(log: EventLog, run: Run, now: int) -> None:
    """Tell every partition the time, so that uploads which stopped coming run out."""
    for partition in range(log.partitions(run.topic)):
        log.append(run.topic, partition, [encode(Tick(now))])


@dataclass
class Partition:
    """What a worker holds of a partition that it owns: its file, and the detectors of the uploads heard last."""

    store: PartitionStore
    next_offset: int
    detectors: OrderedDict[str, Detector] = field(default_factory=OrderedDict)


@dataclass
class Worker:
    """Processes the messages of the partitions that it owns."""

    log: EventLog
    run: Run
    catalogue: Catalogue
    clock: Clock
    owned: dict[int, Partition] = field(default_factory=dict)

    def assign(self, partitions: Iterable[int]) -> Mapping[int, int]:
        """Open partitions; the offset to begin at for each is the one in its state, never the group's."""
        for partition in partitions:
            store = PartitionStore(self.run.folder, partition)
            self.owned[partition] = Partition(store, store.next_offset())
        return {partition: self.owned[partition].next_offset for partition in partitions}

    def revoke(self, partitions: Iterable[int]) -> None:
        """Forget partitions; nothing is lost, since nothing is only in memory."""
        for partition in partitions:
            self.owned.pop(partition).store.close()

    def take(self, partition: int, received: Sequence[Message]) -> None:
        """Process messages: those that were processed before are skipped, a gap before them is read from the log."""
        own = self.owned[partition]
        while received and own.next_offset <= received[-1].offset:
            new = [message for message in received if message.offset >= own.next_offset]
            self._process(own, self._read(own) if own.next_offset < received[0].offset else new)

    def drain(self) -> None:
        """Process everything that is in the log now."""
        for partition, own in self.owned.items():
            end = self.log.end(self.run.topic, partition)
            while own.next_offset < end:
                self._process(own, self._read(own))

    def _read(self, own: Partition) -> list[Message]:
        return self.log.read(self.run.topic, own.store.partition, own.next_offset, READ_BYTES, timeout_ms=10_000)

    def _process(self, own: Partition, received: Sequence[Message]) -> None:
        """A batch of messages, all or nothing."""
        if not received:
            raise LinerError("the log gave no message in time; nothing was processed: run again")
        self.catalogue.refresh()
        try:
            with own.store.transaction(own.next_offset, received[-1].offset + 1) as batch:
                step = Step(batch, own.detectors, self.catalogue)
                for message in received:
                    step.message(message, self.clock() + SKEW_MS)
                step.checkpoint()
        except BaseException as error:
            own.detectors.clear()  # what is in memory is not the state
            if not isinstance(error, Conflict):
                raise
        finally:
            own.next_offset = own.store.next_offset()
