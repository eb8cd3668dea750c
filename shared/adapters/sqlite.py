"""The embedded log and store: SQLite files, safe between processes, durable when a call returns.

Both write ahead (WAL) and sync at every commit, so that what was acknowledged survives `kill -9` and a power cut. A message's rowid is its
partition and offset in one integer: appends go to the end of a B-tree and a read is one range scan.
A group's members hold leases on the clock that was passed in; who is alive shares the partitions out, and a member whose lease has run
out (a zombie) is told with its next poll that it lost them. Leases live in a file of their own, which may be lost.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from secrets import token_hex
from threading import Lock
from time import monotonic, sleep

from shared.clock import Clock
from shared.errors import BadInput, LinerError, NotFound
from shared.ports import Message, check_offset, check_partition, check_topic
from shared.sqlite import connect, explained, transaction

PARTITION_BITS = 40  # rowid = partition << 40 | offset
LEASE_MS = 10_000
POLL_SECONDS = 0.005
POLL_BYTES = 8 << 20

LOG_SCHEMA = """
create table if not exists topic (only integer primary key check (only = 1), partitions integer not null);
create table if not exists messages (position integer primary key, value blob not null);
"""
GROUP_SCHEMA = """
create table if not exists members (joined integer primary key, team text not null, member text unique not null, lease integer not null);
create table if not exists owners (team text, part integer, member text not null, primary key (team, part));
"""
STORE_SCHEMA = """
create table if not exists entries (name text primary key, value blob not null, expires integer) without rowid;
create index if not exists by_expiry on entries (expires) where expires is not null;
"""


class _File:
    """One database file: one connection that threads take in turn, other processes through SQLite's own locks."""

    def __init__(self, path: Path, schema: str, synchronous: str = "full") -> None:
        self.path = path
        self._lock = Lock()
        self._connection = connect(path)
        try:
            with self._errors():
                self._connection.execute("pragma journal_mode = wal")
                self._connection.execute(f"pragma synchronous = {synchronous}")
                self._connection.executescript(f"begin immediate; {schema} commit;")
        except LinerError:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self, kind: str = "immediate") -> Iterator[sqlite3.Connection]:
        """All or nothing, one at a time; `deferred` reads one state of the file without stopping writers."""
        with self._lock, self._errors(), transaction(self._connection, kind) as connection:
            yield connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _errors(self) -> AbstractContextManager[None]:
        return explained(self.path, "restore the file or delete it")


class SQLiteLog:
    """An `EventLog` in a folder, one file a topic."""

    def __init__(self, folder: str | Path, clock: Clock) -> None:
        """folder: need not exist yet; clock: what the leases of group members run on."""
        self._folder = Path(folder)
        self._clock = clock
        self._files: dict[str, _File] = {}

    def version(self) -> str:
        """`SQLite 3.40.1`."""
        return f"SQLite {sqlite3.sqlite_version}"

    def create(self, topic: str, partitions: int) -> None:
        """Make the topic if it is not there; BadInput when it is there with another number of partitions."""
        check_topic(topic, partitions)
        file = self._open(topic)
        with file.transaction() as connection:
            connection.execute("insert or ignore into topic values (1, ?)", (partitions,))
            (found,) = connection.execute("select partitions from topic").fetchone()
        if found != partitions:
            raise BadInput(f"topic {topic!r} has {found} partitions, not {partitions}; take another name")

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; NotFound when there is no such topic."""
        check_topic(topic, 1)
        if (self._folder / f"{topic}.sqlite").exists():
            with self._open(topic).transaction("deferred") as connection:
                row = connection.execute("select partitions from topic").fetchone()
            if row:
                return int(row[0])
        raise NotFound(f"{self._folder}: no topic {topic!r}; create it first")

    def append(self, topic: str, partition: int, messages: Sequence[bytes]) -> int:
        """Append messages in one transaction and return the offset of the first."""
        file = self._partition(topic, partition)
        with file.transaction() as connection:
            first = _end(connection, partition)
            rows = ((_position(partition, first + i), message) for i, message in enumerate(messages))
            connection.executemany("insert into messages values (?, ?)", rows)
        return first

    def read(self, topic: str, partition: int, offset: int, max_bytes: int, timeout_ms: int) -> list[Message]:
        """Messages from `offset` on, at least one if there is any; [] after `timeout_ms`; BadInput past the end."""
        file = self._partition(topic, partition)
        deadline = monotonic() + timeout_ms / 1000
        while not (found := _scan(file, topic, partition, offset, max_bytes)) and monotonic() < deadline:
            sleep(POLL_SECONDS)
        return found

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next message will get."""
        with self._partition(topic, partition).transaction("deferred") as connection:
            return _end(connection, partition)

    def subscribe(
        self,
        topic: str,
        group: str,
        on_assign: Callable[[Iterable[int]], Mapping[int, int]],
        on_revoke: Callable[[Iterable[int]], None],
    ) -> "SQLiteSubscription":
        """Join `group` with the first poll."""
        partitions = self.partitions(topic)
        groups = _File(self._folder / f"{topic}.groups.sqlite", GROUP_SCHEMA, synchronous="off")
        membership = _Membership(groups, group, partitions, self._clock)
        return SQLiteSubscription(membership, self._open(topic), topic, on_assign, on_revoke)

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    def _open(self, topic: str) -> _File:
        if topic not in self._files:
            self._files[topic] = _File(self._folder / f"{topic}.sqlite", LOG_SCHEMA)
        return self._files[topic]

    def _partition(self, topic: str, partition: int) -> _File:
        """The topic's file, when it has that partition."""
        check_partition(topic, partition, self.partitions(topic))
        return self._open(topic)


