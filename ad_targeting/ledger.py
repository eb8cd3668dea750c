"""Where the money is: integer micros that move free → leased → reserved → spent, and never past the budget.

A decision must not wait for a disk, so a worker holds a *lease*: a slice of each budget, in memory, that nobody else can spend. What it
decides is *booked* before the answer leaves: one transaction moves the price from the lease to a reservation, counts the frequency cap
and writes the audit record. A played ad is *settled* (spent), a skipped or forgotten one released. Whoever dies holds nothing for long:
leases and reservations end, and a sweep returns them.

Every movement is a row of `audit`, written in the transaction that moves the balance; `books.check` compares the two to the micro. The sum
that must not pass the budget is a CHECK of the schema, so that not even a wrong line of ours could overspend. A key of idempotency (the
decision, its slot) is written in the same transaction too: recorded earlier, a crash would lose the movement, later, double it.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from ad_targeting.books import Balance, Books, explained
from shared.clock import Clock
from shared.errors import BadInput, NotFound

MAX_MICROS = (1 << 53) - 1  # beyond it a browser, a Lua script or a float64 would round money
LEASE_MS = 60_000
RESERVATION_MS = 600_000  # the longest break, a pause in a tunnel, and a late report of it
SCHEMA = """
create table if not exists accounts (
    campaign integer primary key, budget integer not null, leased integer not null default 0,
    reserved integer not null default 0, spent integer not null default 0,
    check (min(leased, reserved, spent) >= 0 and leased + reserved + spent <= budget)
);
create table if not exists leases (
    worker text, campaign integer, micros integer not null check (micros >= 0), until_ms integer not null,
    primary key (worker, campaign)
) without rowid;
create table if not exists decisions (
    seq integer primary key, id text unique not null, user integer not null, day integer not null, record blob not null
);
create table if not exists reservations (
    decision text, slot integer, campaign integer not null, micros integer not null, until_ms integer not null,
    state text not null, primary key (decision, slot)
) without rowid;
create index if not exists overdue on reservations (until_ms) where state = 'reserved';
create table if not exists exposures (user integer, day integer, campaign integer, count integer not null,
    primary key (user, day, campaign)) without rowid;
create table if not exists prices (name text primary key, shadow blob not null) without rowid;
create table if not exists responses (decision text, slot integer, at_ms integer not null, primary key (decision, slot)) without rowid;
create table if not exists audit (
    seq integer primary key, at_ms integer not null, kind text not null, campaign integer not null, micros integer not null,
    decision text, slot integer
);
"""


class Slice(NamedTuple):
    """What a worker's lease of a campaign holds now, and how much of that is new, micros."""

    holds: int
    more: int


class Charge(NamedTuple):
    """One ad of a break: what it costs when it is played, and how often this user may meet the campaign that day."""

    campaign: int
    micros: int
    cap: int


class Booking(NamedTuple):
    """One decision as the ledger needs it; `day` is the user's local day, on which caps run."""

    decision: str
    user: int
    day: int
    record: bytes
    charges: tuple[Charge, ...]


class Report(NamedTuple):
    """Of the ad in a slot of a break: it was played, or it was not."""

    decision: str
    slot: int
    played: bool


class Outcome(StrEnum):
    """What became of a booking or of a report."""

    BOOKED = "booked"
    REPEATED = "repeated"  # the very same came before; nothing moved
    TAKEN = "taken"  # the id stands for another answer, which stays
    UNFUNDED = "unfunded"  # the lease is gone or too small: lease again, decide again
    CAPPED = "capped"  # another worker showed the campaign meanwhile
    SPENT = "spent"
    RELEASED = "released"
    RESPONDED = "responded"
    LATE = "late"  # the reservation had ended; not charged
    UNKNOWN = "unknown"


