"""REST to make a party and to get in; a WebSocket to be there.

    POST /jam-recs/rooms                     a room, its host's token, an invitation
    POST /jam-recs/rooms/{room}/members      an invitation becomes a token of one's own
    WS   /jam-recs/rooms/{room}/socket       {"type": "hello", "token", "version"} within 5 s; then wishes with ids, heartbeats; events come
    POST /jam-recs/rooms/{room}/qr           the party's link as a picture
    GET  /jam-recs/tracks?q=…                tracks to add

The socket never awaits another member: each is written to from his own seat's queue, when he can take it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from secrets import token_hex
from threading import Lock
from time import monotonic_ns
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from msgspec import DecodeError, Meta, Struct, ValidationError, json, to_builtins
from pydantic import BaseModel, Field

from jam_recs import records as r
from jam_recs.log import LogFull
from jam_recs.names import clean_name, link_of, qr_of
from jam_recs.recommend import open_library
from jam_recs.room import Room, Seat
from jam_recs.server import Server, sit
from jam_recs.tokens import LIFE_MS, Bucket, Denied, Token, new_member, sign, verify
from shared.bootstrap import Engines
from shared.console.line import Line, line_of
from shared.errors import LinerError, NotFound

AUTH_S = 5.0
DENIED, AWAY, OVER, LATER = 4403, 4408, 4410, 1013
"""Why a connection ends: the first and the third are final (`member.py:FINAL`), after the others a client comes back."""
CLOSE_S = 1.0
"""What a reader who has stalled is given to take the last frame."""
MAX_SOCKETS = 4_096
log = logging.getLogger("liner.jam_recs")


class AddById(Struct, frozen=True, tag="add"):
    """The client's `add`: the catalogue knows the rest."""

    track_id: r.Number


class Hello(Struct, frozen=True, tag="hello"):
    """The first frame: who comes, and at which version he stands (0: new)."""

    token: str
    version: r.Number = 0


class Ask(Struct, frozen=True, tag="ask"):
    """A wish and its number."""

    seq: Annotated[int, Meta(gt=0, lt=2**53)]
    wish: AddById | r.Vote | r.Skip | r.Move | r.Remove | r.Handover | r.SetRights | r.Kick | r.Leave


class Beat(Struct, frozen=True, tag="beat"):
    """I am still here."""


BEAT = b'{"type":"beat"}'
_hello = json.Decoder(Hello)
_asked = json.Decoder(Ask | Beat)


class Guest(BaseModel):
    """What a person says of himself."""

    name: str = Field(max_length=200)
    user_id: int = Field(-1, ge=-1, le=2**31 - 1)
    market: str = Field("", pattern="^([A-Z]{2})?$")
    minor: bool = False
    vetoed_artists: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(default_factory=list, max_length=200)

    def profile(self) -> r.Profile:
        """As the room keeps it."""
        return r.Profile(clean_name(self.name), self.user_id, self.market, self.minor, tuple(self.vetoed_artists))


class Invitation(BaseModel):
    """What a party's link carries."""

    invite: str = Field(max_length=4_096)


class Invited(Guest, Invitation):
    """A person with an invitation."""


class Parties:
    """The doors to this process's server, which is opened at its first use: a console that nobody asks for a party takes no log."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._opening = Lock()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets = 0

    def _open(self) -> None:
        with self._opening:
            if self._server:
                return
            library = None
            try:
                library = open_library(self._engines.lake)
            except NotFound as error:
                log.warning(json.encode({"no_catalogue": str(error)}).decode())
            home = self._engines.settings.home / "jam_recs"
            self._server = Server(home, self._engines.clock, lambda: monotonic_ns() // 1_000_000, library)

    async def server(self) -> Server:
        """The server, working on the running loop; to open it takes seconds, so a worker thread does."""
        if self._server is None:
            await run_in_threadpool(self._open)
        server = self._server
        assert server is not None
        if self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            server.start()
        return server

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """Give the log back when the app ends."""
        yield
        if self._server:
            await self._server.stop()
            self._server = None

    async def _opened_by(self, token: str, room: str) -> Server:
        """The server, if the token opens the room."""
        server = await self.server()
        try:
            verify(server.key, token, room, server.now_ms())
        except Denied as error:
            raise HTTPException(403, str(error)) from None
        return server

    async def create(self, guest: Guest, request: Request) -> dict[str, Any]:
        """Make a party; its maker is host."""
        server = await self.server()
        name, member, profile = token_hex(5), new_member(), guest.profile()
        await server.create(name, member, profile, r.Rights())
        expires = server.now_ms() + LIFE_MS
        invite = sign(server.key, Token(name, 0, expires))
        link = link_of(str(request.base_url), name, invite)
        token = sign(server.key, Token(name, member, expires, profile))
        return {"room": name, "member": member, "token": token, "invite": invite, "link": link}

    async def invited(self, room: str, guest: Invited) -> dict[str, Any]:
        """A token for whoever holds the invitation."""
        server = await self._opened_by(guest.invite, room)
        member = new_member()
        token = sign(server.key, Token(room, member, server.now_ms() + LIFE_MS, guest.profile()))
        return {"room": server.room(room).durable.room, "member": member, "token": token}

    async def code(self, room: str, invited: Invitation, request: Request) -> Response:
        """The party's link as an SVG that a phone's camera reads; it takes a tenth of a second, so it is drawn aside."""
        await self._opened_by(invited.invite, room)
        drawn = await run_in_threadpool(qr_of, link_of(str(request.base_url), room, invited.invite))
        return Response(drawn, media_type="image/svg+xml")

    async def tracks(self, q: str = Query("", max_length=200)) -> list[dict[str, Any]]:
        """Tracks to add: title or artist holds the text."""
        library = (await self.server()).library
        if library is None:
            raise NotFound("no tracks are published; run `liner jam-recs demo` once and start again")
        found: list[dict[str, Any]] = to_builtins(await run_in_threadpool(library.catalogue.find, q, 20))
        return found

    async def socket(self, websocket: WebSocket, room: str) -> None:
        """A member's place in the room, for as long as the line holds."""
        await websocket.accept()
        if self._sockets >= MAX_SOCKETS:
            await websocket.close(LATER, "this server has all the listeners it can take")
            return
        self._sockets += 1
        try:
            await _attend(await self.server(), websocket, room)
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            await websocket.close(DENIED, f"no token within {AUTH_S:.0f} s")
        except LogFull as error:
            await websocket.close(LATER, str(error)[:120])
        except LinerError as error:
            await websocket.close(DENIED, str(error)[:120])
        finally:
            self._sockets -= 1


