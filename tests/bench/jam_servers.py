"""Contestants of the delivery bench: the same server with one part as others build it."""

import asyncio
import os
import signal
import sqlite3
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from jam_recs import log, room, service
from jam_recs.process import cpu_s, free_port, post, wait_for
from jam_recs.server import tune_process
from shared.bootstrap import Engines
from shared.console.line import Line
from shared.settings import Settings
from tests.processes import forked


def awaits_every_socket():
    """A task an event, `for member in room: await send(…)`: no queues."""
    lines, tasks = {}, set()

    def flush(line, room, seat):
        lines[id(seat)] = line
        service_flush(line, room, seat)

    async def broadcast(seats, frame):
        for seat in seats:
            await lines[id(seat)].send({"type": "websocket.send", "text": frame.decode()})

    def publish(self, batch):
        seats = {id(one.room): one.room.seats for one in batch.pending}
        for one in batch.pending:
            one.room.seats = []
        heard = room_publish(self, batch)
        for one in batch.pending:
            one.room.seats = seats[id(one.room)]
            if one.news:
                task = asyncio.get_running_loop().create_task(
                    broadcast(list(one.room.seats), room.json.encode(one.reply))
                )
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        return heard

    room_publish = room.Rooms.publish
    service_flush = service._flush
    room.Rooms.publish, service._flush = publish, flush


def syncs_every_op():
    """One `fdatasync` for each op."""
    write = log.Log.write
    log.Log.write = lambda self, records: [write(self, [record]) for record in records] and None


def keeps_no_log():
    """Acknowledges from memory."""
    log.Log.write = lambda self, records: None


def keeps_sqlite():
    """SQLite in WAL mode, `synchronous=FULL`, one transaction a batch."""

    def write(self, records):
        if not hasattr(self, "database"):
            self.database = sqlite3.connect(
                self.path.with_suffix(".sqlite"), check_same_thread=False, isolation_level=None
            )
            self.database.executescript(
                "pragma journal_mode=wal; pragma synchronous=full; create table log (record blob)"
            )
        self.database.execute("begin")
        self.database.executemany("insert into log values (?)", [(kind + payload,) for kind, payload in records])
        self.database.execute("commit")

    log.Log.write = write


PARTS = {
    "ours": lambda: None,
    "each socket awaited in turn": awaits_every_socket,
    "a sync for each op": syncs_every_op,
    "SQLite, WAL": keeps_sqlite,
    "no log": keeps_no_log,
}


def serve(name, home, port):
    """Serve with one part exchanged, until killed."""
    PARTS[name]()
    tune_process()
    app = FastAPI()
    app.include_router(service.router(Engines(Settings(home=Path(home)))))
    uvicorn.run(
        app, port=port, log_level="error", access_log=False, ws=Line, ws_per_message_deflate=False,
        ws_ping_interval=None, backlog=4096,
    )  # fmt: skip


processes = forked("tests.bench.jam_servers")


class Contestant:
    """A server that can be loaded."""

    def __init__(self, name, home):
        self.home, self.port = home, free_port()
        self.process = processes.Process(target=serve, args=(name, str(home), self.port), daemon=True)

    def __enter__(self):
        self.process.start()
        self.process.poll = lambda: self.process.exitcode
        wait_for(self.port, self.process)
        return self

    def __exit__(self, *_):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def post(self, path, body):
        return post(f"127.0.0.1:{self.port}", path, body)

    def cpu_s(self):
        return cpu_s(self.process.pid)
