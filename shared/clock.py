"""The clock, passed in: no system reads the wall clock, so every run can be repeated.

Times are integers, milliseconds since the epoch, UTC. A `Clock` is any function that returns one.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import time_ns

from shared.errors import BadInput

Clock = Callable[[], int]

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of milliseconds since the epoch."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


DEMO_NOW = to_ms(datetime(2026, 11, 23, tzinfo=UTC))
"""Where the demos' clock stands: Monday 2026-11-23, 00:00 UTC."""


def fixed_clock(ms: int) -> Clock:
    """A clock that stands still at `ms`."""
    return lambda: ms


def system_clock() -> int:
    """The wall clock; only commands and servers take it, and pass it on."""
    return time_ns() // 1_000_000


def week_start_ms(iso_week: str) -> int:
    """Monday 00:00 UTC of an ISO week such as `2026-W48`, in ms; BadInput when it is no such week."""
    try:
        if not re.fullmatch(r"\d{4}-W\d{2}", iso_week):
            raise ValueError(iso_week)
        monday = date.fromisocalendar(int(iso_week[:4]), int(iso_week[6:]), 1)
    except ValueError:
        raise BadInput(f"week {iso_week!r}: expected an ISO week such as 2026-W48") from None
    return to_ms(datetime(monday.year, monday.month, monday.day, tzinfo=UTC))


def iso_week(ms: int) -> str:
    """The ISO week, such as `2026-W48`, that a UTC moment falls into."""
    year, week, _ = from_ms(ms).isocalendar()
    return f"{year}-W{week:02d}"
