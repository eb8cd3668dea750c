"""Reading the ledger: balances, audit records and sums; beside the writers (WAL), or inside a transaction of one."""

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from shared.errors import CheckFailed, NotFound
from shared.sqlite import explained

REMEDY = "no ledger, or a damaged one: restore the file"
SUMS = """select campaign, sum(micros * (kind = 'budget')), sum(micros * ((kind = 'reserve') - (kind in ('spend', 'release')))),
       sum(micros * (kind = 'spend'))
from audit group by campaign"""


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
    """Reads a ledger; threads take turns."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: AbstractContextManager[object]) -> None:
        """path: for messages; lock: of the connection, which a thread that holds it may take again."""
        self.path, self._connection, self._lock = path, connection, lock

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds, all of one state of the file."""
        with self._lock, explained(self.path, REMEDY):
            return self._connection.execute(sql, values).fetchall()

    def balances(self) -> list[Balance]:
        """Every account, by campaign."""
        return [Balance(*row) for row in self.rows("select * from accounts order by campaign")]

    def known(self, decision: str) -> bytes | None:
        """The audit record of a decision, if it was booked."""
        found = self.rows("select record from decisions where id = ?", decision)
        return found[0][0] if found else None

    def record(self, decision: str) -> bytes:
        """The audit record of a decision; NotFound when it was never booked."""
        if (found := self.known(decision)) is None:
            raise NotFound(f"decision {decision!r}: never booked; take an id that the service returned")
        return found

    def newest(self, count: int) -> list[bytes]:
        """The audit records that were booked last, newest first."""
        return [record for (record,) in self.rows("select record from decisions order by seq desc limit ?", count)]

    def slots(self, decision: str) -> dict[int, str]:
        """What became of a decision's ads, by slot: reserved, spent or released."""
        return dict(self.rows("select slot, state from reservations where decision = ? order by slot", decision))

    def spending(self, since_ms: int, step_ms: int) -> list[tuple[Any, ...]]:
        """(step, campaign, micros) of ads that were played, steps of `step_ms` of the requests' moments, counted from `since_ms`."""
        spent = "decisions join reservations on decision = id where state = 'spent'"
        query = f"select (moment - ?) / ?, campaign, sum(micros) from {spent} group by 1, 2 order by 1, 2"
        return self.rows(query, since_ms, step_ms)

    def prices(self, name: str) -> bytes:
        """Prices that were kept; NotFound when there are none of that name."""
        found = self.rows("select shadow from prices where name = ?", name)
        if not found:
            raise NotFound(f"prices {name!r}: never kept in {self.path}; take a record of this ledger")
        shadow: bytes = found[0][0]
        return shadow

    def exposures(self, user: int, day: int) -> dict[int, int]:
        """How often a user met each campaign on a local day."""
        query = "select campaign, count from exposures where user = ? and day = ? order by campaign"
        return dict(self.rows(query, user, day))

    def check(self) -> int:
        """Compare balances with the sums of their audit rows; how many rows there are, CheckFailed if any balance differs."""
        accounts = "select * from accounts"
        broken = self.rows(f"select * from ({accounts} except {SUMS}) union select * from ({SUMS} except {accounts})")
        if broken:
            raise CheckFailed(f"{self.path}: balances and audit disagree: {broken}; stop spending and restore the file")
        return int(self.rows("select count(*) from audit")[0][0])
