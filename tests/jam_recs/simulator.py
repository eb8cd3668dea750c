"""A party on a simulated network and clock: lost, doubled, overtaking messages, crashes with torn tails, a full disk. By seed.

The server is the real one below its sockets: `Log` on a real file, `Rooms`, `Seat`; clients follow as real ones do. A planted bug replaces
one of the parts (`planted.py`).
"""

import heapq
import random
from dataclasses import dataclass, field

from jam_recs import log as log_module
from jam_recs import records as r
from jam_recs.follow import Gap, follow, read_frame
from jam_recs.room import RESET, RESYNC, Batch, Rooms, Seat
from jam_recs.state import view
from shared.errors import LinerError
from tests.jam_recs.checker import TRANSIENT, Call, check, search
from tests.jam_recs.model import Model

ROOM = "party"
ENDLESS = 20_000  # steps; a sound run has some thousands


@dataclass
class Faults:
    """Probabilities a message, a batch, a step."""

    lost: float = 0.05
    doubled: float = 0.1
    late: float = 0.15
    cut: float = 0.02  # a connection, a frame
    full: float = 0.05  # the disk, a batch
    compacted: float = 0.1  # the log, after a batch
    crashes: int = 2
    own: bool = True  # refills, natural ends, lapses


QUIET = Faults(0, 0, 0, 0, 0, 0, 0)


@dataclass
class Client:
    member: int
    view: object = None
    seq: int = 0
    waiting: object = None  # the Call that is not answered yet
    seat: object = None
    left: int = 0  # wishes to come


@dataclass
class Parts:
    """What a planted bug replaces."""

    rooms: type = Rooms
    log: type = log_module.Log
    eager: bool = False  # tells before the log has it
    by_place: bool = False  # takes positions for identities


