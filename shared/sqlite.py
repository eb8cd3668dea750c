"""SQLite as every file of state here uses it: transactions that somebody began, and errors that say what and where.

A connection waits for its turn, may be used by any thread (whoever shares it brings a lock), and begins nothing by itself.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import BadInput, Busy, LinerError


def connect(path: Path, timeout_s: float = 30) -> sqlite3.Connection:
    """A connection to a file, which is made when it is not there; its folder as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "immediate") -> Iterator[sqlite3.Connection]:
    """All or nothing; `deferred` reads one state of the file without stopping writers."""
    connection.execute(f"begin {kind}")
    try:
        yield connection
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


@contextmanager
def explained(path: Path, remedy: str) -> Iterator[None]:
    """SQLite's errors as ours; `remedy` is for a file that is damaged or none of SQLite's."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
        kind = Busy if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY else LinerError
        raise kind(f"{path}: {error}; what was committed before still stands") from error
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{path}: {error}; {remedy}") from error
