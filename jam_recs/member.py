"""A member at a socket: follows the room, comes back after every break, and sends each wish, under its own id, until it is answered.

The demo's guests are these, and the fault tests'. What makes «exactly once» is on the other side: an id is applied once, however
often it comes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec import json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from jam_recs.follow import Gap, follow, read_frame
from jam_recs.records import Event, Rejection, View

AGAIN_S = 0.05
BEAT_S = 5.0
FINAL = (4403, 4410)
"""Codes with which the server closes for good: no right to be here, or kicked or seated elsewhere."""
UNANSWERED = ("log_full", "slow_down", "not_here")
"""Refusals that are no answers: send it again."""
BEAT, RESET, RESYNC = '{"type":"beat"}', '{"type":"reset"}', '{"type":"resync"}'
Reply = Event | Rejection


class Guest:
    """One member; `view` is the room as he last heard of it."""

    def __init__(
        self, address: str, room: str, member: int, token: str, heard: Callable[[Event], None] | None = None
    ) -> None:
        self.member, self.view, self.seq = member, None, 0
        self.replies: dict[int, Reply] = {}
        """What each of his wishes was answered, by its number."""
        self._url = f"ws://{address}/jam-recs/rooms/{room}/socket"
        self._token, self._heard = token, heard
        self._waiting: dict[int, tuple[bytes, asyncio.Future[Reply]]] = {}
        self._socket: ClientConnection | None = None
        self._left = False
        self._tasks: list[asyncio.Task[None]] = []

    view: View | None

    def start(self) -> None:
        """Come in, on the running loop."""
        self._tasks = [asyncio.create_task(self._stay()), asyncio.create_task(self._beat())]

    async def stayed(self) -> None:
        """Wait until the server has closed for good."""
        await self._tasks[0]

    async def stop(self) -> None:
        """Let the connection go; the lease ends by itself."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wish(self, **wish: Any) -> Reply:
        """Send a wish (`type`, and its fields) and wait for its answer, through any number of breaks."""
        self.seq += 1
        self._left = wish["type"] == "leave"
        frame = json.encode({"type": "ask", "seq": self.seq, "wish": wish})
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[self.seq] = frame, answer
        await self._say(frame)
        return await answer

    async def until(self, true: Callable[[View], bool]) -> View:
        """The room, as soon as `true` of it."""
        while self.view is None or not true(self.view):
            await asyncio.sleep(0.005)
        return self.view

    async def _say(self, frame: bytes) -> None:
        if self._socket:
            with suppress(WebSocketException):  # it is sent again on the next connection
                await self._socket.send(frame, text=True)

    async def _stay(self) -> None:
        while True:
            try:
                async with connect(self._url, compression=None, ping_interval=None, max_size=2**22) as socket:
                    await self._attend(socket)
            except ConnectionClosed as closed:
                if self._left or (closed.rcvd and closed.rcvd.code in FINAL):
                    return
            except (OSError, WebSocketException, Gap, TimeoutError):
                pass
            self._socket = None
            await asyncio.sleep(AGAIN_S)

    async def _attend(self, socket: ClientConnection) -> None:
        version = self.view.version if self.view else 0
        await socket.send(json.encode({"type": "hello", "token": self._token, "version": version}), text=True)
        self._socket = socket
        await self._ask_again()
        async for heard in socket:
            await self._hear(heard)

    async def _ask_again(self, *seqs: int) -> None:
        for seq in seqs or tuple(self._waiting):
            if seq in self._waiting:
                await self._say(self._waiting[seq][0])

    async def _hear(self, frame: str | bytes) -> None:
        if frame == RESET:
            self.view = None
        if frame == RESYNC:  # answers were dropped as well
            await self._ask_again()
        if frame in (RESET, RESYNC, BEAT):
            return
        heard = read_frame(frame)
        if isinstance(heard, Rejection) and heard.code in UNANSWERED:
            await asyncio.sleep(AGAIN_S)
            await self._ask_again(heard.seq)
        elif isinstance(heard, Rejection) or (isinstance(heard, Event) and heard.kind == "again"):
            self._answered(heard)
        else:
            self.view = follow(self.view, heard)
            if isinstance(heard, Event) and heard.member == self.member:
                self._answered(heard)
            if isinstance(heard, Event) and self._heard:
                self._heard(heard)

    def _answered(self, reply: Reply) -> None:
        _, answer = self._waiting.pop(reply.seq, (b"", None))
        if answer and not answer.done():
            self.replies[reply.seq] = reply
            answer.set_result(reply)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self._say(BEAT.encode())
