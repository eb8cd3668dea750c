"""The service by real sockets: a house with doors, clocks that stand, and small talk."""

import asyncio
import contextlib
import json
from socket import create_server

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from jam_recs.member import Guest
from jam_recs.service import router
from shared.bootstrap import Engines
from shared.console.line import Line
from shared.settings import Settings

NOW = 1_800_000_000_000


class Times:
    """Clocks that stand until they are set."""

    def __init__(self):
        self.wall, self.lease = NOW, 0


class House:
    """Addresses and small talk."""

    def __init__(self, port):
        self.port = port

    async def call(self, method, path, body=None):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        data = json.dumps(body).encode() if body is not None else b""
        head = (
            f"{method} /jam-recs{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = await reader.read()
        writer.close()
        status, _, rest = answer.partition(b"\r\n")
        return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]

    async def post(self, path, body):
        status, answer = await self.call("POST", path, body)
        assert status == 200, answer
        return json.loads(answer)

    async def party(self, guests=1, **profile):
        host = await self.post("/rooms", {"name": "Ann", **profile})
        cards = [host]
        for number in range(guests):
            cards.append(
                await self.post(f"/rooms/{host['room']}/members", {"invite": host["invite"], "name": f"G{number}"})
            )
        return cards

    def socket(self, room):
        return connect(f"ws://127.0.0.1:{self.port}/jam-recs/rooms/{room}/socket", compression=None)

    @contextlib.asynccontextmanager
    async def guests(self, cards):
        guests = [Guest(f"127.0.0.1:{self.port}", card["room"], card["member"], card["token"]) for card in cards]
        for guest in guests:
            guest.start()
            await guest.until(bool)
        try:
            yield guests
        finally:
            for guest in guests:
                await guest.stop()


async def serve(home, times, test):
    """Run `test(house)` on a loop on which the rooms of `home` are served; tracks are mere numbers, unless some are published."""
    engines = Engines(Settings(home=home), lambda: times.wall)
    app = FastAPI()
    app.include_router(router(engines))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws=Line, ws_max_size=65_536, ws_per_message_deflate=False
    )  # fmt: skip
    server = uvicorn.Server(config)
    with create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            await asyncio.wait_for(test(House(listener.getsockname()[1])), 60)
        finally:
            server.should_exit = True
            await running
            engines.close()


async def hello(socket, token, version=0):
    await socket.send(json.dumps({"type": "hello", "token": token, "version": version}))
    return json.loads(await socket.recv())


async def forever(socket):
    while True:
        yield await socket.recv()


async def closed(socket):
    with pytest.raises(ConnectionClosed) as ended:
        await anext(frame async for frame in forever(socket) if frame is None)
    return ended.value.rcvd.code, ended.value.rcvd.reason