def _position(partition: int, offset: int) -> int:
    return partition << PARTITION_BITS | offset


def _end(connection: sqlite3.Connection, partition: int) -> int:
    span = (_position(partition, 0), _position(partition + 1, 0))
    query = "select max(position) from messages where position >= ? and position < ?"
    (last,) = connection.execute(query, span).fetchone()
    return 0 if last is None else int(last) - span[0] + 1


def _scan(file: _File, topic: str, partition: int, offset: int, max_bytes: int) -> list[Message]:
    """What is there now, from `offset` on, until `max_bytes` are full."""
    base, found, size = _position(partition, 0), [], 0
    query = "select position, value from messages where position >= ? and position < ? order by position"
    with file.transaction("deferred") as connection:
        with closing(connection.execute(query, (base + offset, _position(partition + 1, 0)))) as rows:
            for position, value in rows:
                found.append(Message(position - base, value))
                size += len(value)
                if size >= max_bytes:
                    break
        if not found:
            check_offset(topic, partition, offset, _end(connection, partition))
    return found


class _Membership:
    """One member's share of the partitions, agreed through the group's tables."""

    def __init__(self, groups: _File, team: str, partitions: int, clock: Clock) -> None:
        self._groups, self._team, self._partitions, self._clock = groups, team, partitions, clock
        self._member = token_hex(8)

    def renew(self) -> tuple[set[int], set[int]]:
        """Renew the lease; what this member holds, and what of it a newcomer waits for."""
        now, team, member = self._clock(), self._team, self._member
        with self._groups.transaction() as db:
            db.execute("delete from members where team = ? and lease <= ? and member != ?", (team, now, member))
            # A member that was away too long has been deleted by another, and enters here as a newcomer.
            db.execute(
                "insert into members (team, member, lease) values (?, ?, ?) "
                "on conflict (member) do update set lease = excluded.lease",
                (team, member, now + LEASE_MS),
            )
            db.execute(
                "delete from owners where team = ? and member not in (select member from members where team = ?)",
                (team, team),
            )
            alive = [row[0] for row in db.execute("select member from members where team = ? order by joined", (team,))]
            owner = dict(db.execute("select part, member from owners where team = ?", (team,)))
            share = {part for part in range(self._partitions) if alive[part % len(alive)] == member}
            gained = share - owner.keys()
            db.executemany("insert into owners values (?, ?, ?)", ((team, part, member) for part in gained))
        held = gained | {part for part, holder in owner.items() if holder == member}
        return held, held - share

    def release(self, partitions: Iterable[int]) -> None:
        """Give partitions back, once nobody here uses them."""
        with self._groups.transaction() as db:
            keys = ((self._team, part, self._member) for part in partitions)
            db.executemany("delete from owners where team = ? and part = ? and member = ?", keys)

    def leave(self) -> None:
        """Leave the group; the others take over with their next poll."""
        with self._groups.transaction() as db:
            db.execute("delete from owners where member = ?", (self._member,))
            db.execute("delete from members where member = ?", (self._member,))
        self._groups.close()


