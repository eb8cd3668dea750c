"""The state of one partition in one SQLite file: what was heard, what was found, what was decided, and how far the log was read.

Everything a verdict depends on (the detector's checkpoint, the chunks that wait for an earlier one, the digests by which
a repeat is known) commits in one transaction with the offset behind it, and only if the stored offset is where the batch
began. A worker may die anywhere, or be declared dead and come back: the rerun hears the same samples from the same
checkpoint, so it writes the same rows. Verdicts are upserts keyed by upload and match, whose number the detector counts:
start and end of a match still move while it is open, its number never does.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from copyright_detect.chunks import Chunk
from copyright_detect.records import SAMPLE_RATE, Event, Match
from copyright_detect.rights import Decision
from shared.partition import PartitionFile

RUNNING, COMPLETE, TIMED_OUT = "running", "complete", "timed out"
DEAD_BYTES = 1 << 12
LOUDNESS_SAMPLES = -(-SAMPLE_RATE // 4)
SCHEMA = """
create table if not exists position (
    only integer primary key check (only = 1), next_offset integer not null, clock_ms integer not null, tallies text not null
);
insert or ignore into position values (1, 0, 0, '{}');
create table if not exists uploads (
    upload text primary key, show text not null, status text not null, next_number integer not null, end_number integer,
    started_ms integer not null, last_ms integer not null, samples integer not null, index_version text, rights_version text
);
create table if not exists checkpoints (upload text primary key, detector blob not null);
create index if not exists running on uploads (last_ms) where status = 'running';
create table if not exists chunks (
    upload text, number integer, digest blob not null, log_offset integer not null, first_sample integer, loudness blob,
    waiting blob, primary key (upload, number)
) without rowid;
create table if not exists verdicts (
    upload text, match_id integer, kind text not null, alarm_s real not null, at_s real not null, reference text not null,
    start_s real not null, end_s real not null, ref_start_s real not null, ref_end_s real not null, score real not null,
    expected_false_alarms_per_1000h real not null, tempo real not null, recording text not null,
    primary key (upload, match_id)
) without rowid;
create table if not exists decisions (
    upload text, reference text, territory text, action text not null, owner text not null, because text not null,
    primary key (upload, reference, territory)
) without rowid;
create table if not exists dead_letters (log_offset integer primary key, reason text not null, message blob not null);
"""


class Upload(NamedTuple):
    """An upload as far as it was heard. next_number: the chunk to hear next; end_number: the one with the end mark, once it came."""

    upload: str
    show: str
    status: str = RUNNING
    next_number: int = 0
    end_number: int | None = None
    started_ms: int = 0
    last_ms: int = 0  # the partition's clock when it was last heard of
    samples: int = 0
    index_version: str = ""
    rights_version: str = ""


class PartitionStore(PartitionFile):
    """The file of one partition."""

    schema = SCHEMA

    @contextmanager
    def transaction(self, begin: int, end: int) -> Iterator["Batch"]:
        """Make offsets begin to end part of the state, all or nothing; Conflict when the state is not at `begin`."""
        with self._transaction(begin) as connection:
            batch = Batch(connection)
            yield batch
            batch.close(end)

    def uploads(self) -> list[dict[str, Any]]:
        """Every upload, the newest first."""
        return self._records("select upload, show, status, started_ms from uploads order by started_ms desc, upload")

    def upload(self, upload: str) -> Upload | None:
        """One upload as far as it was heard."""
        rows = self._rows("select * from uploads where upload = ?", upload)
        return Upload(*rows[0]) if rows else None

    def verdicts(self, upload: str | None = None) -> list[dict[str, Any]]:
        """The matches of an upload, or of all: kind, alarm_s (seconds heard at the first alarm), at_s, the fields of Match, recording."""
        return self._of("verdicts", upload, "upload, match_id")

    def decisions(self, upload: str | None = None) -> list[dict[str, Any]]:
        """The decisions on an upload, or on all."""
        return self._of("decisions", upload, "upload, reference, territory")

    def loudness(self, upload: str) -> bytes:
        """The peak of each quarter of a second that was heard, 0 to 255."""
        query = "select loudness from chunks where upload = ? and first_sample is not null order by number"
        return b"".join(row[0] for row in self._rows(query, upload))

    def places(self, upload: str, first: int, last: int) -> list[tuple[int, int]]:
        """(log offset, first sample) of the chunks that hold samples first to last."""
        rows = self._rows(
            "select log_offset, first_sample from chunks where upload = ? and first_sample < ? and number >= coalesce("
            "(select max(number) from chunks where upload = ? and first_sample <= ?), 0) order by number",
            upload, last, upload, first,
        )  # fmt: skip
        return [(int(offset), int(sample)) for offset, sample in rows]

    def tallies(self) -> dict[str, int]:
        """Messages by what became of them."""
        found: dict[str, int] = json.loads(self._rows("select tallies from position")[0][0])
        return found

    def dead_letters(self) -> list[tuple[int, str]]:
        """(log offset, reason) of messages that were set aside."""
        return self._rows("select log_offset, reason from dead_letters order by log_offset")

    def _of(self, table: str, upload: str | None, order: str) -> list[dict[str, Any]]:
        if upload is None:
            return self._records(f"select * from {table} order by {order}")
        return self._records(f"select * from {table} where upload = ? order by {order}", upload)

    def _records(self, query: str, *values: object) -> list[dict[str, Any]]:
        with self._errors():
            cursor = self._connection.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]


class Batch:
    """The writing side of one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.clock_ms, tallies = db.execute("select clock_ms, tallies from position").fetchone()
        self._tallies: dict[str, int] = json.loads(tallies)

    def count(self, outcome: str) -> None:
        """One more message that ended so."""
        self._tallies[outcome] = self._tallies.get(outcome, 0) + 1

    def set_aside(self, offset: int, outcome: str, reason: str, message: bytes) -> None:
        """Quarantine a message, the first bytes of it, and count it."""
        self.count(outcome)
        self._db.execute("insert into dead_letters values (?, ?, ?)", (offset, reason, message[:DEAD_BYTES]))

    def upload(self, upload: str) -> Upload | None:
        """An upload as it stands in this transaction."""
        row = self._one("select * from uploads where upload = ?", upload)
        return row and Upload(*row)

    def put(self, upload: Upload) -> None:
        """Write an upload back."""
        self._db.execute(f"insert or replace into uploads values ({','.join('?' * len(upload))})", upload)

    def checkpoint(self, upload: str) -> bytes | None:
        """The detector of a running upload; None before its first."""
        row = self._one("select detector from checkpoints where upload = ?", upload)
        return row and bytes(row[0])

    def keep_checkpoint(self, upload: str, detector: bytes | None) -> None:
        """Replace an upload's checkpoint, or delete it."""
        if detector is None:
            self._db.execute("delete from checkpoints where upload = ?", (upload,))
        else:
            self._db.execute("insert or replace into checkpoints values (?, ?)", (upload, detector))

    def silent_since(self, before_ms: int) -> list[Upload]:
        """Running uploads that were last heard of before a moment, in a fixed order."""
        query = "select * from uploads where status = 'running' and last_ms < ? order by last_ms, upload"
        return [Upload(*row) for row in self._db.execute(query, (before_ms,))]

    def digest(self, upload: str, number: int) -> bytes | None:
        """The digest of a chunk that was heard or waits."""
        row = self._one("select digest from chunks where upload = ? and number = ?", upload, number)
        return row and bytes(row[0])

    def last_number(self, upload: str) -> int:
        """The highest number that came so far; -1 before any."""
        return int(self._one("select coalesce(max(number), -1) from chunks where upload = ?", upload)[0])

    def keep(self, chunk: Chunk, offset: int) -> None:
        """Keep a chunk until its turn."""
        values = (chunk.upload, chunk.number, chunk.digest, offset, chunk.samples)
        self._db.execute("insert into chunks values (?, ?, ?, ?, null, null, ?)", values)

    def next_samples(self, upload: Upload) -> bytes | None:
        """The samples of the chunk whose turn it is, marked as heard; None while it has not come."""
        key = (upload.upload, upload.next_number)
        row = self._one("select waiting from chunks where upload = ? and number = ?", *key)
        if row is None:
            return None
        change = "waiting = null, first_sample = ?, loudness = ?"
        values = (upload.samples, _loudness(row[0]), *key)
        self._db.execute(f"update chunks set {change} where upload = ? and number = ?", values)
        return bytes(row[0])

    def forget_waiting(self, upload: str) -> None:
        """Drop the samples of chunks whose turn never came."""
        self._db.execute("update chunks set waiting = null where upload = ? and waiting is not null", (upload,))

    def publish(self, upload: str, events: list[Event]) -> None:
        """Upsert the verdicts that events speak of; `alarm_s` stays what the first event said."""
        first = "coalesce((select alarm_s from verdicts where upload = ?1 and match_id = ?2), ?4)"
        places = ", ".join(f"?{number}" for number in range(4, 6 + len(Match._fields)))
        rows = ((upload, event.match_id, event.kind, event.at_s, *event.match, event.recording) for event in events)
        self._db.executemany(f"insert or replace into verdicts values (?1, ?2, ?3, {first}, {places})", rows)

    def matches(self, upload: str) -> list[Match]:
        """What was found in an upload so far."""
        query = f"select {', '.join(Match._fields)} from verdicts where upload = ? order by match_id"
        return [Match(*row) for row in self._db.execute(query, (upload,))]

    def decide(self, upload: str, decisions: list[Decision]) -> None:
        """Replace the decisions on an upload."""
        self._db.execute("delete from decisions where upload = ?", (upload,))
        rows = ((upload, *decision) for decision in decisions)
        self._db.executemany("insert into decisions values (?, ?, ?, ?, ?, ?)", rows)

    def _one(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()

    def close(self, end: int) -> None:
        """Write the offset, the clock and the tallies; the caller commits."""
        values = (end, self.clock_ms, json.dumps(self._tallies, sort_keys=True))
        self._db.execute("update position set next_offset = ?, clock_ms = ?, tallies = ?", values)


def _loudness(samples: bytes) -> bytes:
    """The peak of each quarter of a second, 0 to 255."""
    pcm = np.abs(np.frombuffer(samples, "<i2").astype(np.int32))
    starts = np.arange(0, pcm.size, LOUDNESS_SAMPLES)
    return np.minimum(np.maximum.reduceat(pcm, starts) >> 7, 255).astype(np.uint8).tobytes() if pcm.size else b""