def router(engines: Engines) -> APIRouter:
    """The routes, over the rooms in `engines`' home."""
    parties = Parties(engines)
    api = APIRouter(tags=["jam-recs"], lifespan=parties.lifespan, prefix="/jam-recs")
    api.post("/rooms")(parties.create)
    api.post("/rooms/{room}/members")(parties.invited)
    api.post("/rooms/{room}/qr")(parties.code)
    api.get("/tracks")(parties.tracks)
    api.websocket("/rooms/{room}/socket")(parties.socket)
    return api


async def _attend(server: Server, websocket: WebSocket, name: str) -> None:
    """One connection, from its first frame to its last."""
    try:
        hello = _hello.decode(await asyncio.wait_for(websocket.receive_text(), AUTH_S))
    except (DecodeError, ValidationError, KeyError):
        raise LinerError('expected {"type":"hello","token":…,"version":…} as the first frame') from None
    token = verify(server.key, hello.token, name, server.now_ms())
    if not token.member or token.profile is None:
        raise Denied("token: an invitation; exchange it for one of your own first")
    room = await server.enter(name, token.member, token.profile)
    line, seat = line_of(websocket.scope), Seat(token.member)
    flush = partial(_flush, line, room, seat)
    seat.wake, line.on_writable = partial(asyncio.get_running_loop().call_soon, flush), flush
    bucket = room.buckets.setdefault(seat.member, Bucket())
    receiver = asyncio.create_task(_receive(websocket, line, partial(_heard, server, room, seat, bucket)))
    seat.end = receiver.cancel
    sit(room, seat, hello.version)
    try:
        await asyncio.wait([receiver])
        if receiver.cancelled():
            member = room.durable.members[seat.member]
            why = OVER if member.kicked or member.present else AWAY
            with suppress(TimeoutError):
                reason = "you are not in this room any more, or came back by another door"
                await asyncio.wait_for(websocket.close(why, reason), CLOSE_S)
    finally:
        room.seen_ms[seat.member] = server.monotonic_ms()
        if seat in room.seats:
            room.seats.remove(seat)
        receiver.cancel()


def _flush(line: Line, room: Room, seat: Seat) -> None:
    """The one place from which this member is written to: in order, as fast as he reads, and nobody waits for him."""
    if line.writable.is_set() and (frames := seat.take(room.durable)):
        line.write(frames)


async def _receive(websocket: WebSocket, line: Line, heard: Callable[[bytes], None]) -> None:
    """Until he hangs up: first what came before he sat, then every frame as it comes."""
    line.on_message = heard
    try:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            heard(message.get("bytes") or message.get("text", "").encode())
    finally:
        line.on_message = None


def _heard(server: Server, room: Room, seat: Seat, bucket: Bucket, text: bytes) -> None:
    """One frame of a member: a heartbeat, a wish, or nonsense. What is refused here was never numbered: the same id may come again."""
    room.seen_ms[seat.member] = server.monotonic_ms()
    try:
        asked = _asked.decode(text)
    except (DecodeError, ValidationError):
        asked = None
    seq = asked.seq if isinstance(asked, Ask) else 0
    refused = "malformed" if asked is None else ""
    try:
        if not bucket.take(server.monotonic_ms()):
            refused = "slow_down"
        elif isinstance(asked, Beat):
            seat.put(BEAT)
        elif asked:
            wish = asked.wish
            body = r.Add(server.track(wish.track_id)) if isinstance(wish, AddById) else wish
            server.submit(room.state.room, seat.member, seq, body, partial(_tell, seat))
    except NotFound:
        refused = "no_such_track"
    if refused:
        seat.put(json.encode(r.Rejection(seq, refused, room.durable.version)))


def _tell(seat: Seat, frame: bytes) -> None:
    """An answer that is for its sender alone; an event of his own stands in his queue already."""
    if not frame.startswith(b'{"type":"event"') or b'"kind":"again"' in frame:
        seat.put(frame)