class SQLiteSubscription:
    """A `Subscription` on a SQLite topic."""

    def __init__(
        self,
        membership: _Membership,
        file: _File,
        topic: str,
        on_assign: Callable[[Iterable[int]], Mapping[int, int]],
        on_revoke: Callable[[Iterable[int]], None],
    ) -> None:
        self._membership, self._file, self._topic = membership, file, topic
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._offsets: dict[int, int] = {}  # the next offset of each partition in use

    def poll(self, timeout_ms: int) -> dict[int, list[Message]]:
        """Messages by partition from where `on_assign` said to begin; {} when nothing came in time."""
        deadline = monotonic() + timeout_ms / 1000
        while True:
            self._rebalance()
            found = {}
            for partition, offset in self._offsets.items():
                budget = POLL_BYTES // len(self._offsets)
                if messages := _scan(self._file, self._topic, partition, offset, budget):
                    found[partition] = messages
            self._offsets.update({partition: messages[-1].offset + 1 for partition, messages in found.items()})
            if found or monotonic() >= deadline:
                return found
            sleep(POLL_SECONDS)

    def close(self) -> None:
        """Stop using the partitions, then leave the group."""
        if self._offsets:
            self._on_revoke(sorted(self._offsets))
            self._offsets.clear()
        self._membership.leave()

    def _rebalance(self) -> None:
        """Let go of what was lost or is waited for; begin with what was gained."""
        held, leaving = self._membership.renew()
        if gone := self._offsets.keys() - (held - leaving):
            self._on_revoke(sorted(gone))
            self._offsets = {part: offset for part, offset in self._offsets.items() if part not in gone}
        if leaving:
            self._membership.release(leaving)
        if gained := held - leaving - self._offsets.keys():
            self._offsets.update(self._on_assign(sorted(gained)))


class SQLiteStore:
    """A `Store` in one file."""

    def __init__(self, path: str | Path, clock: Clock) -> None:
        """path: need not exist yet; clock: what expiry runs on."""
        self._file = _File(Path(path), STORE_SCHEMA)
        self._clock = clock

    def version(self) -> str:
        """`SQLite 3.40.1`."""
        return f"SQLite {sqlite3.sqlite_version}"

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of several keys, read at one moment; None for each that is absent or expired."""
        query = "select value from entries where name = ? and (expires is null or expires > ?)"
        now = self._clock()
        with self._file.transaction("deferred") as connection:
            rows = [connection.execute(query, (key, now)).fetchone() for key in keys]
        return [row and row[0] for row in rows]

    def put(self, values: Mapping[str, bytes], ttl_ms: int | None = None) -> None:
        """Set several keys atomically; they expire after `ttl_ms`."""
        now = self._clock()
        expires = None if ttl_ms is None else now + ttl_ms
        with self._file.transaction() as connection:
            connection.execute("delete from entries where expires <= ?", (now,))
            rows = ((key, value, expires) for key, value in values.items())
            connection.executemany("insert or replace into entries values (?, ?, ?)", rows)

    def compare_and_set(self, key: str, expected: bytes | None, value: bytes) -> bool:
        """Set `key`, without expiry, only if it still holds `expected` (None: absent); whether it was set."""
        query = "select value from entries where name = ? and (expires is null or expires > ?)"
        with self._file.transaction() as connection:
            row = connection.execute(query, (key, self._clock())).fetchone()
            if (row and row[0]) != expected:
                return False
            connection.execute("insert or replace into entries values (?, ?, null)", (key, value))
        return True

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys; absent ones are no error."""
        with self._file.transaction() as connection:
            connection.executemany("delete from entries where name = ?", ((key,) for key in keys))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
