"""The way of the data, top to bottom: chunk → open → in order → detect → decide → publish, inside one transaction.

`Step` is what happens with each message of a batch; `worker.py` brings the messages and commits what is written here with
the offset behind them. An alarm is a row that others read as soon as the batch commits, while the upload still runs.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from copyright_detect.catalogue import Catalogue
from copyright_detect.checkpoint import load, save
from copyright_detect.chunks import Chunk, open_message, to_float
from copyright_detect.detector import Detector
from copyright_detect.ordering import TAKEN, judge
from copyright_detect.records import Event
from copyright_detect.rights import decide
from copyright_detect.store import COMPLETE, TIMED_OUT, Batch, Upload
from shared.clock import from_ms
from shared.errors import BadInput
from shared.ports import Message

TIMEOUT_MS = 1_800_000
MOST_DETECTORS = 32


@dataclass
class Step:
    """The way of messages inside one transaction. detectors: those in memory, the one heard last at the end."""

    batch: Batch
    detectors: OrderedDict[str, Detector]
    catalogue: Catalogue
    running: set[str] = field(default_factory=set)  # heard in this batch and not at their end

    def message(self, message: Message, latest_ms: int) -> None:
        """Open it, tell the time, end what ran out, hear the chunk; what cannot be used is set aside with its reason."""
        try:
            found = open_message(message.value, latest_ms)
        except BadInput as error:
            self.batch.set_aside(message.offset, "poison", str(error), message.value)
            return
        self.batch.clock_ms = max(self.batch.clock_ms, found.sent_ms)
        for upload in self.batch.silent_since(self.batch.clock_ms - TIMEOUT_MS):
            self._end(upload, TIMED_OUT, [])
        if isinstance(found, Chunk):
            self._arrive(found, message)

    def _arrive(self, chunk: Chunk, message: Message) -> None:
        """Put the chunk in its place, and go on hearing its upload from where that stopped."""
        upload = self.batch.upload(chunk.upload) or Upload(chunk.upload, chunk.show, started_ms=chunk.sent_ms)
        outcome, reason = judge(upload, chunk, self.batch.digest, self.batch.last_number)
        if reason:
            self.batch.set_aside(message.offset, outcome, reason, message.value)
        else:
            self.batch.count(outcome)
        if outcome == TAKEN:
            self.batch.keep(chunk, message.offset)
            end = chunk.number if chunk.last else upload.end_number
            started = chunk.sent_ms if chunk.number == 0 else upload.started_ms
            self._hear(upload._replace(end_number=end, started_ms=started, last_ms=self.batch.clock_ms))

    def _hear(self, upload: Upload) -> None:
        """Detect in every chunk whose turn has come."""
        detector, events = self._detector(upload.upload), list[Event]()
        while (samples := self.batch.next_samples(upload)) is not None:
            events += detector.push(to_float(samples))
            heard, number = upload.samples + len(samples) // 2, upload.next_number + 1
            upload = upload._replace(next_number=number, samples=heard, index_version=self.catalogue.index.version)
        if upload.end_number is not None and upload.next_number > upload.end_number:
            self._end(upload, COMPLETE, events)
        else:
            self.running.add(upload.upload)
            self._publish(upload, events)

    def _end(self, upload: Upload, status: str, events: list[Event]) -> None:
        """Close what is open; the checkpoint and the chunks that still wait are not needed any more."""
        events = events + self._detector(upload.upload).finish()
        self.batch.forget_waiting(upload.upload)
        self.batch.keep_checkpoint(upload.upload, None)
        self.detectors.pop(upload.upload)
        self.running.discard(upload.upload)
        self._publish(upload._replace(status=status), events)

    def _publish(self, upload: Upload, events: list[Event]) -> None:
        """Write how far the upload is, the verdicts, and what the owners want done about them."""
        rights = self.catalogue.rights
        if events:
            upload = upload._replace(rights_version=rights.version)
            self.batch.publish(upload.upload, events)
            matches, day = self.batch.matches(upload.upload), from_ms(upload.started_ms).date()
            self.batch.decide(upload.upload, decide(matches, rights, upload.show, day))
        self.batch.put(upload)

    def _detector(self, upload: str) -> Detector:
        """The upload's detector: from memory, from its checkpoint, or new."""
        if upload not in self.detectors:
            state = self.batch.checkpoint(upload)
            index = self.catalogue.index
            self.detectors[upload] = load(index, state) if state else Detector(index)
        self.detectors.move_to_end(upload)
        return self.detectors[upload]

    def checkpoint(self) -> None:
        """At the end of the batch: write the detectors of what runs, and keep the MOST_DETECTORS heard last in memory."""
        for upload in sorted(self.running):
            self.batch.keep_checkpoint(upload, save(self.detectors[upload]))
        while len(self.detectors) > MOST_DETECTORS:
            self.detectors.popitem(last=False)
