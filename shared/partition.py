"""What the systems that hear a log have in common: the names of a run, and the file in which a partition's state commits with its offset.

Exactly once is not a property of the log. A consumer may die anywhere, be declared dead and come back, or get a message twice:
what it counted is right all the same, because it is committed together with the offset behind it, and only if the stored offset
is still the one at which the batch began. Whoever finds another one drops its memory and reads the file again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from shared.bootstrap import Engines
from shared.errors import BadInput, Conflict, LinerError, NotFound

R = TypeVar("R", bound="Run")


@dataclass(frozen=True)
class Run:
    """The names of one stream of a system: its topic, its state."""

    name: str
    home: Path
    system: ClassVar[str]

    @property
    def topic(self) -> str:
        """In the log."""
        return f"{self.system}-{self.name}"

    @property
    def folder(self) -> Path:
        """Of the partitions' files."""
        return self.home / self.system / self.name


def free_run(kind: type[R], engines: Engines) -> R:
    """A run for a demo that nobody began yet, in this home and in this log."""
    for number in count(1):
        run = kind(f"demo-{number}", engines.settings.home)
        try:
            engines.log.partitions(run.topic)
        except NotFound:
            return run
    raise AssertionError("unreachable: count never ends")


class PartitionFile:
    """The SQLite file of one partition. One consumer writes; others read at any time (WAL)."""

    schema: ClassVar[str]
    """What makes the tables; among them `position`, with the column next_offset."""
    page_bytes: ClassVar[int] = 4096

    def __init__(self, folder: str | Path, partition: int) -> None:
        """folder: where the partitions of a run lie; it need not exist yet."""
        self.partition = partition
        self.path = Path(folder) / f"partition-{partition:04d}.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        with self._errors():
            for pragma in (f"page_size = {self.page_bytes}", "journal_mode = wal", "synchronous = full"):
                self._connection.execute(f"pragma {pragma}")
            if not self._connection.execute("select 1 from sqlite_master where name = 'position'").fetchone():
                self._connection.executescript(f"begin immediate; {self.schema} commit;")  # readers must not wait

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def next_offset(self) -> int:
        """Where to go on reading."""
        return int(self._rows("select next_offset from position")[0][0])

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self, begin: int) -> Iterator[sqlite3.Connection]:
        """All or nothing; Conflict when the state is not at offset `begin`."""
        with self._errors():
            self._connection.execute("begin immediate")
            try:
                if (found := self.next_offset()) != begin:
                    message = f"{self.path}: at offset {found}, not {begin}"
                    raise Conflict(f"{message}: another consumer was here; reload")
                yield self._connection
                self._connection.execute("commit")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise LinerError(f"{self.path}: {error}; what was committed before still stands") from error
        except sqlite3.DatabaseError as error:
            raise BadInput(f"{self.path}: {error}; delete it: the log makes it again") from error
