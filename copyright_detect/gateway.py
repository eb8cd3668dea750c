"""Between the web and the log: files come in parts, are decoded once they are whole, and go on as chunks, which are heard at once.

A file waits on disk until its last part is there, since some containers keep their table of contents at the end; from then on
everything streams. Uploads, their bytes and their number are bounded before a byte is decoded. The gateway also is
the worker of its runs: after each few chunks it hears what is in the log, so an alarm stands while the rest is still sent.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice, product
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from threading import Lock, Thread
from time import sleep
from typing import Any

from copyright_detect.audio import decode
from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import Chunk, cut, partition_for
from copyright_detect.store import RUNNING, PartitionStore
from copyright_detect.views import upload_report
from copyright_detect.worker import Run, Worker, send, tick
from shared.bootstrap import Engines
from shared.clock import DEMO_NOW, Clock, fixed_clock
from shared.errors import BadInput, Conflict, LinerError, NotFound

PARTITIONS = 2
MOST_OPEN = 8
MOST_BYTES = 512 << 20
LONGEST_SECONDS = 6 * 3600.0
IDLE_MS = 600_000
INTERRUPTED = "interrupted"  # heard by a process that died
HEARING = "copyright-hearing"  # the name of its threads
ENDED = ("done", "failed")  # kept a while, for the sender whose last answer was lost
AT_ONCE = 16  # chunks a batch: a quarter of a minute
DEMO_WORLD, DEMO_SEED, DEMO_SHOW = "tiny", 1, "morning-show"
DEMO_PACE_S = 0.15  # between two seconds of the demo's podcast, so that a person can watch


@dataclass
class Incoming:
    """A file that came or is coming. status: receiving, preparing, running, done or failed; what is heard of it stands in the store."""

    show: str
    run: Run
    path: Path | None = None
    parts: int = 0
    received: int = 0
    last_digest: bytes = b""
    touched_ms: int = 0
    status: str = "receiving"
    error: str | None = None


@dataclass
class Gateway:
    """The uploads of this process."""

    engines: Engines
    incoming: dict[str, Incoming] = field(default_factory=dict)
    _workers: dict[Run, Worker] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)  # of the table above
    _hearing: Lock = field(default_factory=Lock)  # a worker belongs to one thread at a time

    def __post_init__(self) -> None:
        """One index for its whole life. Whatever a process that died was receiving is gone: its senders begin anew."""
        self.db = current_db(self.home)
        rmtree(self.home / "incoming", ignore_errors=True)

    @property
    def home(self) -> Path:
        """Where its state lies; a home has one gateway at a time."""
        return self.engines.settings.home / "copyright_detect"

    @property
    def runs(self) -> tuple[Run, Run]:
        """Of files, whose time is the clock's, and of the demo, whose time is the world's."""
        return Run("files", self.engines.settings.home), Run("demo", self.engines.settings.home)

    def begin(self, show: str) -> str:
        """A new upload; its id."""
        if not self.db.is_dir():  # before anybody sends megabytes
            raise NotFound(f"{self.db}: no index yet; play the demo first, or liner copyright-detect serve --db DB")
        now = self.engines.clock()
        with self._guard:
            for upload in [each for each, found in self.incoming.items() if now - found.touched_ms > IDLE_MS]:
                self._forget(upload)
            if sum(each.status not in ENDED for each in self.incoming.values()) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} uploads are running; wait until one of them is done")
            upload = token_hex(8)
            self.incoming[upload] = Incoming(show, self.runs[0], self.home / "incoming" / upload, touched_ms=now)
        return upload

    def part(self, upload: str, number: int, body: bytes, last: bool) -> dict[str, Any]:
        """Append a part of a file; the last one starts the hearing. A part that comes twice is taken once."""
        with self._guard:
            found = self.incoming.get(upload)
            if found is None or found.path is None:
                raise NotFound(f"upload {upload!r}: not one that waits for parts; begin a new one")
            digest = sha256(body).digest()
            repeated = number == found.parts - 1 and digest == found.last_digest
            if found.status == "receiving" and not repeated:
                if number != found.parts:
                    raise Conflict(f"upload {upload!r}: part {number} came, part {found.parts} is expected")
                if found.received + len(body) > MOST_BYTES:
                    self._forget(upload)
                    raise BadInput(f"upload {upload!r}: over {MOST_BYTES:,} bytes; send the sound without the video")
                found.path.parent.mkdir(parents=True, exist_ok=True)
                with found.path.open("r+b" if found.parts else "wb") as file:
                    file.seek(found.received)  # half of a part may be there, from when the disk was full
                    file.write(body)
                    file.truncate()
                found.parts, found.received, found.last_digest = number + 1, found.received + len(body), digest
                found.touched_ms = self.engines.clock()
                if last:
                    found.status = "running"
                    Thread(target=self._hear_file, args=(upload, found), daemon=True, name=HEARING).start()
            return {"upload": upload, "status": found.status, "parts": found.parts, "bytes": found.received}

    def play_demo(self, level_db: float) -> str:
        """Stream the demo's podcast in the background, slowly enough to watch; its upload's id. One at a time."""
        upload = f"demo-{token_hex(4)}"
        with self._guard:
            if any(each.run == self.runs[1] and each.status not in ENDED for each in self.incoming.values()):
                raise Conflict("the demo is playing; watch it, or wait until it is over")
            found = Incoming(DEMO_SHOW, self.runs[1], status="preparing", touched_ms=self.engines.clock())
            self.incoming[upload] = found
        Thread(target=self._hear_demo, args=(upload, found, level_db), daemon=True, name=HEARING).start()
        return upload

    def report(self, upload: str) -> dict[str, Any]:
        """What is known of an upload, as it is on its way or as it was heard."""
        found = self.incoming.get(upload)
        nothing: dict[str, Any] = {"heard_s": 0.0, "matches": [], "actions": {}, "decisions": []}
        try:
            with self.store_of(upload) as (_, store):
                report = upload_report(store, upload)
        except NotFound:
            if found is None:
                raise
            report = {"upload": upload, "show": found.show, "status": found.status, **nothing}
        if found is None and report["status"] == RUNNING:
            report["status"] = INTERRUPTED
        if error := found and found.error:
            report["status"] = "failed"
        return {**report, "error": error}

    @contextmanager
    def store_of(self, upload: str) -> Iterator[tuple[Run, PartitionStore]]:
        """The run of an upload and its partition's file, to read beside the worker; NotFound where nothing of it was heard."""
        for run in self.runs:
            with closing(PartitionStore(run.folder, partition_for(upload, PARTITIONS))) as store:
                if store.upload(upload) is not None:
                    yield run, store
                    return
        raise NotFound(f"upload {upload!r}: nothing of it was heard")

    def db_of(self, run: Run) -> Path:
        """The index that a run is held against."""
        return self.db if run == self.runs[0] else demo_db(self.home)

    def uploads(self) -> list[dict[str, Any]]:
        """Those that were heard, the newest first, files before demos."""
        found, known = [], set(self.incoming)
        for run, partition in product(self.runs, range(PARTITIONS)):
            with closing(PartitionStore(run.folder, partition)) as store:
                found += store.uploads()
        found.sort(key=lambda each: (each["upload"].startswith("demo-"), -each["started_ms"]))
        for each in found:
            if each["status"] == RUNNING and each["upload"] not in known | set(self.incoming):
                each["status"] = INTERRUPTED
        return found

    def _hear_file(self, upload: str, found: Incoming) -> None:
        with self._outcome(upload, found):
            blocks = decode(found.path or "", LONGEST_SECONDS, MOST_BYTES)
            worker = self._worker(found.run, self.db, self.engines.clock)
            self._hear(worker, cut(upload, found.show, blocks, worker.clock), AT_ONCE, 0.0)

    def _hear_demo(self, upload: str, found: Incoming, level_db: float) -> None:
        from copyright_detect import demo
        from shared.world import make_world

        with self._outcome(upload, found):
            world = make_world(self.home.parent / "world" / f"{DEMO_WORLD}-{DEMO_SEED}", DEMO_WORLD, DEMO_SEED)
            db, _ = demo.index_world(demo_db(self.home).parent, world, DEMO_SEED, quiet=True)
            worker = self._worker(found.run, db, fixed_clock(DEMO_NOW))
            found.status = "running"
            sound = demo.podcast(world, DEMO_SEED, level_db)
            self._hear(worker, cut(upload, found.show, [sound], worker.clock), 1, DEMO_PACE_S)

    def _hear(self, worker: Worker, chunks: Iterable[Chunk], at_once: int, pause_s: float) -> None:
        tick(worker.log, worker.run, worker.clock())
        rest = iter(chunks)
        while batch := list(islice(rest, at_once)):
            send(worker.log, worker.run, batch)
            with self._hearing:
                worker.drain()
            sleep(pause_s)

    @contextmanager
    def _outcome(self, upload: str, found: Incoming) -> Iterator[None]:
        """Keep what went wrong for whoever asks; leave nothing on disk."""
        try:
            yield
        except (LinerError, OSError) as error:
            found.status, found.error = "failed", str(error).replace(str(found.path), "the file")
        except Exception:  # a decoder's or a library's: the upload must end, and its place become free
            logging.exception("upload %s", upload)
            found.status, found.error = "failed", "an error of ours; it is in the server's log"
        else:
            found.status = "done"
        finally:
            if found.path:
                found.path.unlink(missing_ok=True)

    def _worker(self, run: Run, db: Path, clock: Clock) -> Worker:
        """The worker of a run, hired when it is first needed."""
        with self._hearing:
            if run not in self._workers:
                self.engines.log.create(run.topic, PARTITIONS)
                worker = Worker(self.engines.log, run, Catalogue(db), clock)
                worker.assign(range(PARTITIONS))
                self._workers[run] = worker
            return self._workers[run]

    def _forget(self, upload: str) -> None:
        found = self.incoming[upload]
        if found.status in ("receiving", *ENDED):
            del self.incoming[upload]
            if found.path:
                found.path.unlink(missing_ok=True)


def current_db(home: Path) -> Path:
    """The index that a server which starts now holds files against: the one `serve --db` named last, or the demo's."""
    pointer = home / "current-db"
    return Path(pointer.read_text(encoding="utf-8")) if pointer.exists() else demo_db(home)


def demo_db(home: Path) -> Path:
    """The index of the demo's songs."""
    return home / f"world-{DEMO_WORLD}-{DEMO_SEED}" / "db"


def set_current_db(home: Path, db: Path) -> None:
    """Hold files against this index, from the next start of a server on."""
    if not db.is_dir():
        raise NotFound(f"{db}: no such folder; make the index first: liner copyright-detect index DIR --db {db}")
    home.mkdir(parents=True, exist_ok=True)
    (home / "current-db").write_text(str(db.absolute()), encoding="utf-8")
