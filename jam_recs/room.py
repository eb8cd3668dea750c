"""The order that makes a party safe: reduce → append → durable → broadcast → acknowledge.

`Rooms` is what one server process holds. `submit` reduces an op at once and appends it; nobody hears of it until `publish`, which is
called when the log has it on the disk. If the disk refuses, `undo` takes all rooms back to what is durable. No socket, no thread, no
clock in here.

Every connection has a `Seat`: one ordered, bounded queue of frames. A frame is built once per event. Whoever reads too slowly loses his
queue, is told to resync, and gets the room whole when he reads again; the others never wait for him.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from msgspec import Struct, field, json

from jam_recs.log import SNAPSHOT_EVERY, Log, Recovered
from jam_recs.records import Body, Event, Op, Rejection, State
from jam_recs.state import apply, empty, view
from jam_recs.tokens import LIFE_MS, Bucket

KEPT_FRAMES = 1_000
"""Events of a room kept in memory for those who come back; whoever is further behind gets the room whole."""
SEAT_BYTES = 256 * 1024
"""What may wait for one member."""
LEASE_MS = 15_000
SILENT_MS = 90_000
"""A lease while the line stands: browsers let a hidden page speak once a minute."""
RESYNC = b'{"type":"resync"}'
RESET = b'{"type":"reset"}'
"""To a client that stands at a version which this log never had: what follows replaces what he holds."""

Reply = Event | Rejection
Tell = Callable[[bytes], None]


class Seat(Struct, eq=False):
    """What waits for one connection of a member."""

    member: int
    wake: Callable[[], Any] = lambda: None
    """Called when there is something to send where nothing was."""
    end: Callable[[], Any] = lambda: None
    """Ends the connection."""
    frames: list[bytes] = field(default_factory=list)
    waiting: int = 0
    behind: bool = False
    """Too slow: frames are dropped until he reads again."""

    def put(self, frame: bytes) -> None:
        """Queue a frame, or give the queue up."""
        if self.behind:
            return
        if not self.frames:
            self.wake()
        self.frames.append(frame)
        self.waiting += len(frame)
        if self.waiting > SEAT_BYTES:
            self.frames.clear()
            self.waiting, self.behind = 0, True

    def take(self, state: State) -> list[bytes]:
        """All frames that wait; for whoever was too slow, the word that he was and then the room as it is durable now."""
        frames, self.frames, self.waiting = self.frames, [], 0
        if self.behind:
            self.behind = False
            return [RESYNC, json.encode(view(state))]
        return frames


class Room(Struct, eq=False):
    """A party: its newest state, its durable one, and who sits in it."""

    state: State
    """All ops that were submitted."""
    durable: State
    """All ops that the log has; the only state that anybody is shown."""
    frames: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT_FRAMES))
    """The last events, the newest being `durable.version`."""
    since_snapshot: int = 0
    seats: list[Seat] = field(default_factory=list)
    seen_ms: dict[int, int] = field(default_factory=dict)
    """When each member was last heard of, on the monotonic clock."""
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def catch_up(self, seat: Seat, version: int) -> None:
        """Queue what a client that stands at `version` has missed: events, or the room whole if he is too far behind, or ahead."""
        missed = self.durable.version - version
        if 0 <= missed <= len(self.frames) and version:
            for frame in islice(self.frames, len(self.frames) - missed, None):
                seat.put(frame)
            return
        if missed < 0:
            seat.put(RESET)
        seat.put(json.encode(view(self.durable)))

    def lapsed(self, now_ms: int) -> list[int]:
        """Present members whose lease has run out; one that was never heard of (the server is new) has it from now on."""
        lease = {seat.member: SILENT_MS for seat in self.seats}
        present = [member.member for member in self.durable.present]
        return [one for one in present if now_ms - self.seen_ms.setdefault(one, now_ms) > lease.get(one, LEASE_MS)]

    def over(self, at_ms: int) -> bool:
        """Nobody is here, and every token that could bring somebody back has expired."""
        state = self.durable
        joined = max((member.joined_ms for member in state.members.values()), default=at_ms)
        return self.state is state and not state.present and joined + 2 * LIFE_MS < at_ms


class Pending(NamedTuple):
    """An answer that waits for the disk."""

    room: Room
    after: State
    reply: Reply
    news: bool
    """Whether it changed the room, and everybody is told."""
    tell: Tell | None


class Batch(NamedTuple):
    """What one `fdatasync` decides: records for the log, and the answers that depend on them."""

    records: list[tuple[bytes, bytes]]
    pending: list[Pending]


class Rooms:
    """All rooms of this process."""

    def __init__(self, log: Log, recovered: Recovered) -> None:
        self._log = log
        self.rooms: dict[str, Room] = {}
        self.pending: list[Pending] = []
        for name, tail in recovered.tails.items():
            self.rooms[name] = _revive(recovered.rooms.get(name) or empty(name), tail)

    def submit(self, name: str, member: int, seq: int, body: Body, at_ms: int, tell: Tell | None = None) -> Reply:
        """Reduce an op and append it; its answer is `tell`'s (a frame) once it is durable. What is returned is for this process alone."""
        room = self.rooms.get(name) or self.rooms.setdefault(name, Room(empty(name), empty(name)))
        op = Op(name, self._log.epoch, member, seq, at_ms, body)
        before = room.state
        room.state, reply = apply(before, op)
        if room.state is not before:
            self._log.append_op(op)
            room.since_snapshot += 1
            if room.since_snapshot >= SNAPSHOT_EVERY:
                self._log.append_state(room.state)
                room.since_snapshot = 0
        self.pending.append(Pending(room, room.state, reply, room.state.version > before.version, tell))
        return reply

    def take(self) -> Batch:
        """All that was submitted since the last batch."""
        batch = Batch(self._log.take(), self.pending)
        self.pending = []
        return batch

    def publish(self, batch: Batch) -> dict[str, set[str]]:
        """Tell what is durable now: first everybody, then whoever asked. Returns the rooms that changed, and by what kinds of event."""
        changed: dict[str, set[str]] = {}
        for room, after, reply, news, tell in batch.pending:
            room.durable = after
            frame = json.encode(reply)
            if news and isinstance(reply, Event):
                changed.setdefault(after.room, set()).add(reply.kind)
                room.frames.append(frame)
                for seat in room.seats:
                    seat.put(frame)
            if tell:
                tell(frame)
        return changed

    def undo(self, batch: Batch) -> None:
        """The disk refused `batch`: it and all that was submitted since did not happen, and may be sent again with the same id."""
        refused = batch.pending + self.take().pending
        for pending in refused:
            pending.room.state = pending.room.durable
            if pending.tell:
                pending.tell(json.encode(Rejection(pending.reply.seq, "log_full", pending.room.durable.version)))
        for name in [name for name, room in self.rooms.items() if not room.state.version]:
            del self.rooms[name]


def _revive(state: State, tail: list[Op]) -> Room:
    """A room after a restart, with the events since its last snapshot for those who come back."""
    frames: deque[bytes] = deque(maxlen=KEPT_FRAMES)
    for op in tail:
        before, (state, reply) = state, apply(state, op)
        if state.version > before.version:
            frames.append(json.encode(reply))
    return Room(state, state, frames, len(tail))
