"""Reading the ledger: balances, audit records and sums, beside the writers (WAL) and without waiting for them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from shared.errors import BadInput, CheckFailed, LinerError, NotFound

SUMS = """
select campaign, sum(micros * (kind = 'budget')), sum(micros * ((kind = 'reserve') - (kind in ('spend', 'release')))),
       sum(micros * (kind = 'spend'))
from audit group by campaign order by campaign
"""


class Balance(NamedTuple):
    """Of one campaign, in micros; what is left of the budget is free."""

    campaign: int
    budget: int
    reserved: int
    spent: int

    @property
    def free(self) -> int:
        """What may still be reserved."""
        return self.budget - self.reserved - self.spent


class Books:
    """A reader of one ledger file; threads take turns."""

    def __init__(self, path: Path) -> None:
        """path: of a ledger that exists."""
        self.path, self._lock = path, Lock()
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def balances(self) -> list[Balance]:
        """Every account, by campaign."""
        with self._reading():
            rows = self._connection.execute("select campaign, budget, reserved, spent from accounts order by campaign")
            return [Balance(*row) for row in rows]

    def record(self, decision: str) -> bytes:
        """The audit record of a decision; NotFound when it was never booked."""
        with self._reading():
            row = self._row("select record from decisions where id = ?", decision)
        if row is None:
            raise NotFound(f"decision {decision!r}: never booked; take an id that the service returned")
        return bytes(row[0])

    def newest(self, count: int) -> list[bytes]:
        """The audit records that were booked last, newest first."""
        with self._reading():
            rows = self._connection.execute("select record from decisions order by seq desc limit ?", (count,))
            return [bytes(record) for (record,) in rows]

    def slots(self, decision: str) -> dict[int, str]:
        """What became of a decision's ads, by slot: reserved, spent or released."""
        with self._reading():
            query = "select slot, state from reservations where decision = ? order by slot"
            return dict(self._connection.execute(query, (decision,)))

    def spending(self, since_ms: int, step_ms: int) -> list[tuple[int, int, int]]:
        """(step, campaign, micros spent in it), steps of `step_ms` counted from `since_ms`."""
        with self._reading():
            query = "select (at_ms - ?) / ?, campaign, sum(micros) from audit where kind = 'spend' group by 1, 2 order by 1, 2"
            return self._connection.execute(query, (since_ms, step_ms)).fetchall()

    def prices(self, name: str) -> bytes:
        """Prices that were kept; NotFound when there are none of that name."""
        with self._reading():
            row = self._row("select shadow from prices where name = ?", name)
        if row is None:
            raise NotFound(f"prices {name!r}: never kept in {self.path}; take a record of this ledger")
        return bytes(row[0])

    def exposures(self, user: int, day: int) -> dict[int, int]:
        """How often a user met each campaign on a local day."""
        with self._reading():
            query = "select campaign, count from exposures where user = ? and day = ? order by campaign"
            return dict(self._connection.execute(query, (user, day)))

    def check(self) -> int:
        """Compare balances with the sums of their audit rows; how many rows there are, CheckFailed if any balance differs."""
        with self._reading():
            balances = {row[0]: row for row in self._connection.execute("select * from accounts")}
            sums = {row[0]: row for row in self._connection.execute(SUMS)}
            (rows,) = self._row("select count(*) from audit") or (0,)
        for campaign in sorted(balances.keys() | sums.keys()):
            if balances.get(campaign) != sums.get(campaign):
                raise CheckFailed(
                    f"{self.path}: campaign {campaign}: balance {balances.get(campaign)}, audit {sums.get(campaign)};"
                    " stop spending and restore the file"
                )
        return int(rows)

    def _row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One state of the file, however many queries look at it."""
        with self._lock, explained(self.path):
            self._connection.execute("begin")
            try:
                yield
            finally:
                self._connection.execute("rollback")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LinerError(f"{path}: {error}; what was committed before still stands") from error
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{path}: {error}; restore the file or delete it") from error
