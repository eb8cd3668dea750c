"""One process that holds rooms: a committer, leases, natural ends, refills. What waits for the disk waits in a worker thread.

The committer takes what was submitted, has the log make it durable, and publishes; meanwhile the next batch collects. So one
`fdatasync` pays for all rooms, and nothing is said before the disk has it.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import json

from jam_recs.log import Log, LogFull, Recovered
from jam_recs.recommend import REASONS, Library
from jam_recs.records import ROOM, Body, Create, Ended, Event, Join, Lapse, Profile, Rejection, Rights, Track
from jam_recs.room import Room, Rooms, Seat
from jam_recs.tokens import load_key
from shared.clock import Clock
from shared.errors import LinerError, NotFound

COMMIT_EVERY_S = 0.003
"""The next batch collects for as long."""
LOOK_EVERY_S = 1.0
"""For leases and natural ends."""
LOOK_AT = 16
UNKNOWN_LENGTH_MS = 180_000
MAX_ROOMS = 10_000
GOODBYE_S = 1.0
"""What a member who was put out has to read the reason."""
log = logging.getLogger("liner.jam_recs")
_replies = json.Decoder(Event | Rejection)


class Server:
    """All rooms under one home. Everything but the disk and the retrieval happens on one event loop."""

    def __init__(self, home: Path, clock: Clock, monotonic_ms: Clock, library: Library | None) -> None:
        """Recover what the log holds. `clock` dates the ops, `monotonic_ms` measures leases."""
        home.mkdir(parents=True, exist_ok=True)
        self.key = load_key(home / "key")
        self.log = Log(home / "rooms.log")
        self.rooms = Rooms(self.log, self.log.recovered)
        self.log.recovered = Recovered()
        self.library = library
        self._clock, self.monotonic_ms = clock, monotonic_ms
        self._newest_ms = 0
        self._wake = asyncio.Event()
        self._disk, self._pools = ThreadPoolExecutor(1, "jam-disk"), ThreadPoolExecutor(1, "jam-pools")
        self._refilling: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to commit and to look after leases, on the running loop."""
        for vital in (self._commit_forever(), self._look_forever()):
            self._spawn(vital).set_name("vital")

    async def stop(self) -> None:
        """Commit what is pending and give the log back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.commit()
        self._disk.shutdown()
        self._pools.shutdown()
        self.log.close()

    def now_ms(self) -> int:
        """The clock for ops; it never runs backwards here."""
        self._newest_ms = max(self._newest_ms, self._clock())
        return self._newest_ms

    def submit(self, name: str, member: int, seq: int, body: Body, tell: Callable[[bytes], None] | None = None) -> None:
        """Hand an op to its room; it is answered through `tell` and everybody's seats when it is durable."""
        self.rooms.submit(name, member, seq, body, self.now_ms(), tell)
        self._wake.set()

    async def ask(self, name: str, member: int, body: Body) -> Event | Rejection:
        """Submit an op and wait until it is durable."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.submit(name, member, 0, body, lambda frame: None if answer.done() else answer.set_result(frame))
        reply: Event | Rejection = _replies.decode(await answer)
        return reply

    async def create(self, name: str, member: int, profile: Profile, rights: Rights) -> None:
        """A new room with its host in it. LinerError when the server or its disk is full."""
        if len(self.rooms.rooms) >= MAX_ROOMS:
            raise LinerError(f"this server holds {MAX_ROOMS:,} rooms; start another with its own LINER_HOME")
        _accept(await self.ask(name, member, Create(profile, rights)))
        self.rooms.rooms[name].seen_ms[member] = self.monotonic_ms()

    def track(self, track_id: int) -> Track:
        """What the catalogue knows of a track, NotFound for an unknown one; where none is published, tracks are mere numbers."""
        return self.library.catalogue.track(track_id) if self.library else Track(track_id, f"Track {track_id}")

    def room(self, name: str) -> Room:
        """A room that is durable; NotFound otherwise."""
        room = self.rooms.rooms.get(name)
        if room is None or not room.durable.version:
            raise NotFound(f"room {name!r}: there is none; ask the host for a new link")
        return room

    async def enter(self, name: str, member: int, profile: Profile) -> Room:
        """The room with the member in it; LinerError when he may not come in."""
        room = self.room(name)
        known = room.state.members.get(member)
        if known is None or not known.present:
            _accept(await self.ask(name, member, Join(profile)))
        room.seen_ms[member] = self.monotonic_ms()
        return room

    async def commit(self) -> None:
        """Make all that was submitted durable, then tell it; if the disk refuses, it did not happen."""
        batch = self.rooms.take()
        try:
            if batch.records:
                await asyncio.get_running_loop().run_in_executor(self._disk, self.log.write, batch.records)
        except LogFull as error:
            log.error(json.encode({"refused": str(error)}).decode())
            self.rooms.undo(batch)
            return
        for name, kinds in self.rooms.publish(batch).items():
            if kinds & {"kick", "leave", "lapse"}:
                self._say_goodbye(self.rooms.rooms[name])
            if self.library and kinds & REASONS and name not in self._refilling:
                self._refilling.add(name)
                self._spawn(self._refill(name, self.library))
        if self.log.grown:
            await self._compact()

    async def _compact(self) -> None:
        """Keep of the log what is still needed. Nothing is written meanwhile, so all rooms are as durable as the file."""
        states = [room.durable for room in self.rooms.rooms.values() if room.durable.version]
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, self.log.compact, states)
        except LogFull as error:
            log.error(json.encode({"refused": str(error)}).decode())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("a task of the server failed", exc_info=task.exception())
            if task.get_name() == "vital":
                signal.raise_signal(signal.SIGTERM)  # better no server than one that takes wishes and never answers

    async def _commit_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.commit()
            await asyncio.sleep(COMMIT_EVERY_S)

    async def _look_forever(self) -> None:
        """End leases that nobody renewed, and tracks that have played to their end; a few rooms at a time."""
        while True:
            for count, name in enumerate(list(self.rooms.rooms)):
                if count % LOOK_AT == LOOK_AT - 1:
                    await asyncio.sleep(0)
                if name in self.rooms.rooms:
                    self._look(name, self.rooms.rooms[name])
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, name: str, room: Room) -> None:
        now_ms, at_ms = self.monotonic_ms(), self.now_ms()
        if room.over(at_ms):
            del self.rooms.rooms[name]
        elif room.durable.version:
            for member in room.lapsed(now_ms):
                self.submit(name, ROOM, 0, Lapse(member))
            now = room.durable.now
            if now and at_ms - now.started_ms >= (now.item.track.duration_ms or UNKNOWN_LENGTH_MS):
                self.submit(name, ROOM, 0, Ended(now.item.item))

    async def _refill(self, name: str, library: Library) -> None:
        """Retrieve for whoever is new, then pick for the room as it is at that moment."""
        room = self.rooms.rooms[name]
        try:
            while missing := library.missing(room.state):
                await asyncio.get_running_loop().run_in_executor(self._pools, library.make_pool, missing[0])
            body = library.refill(room.state)
        finally:
            self._refilling.discard(name)
        if body:
            self.submit(name, ROOM, 0, body)

    def _say_goodbye(self, room: Room) -> None:
        present = {member.member for member in room.durable.present}
        for seat in list(room.seats):
            if seat.member not in present:
                room.seats.remove(seat)
                asyncio.get_running_loop().call_later(GOODBYE_S, seat.end)


def tune_process() -> None:
    """For a process that serves nothing else: imports are never collected, the disk's thread waits no 5 ms for its turn."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(
        100_000, 50, 1_000
    )  # rooms are a million records without a cycle; to search them all took a quarter of a loaded core
    sys.setswitchinterval(0.0005)


def sit(room: Room, seat: Seat, version: int) -> None:
    """Give a connection its seat, behind what it missed; an older connection of the same member ends."""
    for other in [other for other in room.seats if other.member == seat.member]:
        room.seats.remove(other)
        other.end()
    room.catch_up(seat, version)
    room.seats.append(seat)


def _accept(reply: Event | Rejection) -> None:
    if isinstance(reply, Rejection) and reply.code == "log_full":
        raise LogFull("the server's disk takes nothing now; try again later")
    if isinstance(reply, Rejection):
        raise LinerError(f"the room answers {reply.code!r}")
