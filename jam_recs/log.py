"""The durable log of all rooms: one file, appended to, length and CRC-32 before every record, one `fdatasync` for many ops.

    magic | (u32 length, u32 crc, u32 batch, payload) …      payload: one byte of kind, then MessagePack

`O` an op, `S` the state of a room (every 1,000 of its ops: recovery begins there), `E` the epoch of a writer that opened the file.
When the file has doubled, another takes its place that holds the rooms' states alone; older ops are gone then.
A batch is what one `fdatasync` covered. Only the last one or two can be torn by a crash, and nobody was told of them: they are cut off.
A bad record with a later batch behind it is damage, not a torn tail: then the log is refused.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from msgspec import Struct, field, msgpack

from jam_recs.records import Op, State
from jam_recs.state import apply, empty
from shared.errors import BadInput, Conflict, LinerError
from shared.lake import durable_rename

MAGIC = b"liner jam log 1\n"
HEAD = struct.Struct("<III")
MAX_RECORD = 1 << 24
SNAPSHOT_EVERY = 1_000
COMPACT_AT = 64_000_000
"""Bytes: a smaller log is never compacted, a larger one when it has doubled since."""
_ops = msgpack.Decoder(Op)
_states = msgpack.Decoder(State)
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has none


class LogFull(LinerError):
    """The disk took no more; nothing of the batch counts, and nobody was told that it did."""


class Record(NamedTuple):
    """One record; `end` is where the next one begins."""

    kind: str
    payload: bytes
    batch: int
    end: int


class Recovered(Struct):
    """What a log holds: the rooms at their last snapshots, and the ops since, for the caller to apply."""

    rooms: dict[str, State] = field(default_factory=dict)
    """At the last snapshot; empty rooms where there is none."""
    tails: dict[str, list[Op]] = field(default_factory=dict)
    """The ops after it, in order."""
    epoch: int = 0
    batch: int = 0
    end: int = len(MAGIC)
    """Bytes that are whole; what lies behind is a torn tail."""
    torn: int = 0
    """Bytes of the torn tail."""


class Log:
    """The writer's end. `append` collects, `write` makes durable (in any thread), in the order of `append`."""

    def __init__(self, path: Path) -> None:
        """Open or make the file for this process alone, cut a torn tail, begin a new epoch. BadInput: damage; Conflict: taken."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with ExitStack() as opened:  # whatever fails, another may open it then
            self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            opened.callback(os.close, self._lock)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"{path}: another server writes this log; stop it, or give another LINER_HOME") from None
            if not path.exists() or (path.stat().st_size < len(MAGIC) and MAGIC.startswith(path.read_bytes())):
                os.close(_replace(path, [], 0))  # new, or torn at birth
            self.recovered = recover(path)
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            opened.callback(os.close, self._file)
            self.epoch = self.recovered.epoch + 1
            self._end = self.recovered.end
            self._batch = self.recovered.batch
            self._pending: list[tuple[bytes, bytes]] = []
            self._broken, self._compacted = "", 0
            os.truncate(self._file, self._end)
            self.append("E", msgpack.encode(self.epoch))
            self.write(self.take())
            opened.pop_all()  # until `close`

    def append(self, kind: str, payload: bytes) -> None:
        """Collect a record for the next batch."""
        self._pending.append((kind.encode(), payload))

    def append_op(self, op: Op) -> None:
        """Collect an op."""
        self.append("O", msgpack.encode(op))

    def append_state(self, state: State) -> None:
        """Collect a snapshot; it stands behind the ops that led to it."""
        self.append("S", encode_state(state))

    def take(self) -> list[tuple[bytes, bytes]]:
        """The records collected so far; they are the caller's to `write`, or to drop."""
        batch, self._pending = self._pending, []
        return batch

    def write(self, records: list[tuple[bytes, bytes]]) -> None:
        """Return when all of `records` are on the disk. LogFull: none of them is, and none will be."""
        if self._broken:
            raise LogFull(self._broken)
        if not records:
            return
        data = b"".join(_framed(kind + payload, self._batch + 1) for kind, payload in records)
        try:
            _write_all(self._file, data, self._end)
        except OSError as error:
            self._cut(error)
            raise LogFull(f"{self.path}: {error.strerror}; {len(records)} records refused; free some space") from error
        try:
            _sync(self._file)
        except OSError as error:  # the kernel may have dropped the pages: only a restart tells what is on the disk
            self._broken = f"{self.path}: {error.strerror} while syncing; everything is refused until a restart"
            raise LogFull(self._broken) from error
        self._end += len(data)
        self._batch += 1

    def _cut(self, error: OSError) -> None:
        try:
            os.truncate(self._file, self._end)
        except OSError:
            self._broken = f"{self.path}: {error.strerror}; everything is refused until a restart"

    @property
    def grown(self) -> bool:
        """Whether the file is worth compacting."""
        return self._end > max(COMPACT_AT, 2 * self._compacted)

    def compact(self, states: list[State]) -> None:
        """Put a file in place that holds `states` alone, all of them as durable as what was written last.

        After a crash there is the old file or the new one, whole. LogFull: it stays as it is, or, torn in mid-rename, takes no more.
        """
        payloads = [b"E" + msgpack.encode(self.epoch), *(b"S" + encode_state(state) for state in states)]
        try:
            fresh = _replace(self.path, payloads, self._batch)
        except OSError as error:
            self._compacted = self._end  # not again before it has doubled
            if self.path.stat().st_ino != os.fstat(self._file).st_ino:  # renamed, but who knows whether for good
                self._broken = f"{self.path}: {error.strerror} while renaming; everything is refused until a restart"
            raise LogFull(f"{self.path}: {error.strerror}; the log was not compacted; free some space") from error
        os.close(self._file)
        self._file, self._end = fresh, os.fstat(fresh).st_size
        self._compacted = self._end

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
        os.close(self._lock)


