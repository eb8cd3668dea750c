"""Rooms under load: wishes at a fixed rate whatever the answers (open loop), against a server process of its own, durable before told.

Every delivery is timed from the moment at which its wish was due, so a server that falls behind cannot hide it; versions must come as
1, 2, 3 at every socket. The client is one process on its own event loop and speaks just enough WebSocket (RFC 6455) for that; what it
costs is told apart from what the server costs, for they share a machine.
"""

import asyncio
import os
import random
import struct
from base64 import b64encode
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, cast

import numpy as np
import uvloop
from msgspec import Struct, json

from jam_recs.process import ServerProcess
from jam_recs.records import MAX_PRESENT, Profile
from jam_recs.service import MAX_SOCKETS
from jam_recs.tokens import LIFE_MS, Token, load_key, sign
from shared.clock import system_clock
from shared.errors import BadInput

WARM_S = 2.0
QUEUE = 8
"""Tracks in each room's queue: what is voted on."""
STEP_S = 0.001
TEXT = 0x81
SETTLED_S = 0.5


class Heard(Struct):
    """The part of a frame that is looked at."""

    type: str
    version: int = 0
    member: int = 0
    seq: int = 0


_heard = json.Decoder(Heard)


class Socket(asyncio.Protocol):
    """A member: a WebSocket client that counts and times what it hears."""

    def __init__(self, load: "Load", member: int, path: str, token: str) -> None:
        self.load, self.member = load, member
        self.seq = self.version = 0
        self.ready: asyncio.Future[None] = load.loop.create_future()
        self._path, self._token, self._buffer, self._open = path, token, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = transport = cast(asyncio.Transport, transport)
        key = b64encode(os.urandom(16)).decode()
        lines = ("Host: localhost", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}")
        head = (f"GET {self._path} HTTP/1.1", *lines, "Sec-WebSocket-Version: 13", "", "")
        transport.write("\r\n".join(head).encode())

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames; a server's frames are not masked."""
        data = self._buffer + data
        if not self._open:
            self._buffer, whole, data = data.partition(b"\r\n\r\n")
            if not whole:
                return
            self._open = True
            self.say(json.encode({"type": "hello", "token": self._token}))
        place, end = 0, len(data)
        while end - place >= 4:
            size, start = data[place + 1], place + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, start = int.from_bytes(data[start : start + width]), start + width
            if end < start + size:
                break
            if data[place] == TEXT:
                self.hear(data[start : start + size])
            else:
                self.load.closed += 1
            place = start + size
        self._buffer = data[place:]

    def hear(self, frame: bytes) -> None:
        """The room, an event, or an answer."""
        heard = _heard.decode(frame)
        if heard.type == "event":
            self.load.delivered(self, heard)
        elif heard.type == "room":
            self.version = heard.version
            if not self.ready.done():  # a resync brings the room again
                self.ready.set_result(None)
        elif heard.type == "rejected":
            self.load.rejected += 1

    def say(self, payload: bytes) -> None:
        """Send a text frame, masked with zeros."""
        size = struct.pack(">B", 0x80 | len(payload)) if len(payload) < 126 else struct.pack(">BH", 0xFE, len(payload))
        self.transport.write(bytes([TEXT]) + size + b"\0\0\0\0" + payload)


class Load:
    """The counts of one run."""

    def __init__(self, server: ServerProcess, members: int, rate: int, seconds: float) -> None:
        self.loop: asyncio.AbstractEventLoop
        self.server, self.members, self.rate, self.seconds = server, members, rate, seconds
        self.warm_s = min(WARM_S, seconds)
        self.sockets: list[list[Socket]] = []
        self.due: dict[tuple[int, int], float] = {}
        self.latencies: list[float] = []
        self.order_breaks = self.gaps = self.rejected = self.closed = self.expected = 0

    def delivered(self, socket: Socket, heard: Heard) -> None:
        """Count an event at one socket."""
        step = heard.version - socket.version
        if step != 1:
            self.order_breaks += step < 1
            self.gaps += step > 1
        socket.version = heard.version
        due = self.due.get((heard.member, heard.seq))
        if due is not None:
            self.latencies.append(self.loop.time() - due)

    async def drive(self) -> dict[str, float]:
        """Send each wish when it is due, from a random member of a random room; returns what an event cost each side, in µs of a core."""
        rng, total = random.Random(1), int(self.rate * (self.warm_s + self.seconds))
        rooms = rng.choices(self.sockets, k=total)
        wishes = [(room, rng.choice(room), rng.randint(2, QUEUE + 1), rng.choice((-1, 1))) for room in rooms]
        begun = np.array([self.server.cpu_s(), process_time()])
        start = self.loop.time()
        for number, (room, socket, item, vote) in enumerate(wishes):
            due = start + number / self.rate
            while self.loop.time() < due:
                await asyncio.sleep(STEP_S)
            socket.seq += 1
            if due >= start + self.warm_s:
                self.due[socket.member, socket.seq] = due
                self.expected += len(room)
            socket.say(b'{"type":"ask","seq":%d,"wish":{"type":"vote","item":%d,"vote":%d}}' % (socket.seq, item, vote))
        await self.settle()
        server, client = (np.array([self.server.cpu_s(), process_time()]) - begun) / total * 1e6
        return {"server_us": round(server), "client_us": round(client)}

    async def settle(self) -> None:
        """Until nothing has been heard for half a second."""
        before = -1
        while before != (before := sum(socket.version for room in self.sockets for socket in room)):
            await asyncio.sleep(SETTLED_S)