class Ledger:
    """One SQLite file; any number of processes and threads write it in turn."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """path: need not exist yet; clock: the server's, which alone says what has ended (devices' clocks are skewed)."""
        self.path, self._clock, self._lock = path, clock, Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        with explained(self.path):
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            if not self._connection.execute("select 1 from sqlite_master where name = 'audit'").fetchone():
                self._connection.executescript(f"begin immediate; {SCHEMA} commit;")
        self.books = Books(path)

    def close(self) -> None:
        """Close the file."""
        self.books.close()
        with self._lock:
            self._connection.close()

    def set_budgets(self, budgets: Mapping[int, int]) -> dict[int, int]:
        """Open accounts or edit their budgets; returns the budgets in force.

        A cut below what is spent and reserved cannot undo it: the budget becomes just that, and the campaign stops at once, because
        its leases are called back.
        """
        for micros in budgets.values():
            check_micros("budget_micros", micros)
        with self._transaction() as now:
            return {campaign: self._set_budget(campaign, micros, now) for campaign, micros in budgets.items()}

    def lease(self, worker: str, wanted: Mapping[int, int]) -> dict[int, Slice]:
        """Fill a worker's slices up to `wanted` micros a campaign, as far as budgets go; all its slices are held for LEASE_MS from now."""
        slices = {}
        with self._transaction() as now:
            self._call_back("until_ms <= ?", now, now)
            until = now + LEASE_MS
            self._execute("update leases set until_ms = ? where worker = ?", until, worker)
            for campaign, micros in sorted(wanted.items()):
                check_micros("lease", micros)
                (has,) = self._row("select micros from leases where worker = ? and campaign = ?", worker, campaign) or (
                    0,
                )
                more = max(0, min(micros - has, self._balance(campaign).free))
                self._execute(
                    "insert into leases values (?, ?, ?, ?) on conflict do update set micros = micros + ?",
                    *(worker, campaign, more, until, more),
                )
                self._move(now, "lease", campaign, more)
                slices[campaign] = Slice(has + more, more)
        return slices

    def book(self, worker: str, bookings: Sequence[Booking]) -> list[Outcome]:
        """Make decisions durable, each wholly or not at all, in one transaction; an answer may leave only after it."""
        with self._transaction() as now:
            return [self._book(worker, booking, now) for booking in bookings]

    def settle(self, reports: Sequence[Report]) -> list[Outcome]:
        """What players report of ads: played (spent) or not (released). Repeats and late ones move nothing."""
        with self._transaction() as now:
            return [self._settle(report, now) for report in reports]

    def respond(self, decision: str, slot: int) -> Outcome:
        """A listener tapped an ad: counted once, and only of what was played. It is paid for already: prices hold its probability."""
        with self._transaction() as now:
            row = self._row("select state from reservations where decision = ? and slot = ?", decision, slot)
            if row is None or row[0] != "spent":
                return Outcome.UNKNOWN if row is None else Outcome.LATE
            before = self._row("select 1 from responses where decision = ? and slot = ?", decision, slot)
            self._execute("insert or ignore into responses values (?, ?, ?)", decision, slot, now)
        return Outcome.REPEATED if before else Outcome.RESPONDED

    def sweep(self) -> tuple[int, int]:
        """Return what has ended to the budgets: (leases, reservations)."""
        with self._transaction() as now:
            leases = self._call_back("until_ms <= ?", now, now)
            query = (
                "select decision, slot, campaign, micros from reservations where state = 'reserved' and until_ms <= ?"
            )
            overdue = self._connection.execute(query, (now,)).fetchall()
            for decision, slot, campaign, micros in overdue:
                self._end(now, decision, slot, campaign, micros, "release")
        return leases, len(overdue)

    def keep_prices(self, name: str, shadow: bytes) -> None:
        """Keep prices under their name, for whoever replays a decision made at them."""
        with self._transaction():
            self._execute("insert or ignore into prices values (?, ?)", name, shadow)

    def _set_budget(self, campaign: int, micros: int, now: int) -> int:
        self._execute("insert or ignore into accounts (campaign, budget) values (?, 0)", campaign)
        balance = self._balance(campaign)
        if micros < balance.budget - balance.free:
            self._call_back("campaign = ?", campaign, now)
        balance = self._balance(campaign)
        in_force = max(micros, balance.leased + balance.reserved + balance.spent)
        self._execute("update accounts set budget = ? where campaign = ?", in_force, campaign)
        self._audit(now, "budget", campaign, in_force - balance.budget)
        return in_force

    def _settle(self, report: Report, now: int) -> Outcome:
        decision, slot, played = report
        query = "select campaign, micros, state, until_ms from reservations where decision = ? and slot = ?"
        row = self._row(query, decision, slot)
        if row is None:
            return Outcome.UNKNOWN
        campaign, micros, state, until = row
        if state != "reserved":
            return Outcome.REPEATED if state == ("spent" if played else "released") else Outcome.LATE
        late = until <= now
        self._end(now, decision, slot, campaign, micros, "spend" if played and not late else "release")
        return Outcome.LATE if late and played else Outcome.SPENT if played else Outcome.RELEASED

    def _book(self, worker: str, booking: Booking, now: int) -> Outcome:
        known = self._row("select record from decisions where id = ?", booking.decision)
        if known:
            return Outcome.REPEATED if bytes(known[0]) == booking.record else Outcome.TAKEN
        for charge in booking.charges:
            has = self._row(
                "select 1 from leases where worker = ? and campaign = ? and micros >= ? and until_ms > ?",
                *(worker, charge.campaign, charge.micros, now),
            )
            met = self._row(
                "select 1 from exposures where user = ? and day = ? and campaign = ? and count >= ?",
                *(booking.user, booking.day, charge.campaign, charge.cap),
            )
            if met or not has:
                return Outcome.CAPPED if met else Outcome.UNFUNDED
        self._execute("insert into decisions values (null, ?, ?, ?, ?)", *booking[:4])
        for slot, charge in enumerate(booking.charges):
            self._reserve(worker, booking, slot, charge, now)
        return Outcome.BOOKED

    def _reserve(self, worker: str, booking: Booking, slot: int, charge: Charge, now: int) -> None:
        self._execute(
            "update leases set micros = micros - ? where worker = ? and campaign = ?",
            charge.micros,
            worker,
            charge.campaign,
        )
        self._move(now, "reserve", charge.campaign, charge.micros, booking.decision, slot)
        self._execute(
            "insert into reservations values (?, ?, ?, ?, ?, 'reserved')",
            *(booking.decision, slot, charge.campaign, charge.micros, now + RESERVATION_MS),
        )
        self._execute(
            "insert into exposures values (?, ?, ?, 1) on conflict do update set count = count + 1",
            *(booking.user, booking.day, charge.campaign),
        )

    def _end(self, now: int, decision: str, slot: int, campaign: int, micros: int, kind: str) -> None:
        """Spend or release a reservation; an ad that was not played does not count for the cap either."""
        state = "spent" if kind == "spend" else "released"
        self._execute("update reservations set state = ? where decision = ? and slot = ?", state, decision, slot)
        self._move(now, kind, campaign, micros, decision, slot)
        if kind == "release":
            self._execute(
                "update exposures set count = count - 1 where campaign = ? and (user, day) ="
                " (select user, day from decisions where id = ?)",
                *(campaign, decision),
            )

    def _call_back(self, where: str, value: int, now: int) -> int:
        """End the leases for which `where` holds and free what they held."""
        ended = self._connection.execute(f"select campaign, micros from leases where {where}", (value,)).fetchall()
        self._execute(f"delete from leases where {where}", value)
        for campaign, micros in ended:
            self._move(now, "return", campaign, micros)
        return len(ended)

    def _move(
        self, now: int, kind: str, campaign: int, micros: int, decision: str | None = None, slot: int | None = None
    ) -> None:
        """Move money in the account and write the audit row of it."""
        leased, reserved, spent = {
            "lease": (1, 0, 0),
            "return": (-1, 0, 0),
            "reserve": (-1, 1, 0),
            "spend": (0, -1, 1),
            "release": (0, -1, 0),
        }[kind]
        if micros:
            self._execute(
                "update accounts set leased = leased + ?, reserved = reserved + ?, spent = spent + ? where campaign = ?",
                *(leased * micros, reserved * micros, spent * micros, campaign),
            )
            self._audit(now, kind, campaign, micros, decision, slot)

    def _audit(
        self, now: int, kind: str, campaign: int, micros: int, decision: str | None = None, slot: int | None = None
    ) -> None:
        self._execute("insert into audit values (null, ?, ?, ?, ?, ?, ?)", now, kind, campaign, micros, decision, slot)

    def _balance(self, campaign: int) -> Balance:
        row = self._row("select campaign, budget, leased, reserved, spent from accounts where campaign = ?", campaign)
        if row is None:
            raise NotFound(f"campaign {campaign}: has no account; set its budget first")
        return Balance(*row)

    def _row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        return found

    def _execute(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[int]:
        """All or nothing, one writer at a time; yields the time at which it holds the lock."""
        with self._lock, explained(self.path):
            self._connection.execute("begin immediate")
            try:
                yield self._clock()
                self._connection.execute("commit")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")


def check_micros(field: str, micros: int) -> None:
    """BadInput unless it is a whole number of micros from 0 to MAX_MICROS."""
    if type(micros) is not int or not 0 <= micros <= MAX_MICROS:
        raise BadInput(
            f"{field} {micros!r}: expected whole micros from 0 to {MAX_MICROS} (2^53 - 1); a euro is 1000000"
        )