def _replace(path: Path, payloads: list[bytes], batch: int) -> int:
    """Write a log aside and rename it into place; the new file, open: nothing that may fail is left to do behind the rename."""
    aside = path.with_suffix(".new")
    file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(file, MAGIC + b"".join(_framed(payload, batch) for payload in payloads), 0)
        durable_rename(aside, path)
    except OSError:
        os.close(file)
        raise
    return file


def _framed(payload: bytes, batch: int) -> bytes:
    crc = crc32(payload, crc32(struct.pack("<I", batch)))
    return HEAD.pack(len(payload), crc, batch) + payload


def _write_all(file: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written


def _record_at(data: mmap.mmap | bytes, offset: int) -> Record | None:
    """The record at `offset`, or None where there is no whole one."""
    if offset + HEAD.size >= len(data):
        return None
    length, crc, batch = HEAD.unpack_from(data, offset)
    end = offset + HEAD.size + length
    if not 0 < length <= MAX_RECORD or end > len(data):
        return None
    payload = data[offset + HEAD.size : end]
    if crc32(payload, crc32(struct.pack("<I", batch))) != crc:
        return None
    return Record(chr(payload[0]), payload[1:], batch, end)


def records(path: Path) -> Iterator[Record]:
    """All whole records in order; ends at a torn tail. BadInput: no such log, or damage in its middle."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; expected the log of a Jam server, …/jam_recs/rooms.log") from error
    if data[: len(MAGIC)] != MAGIC:
        raise BadInput(f"{path}: byte 0: expected {MAGIC!r}, a Jam log's first line; give the file that `serve` wrote")
    offset, batch = len(MAGIC), 0
    while record := _record_at(data, offset):
        yield record
        offset, batch = record.end, record.batch
    _refuse_damage(path, data, offset, batch)


def _refuse_damage(path: Path, data: mmap.mmap | bytes, offset: int, batch: int) -> None:
    """Refuse a hole that a crash cannot leave: behind a torn batch, which would be `batch` or the next, nothing was begun."""
    for place in range(offset + 1, len(data) - HEAD.size):
        length, _, later = HEAD.unpack_from(data, place)
        if 0 < length <= MAX_RECORD and batch + 2 <= later <= batch + 2**20 and _record_at(data, place):
            raise BadInput(f"{path}: byte {offset}: the record is damaged and batch {later} lies behind it, so this is no "
                           "torn tail; restore the file from a copy")  # fmt: skip


def recover(path: Path) -> Recovered:
    """What the log holds, from the last snapshot of each room on."""
    found = Recovered()
    for record in records(path):
        if record.kind == "O":
            op = _ops.decode(record.payload)
            found.tails.setdefault(op.room, []).append(op)
        elif record.kind == "S":
            state = _states.decode(record.payload)
            found.rooms[state.room] = state
            found.tails[state.room] = []
        elif record.kind == "E":
            found.epoch = msgpack.decode(record.payload, type=int)
        found.end, found.batch = record.end, record.batch
    found.torn = path.stat().st_size - found.end
    return found


def replay(path: Path) -> tuple[dict[str, State], int, int]:
    """Every room at its last op, the numbers of ops and of snapshots; BadInput if a snapshot is not what the room's ops led to."""
    rooms: dict[str, State] = {}
    ops = snapshots = 0
    for record in records(path):
        if record.kind == "O":
            op = _ops.decode(record.payload)
            rooms[op.room], _ = apply(rooms.get(op.room) or empty(op.room), op)
            ops += 1
        elif record.kind == "S":
            state = _states.decode(record.payload)
            if record.payload != encode_state(rooms.setdefault(state.room, state)):
                raise BadInput(f"{path}: byte {record.end}: the snapshot of room {state.room} is not what its ops lead to; "
                               "restore a copy")  # fmt: skip
            snapshots += 1
    return rooms, ops, snapshots


def history(path: Path, room: str) -> Iterator[tuple[Op, State]]:
    """One room's ops, rejected ones too, each with the state after it; what a server writes meanwhile may or may not be there.

    A log that was compacted begins with a snapshot of the room instead of its first ops.
    """
    state = empty(room)
    for record in records(path):
        if record.kind == "S" and (kept := _states.decode(record.payload)).room == room:
            state = kept
        if record.kind == "O" and (op := _ops.decode(record.payload)).room == room:
            state, _ = apply(state, op)
            yield op, state


def encode_state(state: State) -> bytes:
    """A state as bytes: equal states, equal bytes."""
    return msgpack.encode(state)


def state_hash(state: State) -> str:
    """32 hex digits that two rooms share only if they are equal to the byte."""
    return blake2b(encode_state(state), digest_size=16).hexdigest()
