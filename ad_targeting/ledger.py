"""Where the money is: integer micros that move free → reserved → spent, and never past the budget.

An answer is *booked* before it leaves, in one transaction that reserves the prices, counts the frequency caps and writes the audit
record; where two workers want the last micro, it lets one of them have it. A played ad is *settled* (spent); a skipped one, or one that
nobody reports for RESERVATION_MS, is released. A hearing counts for the cap unless the player says that it was skipped: of an ad that
nobody reports, or too late, it may have been one.

Every movement is a row of `audit`, written in the transaction that moves the balance; `books.check` compares the two to the micro. The
sum that must not pass the budget is a CHECK of the schema, so that not even a wrong line of ours could overspend. A key of idempotency
(the decision, its slot) is written in the same transaction too: recorded earlier, a crash would lose the movement, later, double it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from ad_targeting.books import REMEDY, Balance, Books
from ad_targeting.records import NOBODY
from shared.clock import Clock
from shared.errors import BadInput, Busy, NotFound
from shared.sqlite import connect, explained, transaction

MAX_MICROS = (1 << 53) - 1  # beyond it a browser, a Lua script or a float64 would round money
WAIT_S = 60  # sixteen writers take turns
RESERVATION_MS = 600_000  # the longest break, a pause in a tunnel, and a late report of it
SCHEMA = """
create table if not exists accounts (
    campaign integer primary key, budget integer not null, reserved integer not null default 0, spent integer not null default 0,
    check (min(reserved, spent) >= 0 and reserved + spent <= budget)
);
create table if not exists decisions (
    seq integer primary key, id text unique not null, user integer, day integer, moment integer, record blob not null
);
create table if not exists reservations (
    decision text, slot integer, campaign integer not null, micros integer not null, until_ms integer not null,
    state text not null, primary key (decision, slot)
) without rowid;
create index if not exists overdue on reservations (until_ms) where state = 'reserved';
create table if not exists exposures (user integer, day integer, campaign integer, count integer not null,
    primary key (user, day, campaign)) without rowid;
