"""What the systems that hear a log have in common: the names of a run, and the file in which a partition's state commits with its offset.

Exactly once is not a property of the log. A consumer may die anywhere, be declared dead and come back, or get a message twice:
what it counted is right all the same, because it is committed together with the offset behind it, and only if the stored offset
is still the one at which the batch began. Whoever finds another one drops its memory and reads the file again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from shared.bootstrap import Engines
from shared.errors import Conflict, NotFound
from shared.sqlite import connect, explained, transaction

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
        self._connection = connect(self.path)
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
        with self._errors(), transaction(self._connection) as connection:
            if (found := self.next_offset()) != begin:
                raise Conflict(f"{self.path}: at offset {found}, not {begin}: another consumer was here; reload")
            yield connection

    def _errors(self) -> AbstractContextManager[None]:
        return explained(self.path, "delete it: the log makes it again")
