"""The state of one partition in one SQLite file: what was counted, what was seen, and how far the log was read, in one
transaction.

The counts are committed together with the offset behind them, and only if the stored offset is still the one the batch began at
(`shared/partition.py` says why that is exactly once).

A batch leaves one row a week in `plays` (its new plays as an Arrow blob, from which dedupe and caps are rebuilt) and
one in `counts` (by how much each count moved), under `upto`, the offset behind it. A row an id would cost a hundred times
the time. Deltas are folded together when there are FOLD of them.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from charts.counts import add_counts
from charts.records import Ints, Verdict, columns, to_batch
from charts.rules import Rules, week_of
from charts.step import Delta, Segment, admit
from shared.batches import OPTIONS
from shared.lake import durable_rename
from shared.partition import PartitionFile

FOLD = 16
DEAD_BYTES = 1 << 16
SCHEMA = """
create table if not exists position (
    only integer primary key check (only = 1), next_offset integer not null, watermark integer not null, tallies text not null
);
insert or ignore into position values (1, 0, 0, '{}');
create table if not exists plays (week integer, upto integer, batch blob not null, primary key (week, upto));
create table if not exists counts (week integer, upto integer, batch blob not null, primary key (week, upto));
create table if not exists dead_letters (log_offset integer primary key, reason text not null, message blob not null);
"""


class Position(NamedTuple):
    """How far a partition is: the next offset to read, the latest start of a play seen (ms), the verdicts so far int64[verdicts]."""

    next_offset: int
    watermark: int
    tallies: Ints


class DeadLetter(NamedTuple):
    """A message that could not be decoded."""

    offset: int
    reason: str
    message: bytes


class PartitionStore(PartitionFile):
    """The file of one partition."""

    schema = SCHEMA
    page_bytes = 65536  # blobs of megabytes

    def position(self) -> Position:
        """Where to go on."""
        (row,) = self._rows("select next_offset, watermark, tallies from position")
        counted = json.loads(row[2])
        return Position(
            row[0], row[1], np.array([counted.get(verdict.name.lower(), 0) for verdict in Verdict], np.int64)
        )

    def commit(self, begin: int, end: int, delta: Delta, dead: list[DeadLetter], rules: Rules) -> None:
        """Make a batch, offsets begin to end, part of the state, or Conflict when that is not at `begin`: nothing counts twice."""
        with self._transaction(begin) as connection:
            position = self.position()
            for week, changes in delta.weeks.items():
                for table, batch in (("plays", to_batch(changes.added)), ("counts", changes.counts)):
                    if batch.num_rows:
                        connection.execute(f"insert into {table} values (?, ?, ?)", (week, end, _pack(batch)))
                self._fold(week)
            connection.executemany("insert into dead_letters values (?, ?, ?)", (_short(letter) for letter in dead))
            tallies = (position.tallies + delta.tallies).tolist()
            named = {verdict.name.lower(): tallies[verdict] for verdict in Verdict}
            values = (end, delta.watermark, json.dumps(named))
            connection.execute("update position set next_offset = ?, watermark = ?, tallies = ?", values)
            connection.execute(
                "delete from plays where week < ?", (week_of(delta.watermark - rules.corrected_for_ms) - 1,)
            )

    def segment(self, week: int, rules: Rules) -> Segment:
        """The memory of a week, rebuilt from its plays; the order in which they came does not matter, so neither does ours."""
        segment = Segment()
        with self._errors():
            blobs = self._connection.execute("select batch from plays where week = ? order by upto", (week,))
            for (blob,) in blobs:
                plays, _, _, _ = columns(_unpack(blob))
                admit(segment, plays, np.arange(plays.event_id.size), np.zeros(len(Verdict), np.int64), week, rules)
        return segment

    def counts(self, week: int) -> pa.RecordBatch:
        """COUNTS of a week so far."""
        return add_counts(self._deltas(week))

    def weeks(self) -> dict[int, int]:
        """Every week with counts, and up to which offset the log was read when they last changed, in whatever batches."""
        return dict(self._rows("select week, max(upto) from counts group by week order by week"))

    def dead_letters(self) -> list[DeadLetter]:
        """Messages that could not be decoded, in log order."""
        return [DeadLetter(*row) for row in self._rows("select * from dead_letters order by log_offset")]

    def snapshot(self, path: Path) -> None:
        """Copy the state as of now to a file; with it and the log behind it a consumer that lost its disk goes on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=path.parent) as aside, self._errors():
            copy = Path(aside, path.name)  # a zombie may be writing its own
            self._connection.execute("vacuum into ?", (str(copy),))
            durable_rename(copy, path)

    def _deltas(self, week: int) -> list[pa.RecordBatch]:
        rows = self._rows("select batch from counts where week = ? order by upto", week)
        return [_unpack(blob) for (blob,) in rows]

    def _fold(self, week: int) -> None:
        """Replace many deltas of a week by their sum, inside the caller's transaction."""
        deltas, last = self._connection.execute(
            "select count(*), max(upto) from counts where week = ?", (week,)
        ).fetchone()
        if deltas >= FOLD:
            folded = _pack(self.counts(week))
            self._connection.execute("delete from counts where week = ?", (week,))
            self._connection.execute("insert into counts values (?, ?, ?)", (week, last, folded))


def restore(folder: Path, partition: int, snapshots: Path) -> PartitionStore:
    """The partition's state; from its newest snapshot when the file is gone, and from nothing when there is no snapshot either."""
    path = Path(folder) / f"partition-{partition:04d}.sqlite"
    snapshot = snapshots / path.name
    if not path.exists() and snapshot.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for beside in ("-wal", "-shm"):  # of the file that is gone; SQLite would play them into the copy
            path.with_name(path.name + beside).unlink(missing_ok=True)
        aside = path.with_suffix(".tmp")
        aside.write_bytes(snapshot.read_bytes())
        durable_rename(aside, path)
    return PartitionStore(folder, partition)


def _pack(batch: pa.RecordBatch) -> bytes:
    """A batch of any size as one blob."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=OPTIONS) as writer:
        writer.write_batch(batch)
    blob: bytes = sink.getvalue().to_pybytes()
    return blob


def _unpack(blob: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(blob) as reader:
        return reader.read_next_batch()


def _short(letter: DeadLetter) -> DeadLetter:
    return letter._replace(message=letter.message[:DEAD_BYTES])