def loadtest(rooms: int, members: int, rate: int, seconds: float, stalled: int = 0) -> dict[str, Any]:
    """`load_server` on a server process of its own, in a home of its own. BadInput: more than it seats, or nothing to measure."""
    if min(rooms, rate) < 1 or seconds <= 0 or not 1 <= members <= MAX_PRESENT or rooms * members > MAX_SOCKETS:
        raise BadInput(
            f"{rooms} rooms of {members}, {rate} wishes a second for {seconds} s: expected at least one of each, at most "
            f"{MAX_PRESENT} members a room and {MAX_SOCKETS:,} in all"
        )
    with TemporaryDirectory(prefix="liner-jam-") as folder, ServerProcess(Path(folder)) as server:
        return load_server(server, rooms, members, rate, seconds, stalled)


def load_server(server: ServerProcess, rooms: int, members: int, rate: int, seconds: float,
                stalled: int = 0) -> dict[str, Any]:  # fmt: skip
    """Offered and delivered rates, latencies in ms, order breaks and gaps. `stalled` rooms have a member who stops reading."""
    report = uvloop.run(_run(Load(server, members, rate, seconds), rooms, stalled))
    return {**report, "log_bytes": (server.home / "jam_recs" / "rooms.log").stat().st_size}


async def _run(load: Load, rooms: int, stalled: int) -> dict[str, Any]:
    load.loop = asyncio.get_running_loop()
    beats = asyncio.create_task(_beat(load))  # from the first member on: a lease is 15 s
    for number in range(rooms):
        load.sockets.append([])
        await _connect(load, number)
    for host, *_ in load.sockets:
        for number in range(QUEUE + 1):
            host.seq += 1
            host.say(b'{"type":"ask","seq":%d,"wish":{"type":"add","track_id":%d}}' % (host.seq, number))
    await load.settle()
    everybody = [socket for room in load.sockets for socket in room]
    for room in load.sockets[:stalled]:
        room.pop().transport.pause_reading()
    costs = await load.drive()
    beats.cancel()
    for socket in everybody:
        socket.transport.abort()
    await asyncio.sleep(0)
    return report_of(load, stalled) | costs


async def _connect(load: Load, number: int) -> None:
    """A room, and all its members in it."""
    made = load.server.post("/rooms", {"name": f"Host {number}"})
    room, key = made["room"], load_key(load.server.home / "jam_recs" / "key")
    tokens = {made["member"]: made["token"]}
    for member in range(number * 64 + 1, number * 64 + load.members):
        tokens[member] = sign(key, Token(room, member, system_clock() + LIFE_MS, Profile(f"Guest {member}")))
    for member, token in tokens.items():
        make = partial(Socket, load, member, f"/jam-recs/rooms/{room}/socket", token)
        _, socket = await load.loop.create_connection(make, "127.0.0.1", load.server.port)
        load.sockets[number].append(socket)
    await asyncio.wait_for(asyncio.gather(*(socket.ready for socket in load.sockets[number])), 60)


async def _beat(load: Load) -> None:
    """Heartbeats, spread over their five seconds."""
    for place in count():
        for socket in [socket for room in load.sockets for socket in room][place % 50 :: 50]:
            if socket.ready.done():
                socket.say(b'{"type":"beat"}')
        await asyncio.sleep(0.1)


def report_of(load: Load, stalled: int) -> dict[str, Any]:
    """The run in numbers."""
    took = np.array(load.latencies or [0.0]) * 1000
    p50, p99 = np.percentile(took, [50, 99]).tolist()
    return {
        "rooms": len(load.sockets), "members": load.members, "stalled": stalled,
        "offered_events_s": round(len(load.due) / load.seconds),
        "delivered_messages_s": round(len(load.latencies) / load.seconds),
        "delivered_share": round(len(load.latencies) / max(1, load.expected), 4),
        "p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "order_breaks": load.order_breaks, "gaps": load.gaps,
        "rejected": load.rejected, "closed": load.closed,
    }  # fmt: skip


def as_text(report: dict[str, Any]) -> str:
    """For a person."""
    return (
        "{rooms} rooms × {members} members, {stalled} of them stalled; durable before told\n"
        "offered    {offered_events_s:>8,} events/s\n"
        "delivered  {delivered_messages_s:>8,} messages/s, {delivered_share:.2%} of what was due\n"
        "latency    {p50_ms:>8.2f} ms p50, {p99_ms:.2f} ms p99, from the moment a wish was due\n"
        "order      {order_breaks:>8,} breaks, {gaps} gaps, {rejected} rejected, {closed} closed\n"
        "cost       {server_us:>8,} µs of a core an event for the server, {client_us} for this client"
    ).format_map(report)