create table if not exists prices (name text primary key, shadow blob not null) without rowid;
create table if not exists audit (
    seq integer primary key, at_ms integer not null, kind text not null, campaign integer not null, micros integer not null,
    decision text, slot integer
);
"""


class Charge(NamedTuple):
    """One ad of a break: what it costs when it is played, and how often this user may meet the campaign that day."""

    campaign: int
    micros: int
    cap: int


class Booking(NamedTuple):
    """One decision as the ledger needs it; `day` is the user's local day, on which caps run, `moment` the request's, ms."""

    decision: str
    user: int
    day: int
    moment: int
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
    TAKEN = "taken"  # the id stands for another answer, the slot for a charge: it stays
    UNFUNDED = "unfunded"  # less is left than it costs: look again, decide again
    CAPPED = "capped"  # another worker showed the campaign meanwhile
    SPENT = "spent"
    RELEASED = "released"
    LATE = "late"  # the reservation had ended; not charged
    UNKNOWN = "unknown"


class Ledger:
    """One SQLite file; any number of processes and threads write it in turn."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """path: need not exist yet; clock: the server's, which alone says what has ended (devices' clocks are skewed)."""
        self.path, self._clock, self._lock = path, clock, RLock()
        self._connection, reader = connect(path, WAIT_S), connect(path, WAIT_S)
        with explained(self.path, REMEDY):
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            if not self._connection.execute("select 1 from sqlite_master where name = 'audit'").fetchone():
                self._connection.executescript(f"begin immediate; {SCHEMA} commit;")
        self.books, self.inside = Books(path, reader, RLock()), Books(path, self._connection, self._lock)
        """What was committed; and what is so inside a transaction of one's own."""

    def close(self) -> None:
        """Close the file."""
        self.books.close()
        self.inside.close()

    def begin_day(self, budgets: Mapping[int, int]) -> None:
        """Forget everything but prices, at which somebody may be deciding, and open accounts: a simulated day begins anew."""
        with self.transaction():
            for table in ("accounts", "decisions", "reservations", "exposures", "audit"):
                self._execute(f"delete from {table}")
            self.set_budgets(budgets)

    def set_budgets(self, budgets: Mapping[int, int]) -> dict[int, int]:
        """Open accounts or edit their budgets; returns the budgets in force.

        A cut below what is spent and reserved cannot undo it: the budget becomes just that, and the campaign stops at once.
        """
        for micros in budgets.values():
            check_micros("budget_micros", micros)
        with self.transaction() as now:
            return {campaign: self._set_budget(campaign, micros, now) for campaign, micros in budgets.items()}

    def book(self, bookings: Sequence[Booking]) -> list[Outcome]:
        """Make decisions durable, each wholly or not at all, in one transaction; an answer may leave only after it."""
        with self.transaction() as now:
            return [self._book(booking, now) for booking in bookings]

    def settle(self, reports: Sequence[Report]) -> list[Outcome]:
        """What players report of ads: played (spent) or not (released). Repeats and late ones move nothing."""
        with self.transaction() as now:
            return [self._settle(report, now) for report in reports]

    def sweep(self) -> int:
        """Release the reservations that have ended; how many there were."""
        with self.transaction() as now:
            overdue = "from reservations where state = 'reserved' and until_ms <= ?"
            rows = self.inside.rows(f"select decision, slot, campaign, micros {overdue}", now)
            for decision, slot, campaign, micros in rows:
                self._end(now, decision, slot, campaign, micros, "release")
        return len(rows)

    def keep_prices(self, name: str, shadow: bytes) -> None:
        """Keep prices under their name, for whoever replays a decision made at them."""
        with self.transaction():
            self._execute("insert or ignore into prices values (?, ?)", name, shadow)

    def forget(self, user: int, nameless: Callable[[bytes], bytes]) -> int:
        """Take a user's name out of their decisions and records, and drop their exposures; money stays where it is. How many decisions."""
        with self.transaction():
            rows = self.inside.rows("select seq, record from decisions where user = ?", user)
            for seq, record in rows:
                self._execute("update decisions set user = ?, record = ? where seq = ?", NOBODY, nameless(record), seq)
            self._execute("delete from exposures where user = ?", user)
        return len(rows)

    def _set_budget(self, campaign: int, micros: int, now: int) -> int:
        self._execute("insert or ignore into accounts (campaign, budget) values (?, 0)", campaign)
        balance = self._balance(campaign)
        in_force = max(micros, balance.budget - balance.free)
        self._execute("update accounts set budget = ? where campaign = ?", in_force, campaign)
        self._audit(now, "budget", campaign, in_force - balance.budget, None, None)
        return in_force

    def _settle(self, report: Report, now: int) -> Outcome:
        decision, slot, played = report
        query = "select campaign, micros, state, until_ms from reservations where decision = ? and slot = ?"
        rows = self.inside.rows(query, decision, slot)
        if not rows:
            return Outcome.UNKNOWN
        campaign, micros, state, until = rows[0]
        if state != "reserved":
            if played == (state == "spent"):
                return Outcome.REPEATED
            return Outcome.LATE if played else Outcome.TAKEN
        late = until <= now
        self._end(now, decision, slot, campaign, micros, "spend" if played and not late else "release")
        if not played and not late:
            heard = "(user, day) = (select user, day from decisions where id = ?)"
            self._execute(f"update exposures set count = count - 1 where campaign = ? and {heard}", campaign, decision)
        return Outcome.LATE if late and played else Outcome.SPENT if played else Outcome.RELEASED

    def _book(self, booking: Booking, now: int) -> Outcome:
        if known := self.inside.known(booking.decision):
            return Outcome.REPEATED if known == booking.record else Outcome.TAKEN
        for charge in booking.charges:
            if self.inside.exposures(booking.user, booking.day).get(charge.campaign, 0) >= charge.cap:
                return Outcome.CAPPED
            if self._balance(charge.campaign).free < charge.micros:
                return Outcome.UNFUNDED
        self._execute("insert into decisions values (null, ?, ?, ?, ?, ?)", *booking[:5])
        for slot, charge in enumerate(booking.charges):
            self._move(now, "reserve", charge.campaign, charge.micros, booking.decision, slot)
            reserved = (booking.decision, slot, charge.campaign, charge.micros, now + RESERVATION_MS)
            self._execute("insert into reservations values (?, ?, ?, ?, ?, 'reserved')", *reserved)
            heard = "insert into exposures values (?, ?, ?, 1) on conflict do update set count = count + 1"
            self._execute(heard, booking.user, booking.day, charge.campaign)
        return Outcome.BOOKED

    def _end(self, now: int, decision: str, slot: int, campaign: int, micros: int, kind: str) -> None:
        """Spend or release a reservation."""
        state = "spent" if kind == "spend" else "released"
        self._execute("update reservations set state = ? where decision = ? and slot = ?", state, decision, slot)
        self._move(now, kind, campaign, micros, decision, slot)

    def _move(self, now: int, kind: str, campaign: int, micros: int, decision: str, slot: int) -> None:
        """Move money in the account and write the audit row of it."""
        reserved, spent = {"reserve": (1, 0), "spend": (-1, 1), "release": (-1, 0)}[kind]
        moved = "update accounts set reserved = reserved + ?, spent = spent + ? where campaign = ?"
        self._execute(moved, reserved * micros, spent * micros, campaign)
        self._audit(now, kind, campaign, micros, decision, slot)

    def _audit(self, *row: object) -> None:
        self._execute("insert into audit values (null, ?, ?, ?, ?, ?, ?)", *row)

    def _balance(self, campaign: int) -> Balance:
        rows = self.inside.rows("select campaign, budget, reserved, spent from accounts where campaign = ?", campaign)
        if not rows:
            raise NotFound(f"campaign {campaign}: has no account; set its budget first")
        return Balance(*rows[0])

    def _execute(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    @contextmanager
    def transaction(self, wait_s: float = WAIT_S) -> Iterator[int]:
        """All or nothing, one writer at a time; yields the time at which it holds the lock. Inside another it is part of that. Busy when
        others, threads or processes, hold it for longer than wait_s each."""
        if not self._lock.acquire(timeout=wait_s):
            raise Busy(f"{self.path}: not free within {wait_s} s; nothing was begun")
        try:
            with explained(self.path, REMEDY):
                if self._connection.in_transaction:
                    yield self._clock()
                    return
                self._execute(f"pragma busy_timeout = {round(wait_s * 1000)}")
                with transaction(self._connection):
                    yield self._clock()
        finally:
            self._lock.release()


def check_micros(field: str, micros: int) -> None:
    """BadInput unless it is a whole number of micros from 0 to MAX_MICROS."""
    if type(micros) is not int or not 0 <= micros <= MAX_MICROS:
        raise BadInput(f"{field} {micros!r}: expected whole micros from 0 to {MAX_MICROS}; a euro is 1000000")