@dataclass
class Simulation:
    folder: object
    seed: int
    members: int = 4
    wishes: int = 12
    faults: Faults = field(default_factory=Faults)
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.path = self.folder / f"{self.seed}.log"
        self.heap, self.now, self.ticks, self.jump = [], 0, 0, 0
        self.calls, self.seen, self.crashed, self.cut_off = {}, [], 0, []
        self.clients = [Client(number, left=self.wishes) for number in range(1, self.members + 1)]
        self.in_flight = None
        self.start()
        self.rooms.submit(ROOM, 1, 0, r.Create(r.Profile("1"), r.Rights(move=True)), self.at_ms())
        for client in self.clients[1:]:
            self.rooms.submit(ROOM, client.member, 0, r.Join(r.Profile(str(client.member))), self.at_ms())
        batch = self.rooms.take()
        self.log.write(batch.records)
        self.rooms.publish(batch)

    # The clock, the network

    def at_ms(self):
        return 1_000_000 + self.now + self.jump

    def later(self, delay, act, *arguments):
        self.ticks += 1
        heapq.heappush(self.heap, (self.now + delay, self.ticks, act, arguments))

    def send(self, act, *arguments):
        """A message on its way: it may be lost, arrive twice, or overtake others."""
        if self.rng.random() < self.faults.lost:
            return
        for _ in range(1 + (self.rng.random() < self.faults.doubled)):
            self.later(self.rng.randint(1, 60 if self.rng.random() < self.faults.late else 5), act, *arguments)

    def run(self):
        for client in self.clients:
            self.later(self.rng.randint(1, 10), self.connect, client)
            self.later(self.rng.randint(10, 20), self.think, client)
        for _ in range(self.faults.crashes):
            self.later(self.rng.randint(20, 25 * self.wishes), self.crash)
        self.later(1, self.tick)
        while self.heap and self.ticks < ENDLESS:
            self.now, _, act, arguments = heapq.heappop(self.heap)
            act(*arguments)
        return self

    # The server

    def start(self):
        self.log = self.parts.log(self.path)
        self.rooms = self.parts.rooms(self.log, self.log.recovered)

    def room(self):
        return self.rooms.rooms[ROOM]

    def busy(self):
        return any(client.left or client.waiting for client in self.clients)

    def tick(self):
        """Every few ms a batch; between taking it and having it, more comes in and the server may die."""
        if self.in_flight is None and self.log:
            self.own_op()
            self.in_flight = self.rooms.take()
            self.later(self.rng.randint(1, 4), self.written, self.in_flight)
        if self.busy() or (self.rooms and self.rooms.pending) or self.log is None:
            self.later(3, self.tick)

    def own_op(self):
        if not self.faults.own or self.rng.random() < 0.7:
            return
        state = self.room().state
        kind = self.rng.choice(["refill", "ended", "lapse", "jump"])
        if kind == "refill":
            picks = self.rng.sample(range(50, 90), 3)
            body = r.Refill(state.version, tuple(r.Pick(r.Track(n, "t"), 1, ((1, 500),)) for n in picks))
        elif kind == "ended" and state.now:
            body = r.Ended(state.now.item.item)
        elif kind == "lapse":
            client = self.rng.choice(self.clients)
            body = r.Lapse(client.member)
            self.later(5, self.connect, client)
        else:
            self.jump += self.rng.choice([-3_600_000, 3_600_000])
            return
        self.rooms.submit(ROOM, 0, 0, body, self.at_ms())

    def written(self, batch):
        if batch is not self.in_flight:
            return  # the server died meanwhile
        self.in_flight = None
        self.commit(batch)

    def commit(self, batch):
        if batch.records and self.rng.random() < self.faults.full:
            self.rooms.undo(batch)
            return
        self.log.write(batch.records)
        if not self.parts.eager:
            self.rooms.publish(batch)
        self.drain()
        if self.rng.random() < self.faults.compacted and not self.parts.eager:
            self.cut_off = self.ops()
            self.log.compact([self.room().durable])
            self.path.with_suffix(".new").write_bytes(self.rng.randbytes(50))  # the next compaction died

    def drain(self):
        for client in self.clients:
            seat = client.seat
            if seat is None:
                continue
            if self.rng.random() < self.faults.cut:
                self.later(1, self.connect, client)
            for frame in seat.take(self.room().durable):
                self.send(self.hear, client, seat, frame)

    def receive(self, client, seat, op, place):
        if self.log is None or seat is not client.seat:
            return
        if self.parts.by_place:
            op = self.placed(op, place)
        self.rooms.submit(ROOM, op.member, op.seq, op.body, self.at_ms(), seat.put)
        if self.parts.eager:
            pending, self.rooms.pending = self.rooms.pending, []
            self.rooms.publish(Batch([], pending))
            self.drain()

    def placed(self, op, place):
        """The bug of counting places: whatever stands there by now is moved."""
        queue = self.room().state.queue
        if isinstance(op.body, r.Move) and place is not None and place < len(queue):
            return r.Op(op.room, op.epoch, op.member, op.seq, op.at_ms, r.Move(queue[place].item, op.body.after))
        return op

    def crash(self):
        """kill -9, perhaps in the middle of a write: the file keeps any part of what was on its way."""
        if self.log is None:
            return
        batch = self.in_flight.records if self.in_flight else []
        data = b"".join(log_module._framed(kind + payload, self.log._batch + 1) for kind, payload in batch)
        self.log.close()
        torn = bytearray(data[: self.rng.randint(0, len(data))])
        if torn and self.rng.random() < 0.3:
            torn[self.rng.randrange(len(torn))] ^= 0xFF
        with self.path.open("ab") as file:
            file.write(torn)
        self.log = self.rooms = self.in_flight = None
        for client in self.clients:
            client.seat = None
        self.crashed += 1
        self.later(self.rng.randint(5, 40), self.restart)

    def restart(self):
        self.start()
        for client in self.clients:
            self.later(self.rng.randint(1, 20), self.connect, client)

    # The clients

    def connect(self, client):
        """Come (back), from the version one stands at; whatever was sent on the old connection and is still on its way is lost."""
        if self.log is None:
            return
        room = self.room()
        member = room.state.members[client.member]
        if client.seat in room.seats:
            room.seats.remove(client.seat)
        client.seat = Seat(client.member)
        if not member.present:
            self.rooms.submit(ROOM, client.member, 0, r.Join(r.Profile(str(client.member))), self.at_ms())
        room.seats.append(client.seat)
        room.catch_up(client.seat, client.view.version if client.view else 0)
        self.drain()

    def think(self, client):
        """One wish at a time; it is sent again until it is answered."""
        if client.waiting is None and client.left and client.view:
            client.left -= 1
            client.seq += 1
            op = r.Op(ROOM, 1, client.member, client.seq, 0, self.wish(client))
            client.waiting = Call(op, self.step())
            self.calls[client.waiting.id] = client.waiting
            client.place = self.place_of(client, op.body)
        if client.waiting and client.seat:
            op = client.waiting.op
            self.send(self.receive, client, client.seat, op, client.place)
        elif self.log and (client.seat is None or client.view is None):
            self.connect(client)
        if client.left or client.waiting:
            self.later(self.rng.randint(5, 40), self.think, client)

    def place_of(self, client, body):
        ids = [item.item for item in client.view.queue]
        return ids.index(body.item) if isinstance(body, r.Move) and body.item in ids else None

    def wish(self, client):
        items = [item.item for item in client.view.queue]
        now = client.view.now
        kind = self.rng.choices(["add", "vote", "move", "remove", "skip", "handover"], [4, 3, 3, 1, 2, 0.3])[0]
        if kind == "skip" and now:
            return r.Skip(now.item.item)
        if kind == "handover":
            return r.Handover(self.rng.randint(1, self.members))
        if kind == "add" or not items:
            return r.Add(r.Track(self.rng.randint(1, 40), "t"))
        if kind == "vote":
            return r.Vote(self.rng.choice(items), self.rng.choice([-1, 0, 1]))
        if kind == "move":
            return r.Move(self.rng.choice(items), self.rng.choice([0, *items]))
        return r.Remove(self.rng.choice(items))

    def hear(self, client, seat, frame):
        """A frame arrives; frames of an old connection are not read any more."""
        if frame == RESET and seat is client.seat:
            client.view = None
        if seat is not client.seat or frame in (RESYNC, RESET):
            return
        heard = read_frame(frame)
        mine = getattr(heard, "member", client.member) == client.member and not isinstance(heard, r.View)
        if mine and client.waiting and heard.seq == client.waiting.op.seq:
            self.answered(client, heard)
        if isinstance(heard, r.Rejection) or getattr(heard, "kind", "") == "again":
            return
        try:
            client.view = follow(client.view, heard)
        except Gap:
            self.connect(client)
            return
        self.seen.append((client.member, shown(client.view)))

    def answered(self, client, heard):
        code = getattr(heard, "code", "")
        if code in TRANSIENT:
            return
        client.waiting.answers.append((heard.version, code))
        client.waiting.returned = self.step()
        client.waiting = None

    def step(self):
        self.ticks += 1
        return self.ticks

    # The judgement

    def ops(self):
        return self.cut_off + [
            log_module._ops.decode(one.payload) for one in log_module.records(self.path) if one.kind == "O"
        ]

    def violations(self):
        """All that is wrong with the run, in words; at its end everybody reconnects and must stand where the log stands."""
        wrong = check(self.calls, self.ops(), self.seen)
        wrong += [f"{call.id}: never answered" for call in self.calls.values() if not call.answers]
        final = view(self.room().durable)
        for client in self.clients:
            seat = Seat(client.member)
            self.room().catch_up(seat, client.view.version if client.view else 0)
            try:
                for frame in seat.take(self.room().durable):
                    if frame == RESET:
                        wrong.append(f"member {client.member} stands at a version that the log never had")
                        client.view = None
                        continue
                    client.view = follow(client.view, read_frame(frame))
            except Gap:
                wrong.append(f"member {client.member}: the catch-up has a gap")
            if client.view != final:
                wrong.append(f"member {client.member} ends with another room")
        rooms, _, _ = log_module.replay(self.path)
        if log_module.state_hash(rooms[ROOM]) != log_module.state_hash(self.room().durable):
            wrong.append("the log replays to another state")
        self.log.close()
        return wrong

    def found_by_search(self):
        """Whether the independent search says that no order explains the answers."""
        start = Model()
        for op in self.ops():
            if not op.seq and start.version < self.members:
                start.do(op)
        return not search(list(self.calls.values()), start)


def violations(folder, seed, **how):
    """What is wrong with one run; a log that the next server refuses is wrong too."""
    try:
        return Simulation(folder, seed, **how).run().violations()
    except LinerError as error:
        return [str(error)]


def shown(seen):
    """A view in the model's words."""
    return {
        "version": seen.version,
        "host": seen.host,
        "here": sorted(face.member for face in seen.members if face.present),
        "queue": [(i.item, i.track.track_id, i.added_by, i.up, i.down) for i in seen.queue],
        "now": seen.now and (seen.now.item.item, seen.now.item.track.track_id),
    }
