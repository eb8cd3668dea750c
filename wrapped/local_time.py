"""Local time as a column: the calendar day and hour on the listener's wall at the moment a play began.

A zone is a short list of (moment, offset) steps, two a year where clocks change. All zones lie end to end in one sorted array, the
zone's number in the high bits of each key, so one binary search answers for rows of any mixture of zones. Daylight saving, half-hour
zones, skipped days and users who move need no further code: a play has the offset that held there and then.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from shared.clock import DAY_MS, from_ms, to_ms
from shared.errors import BadInput

HOUR_MS = 3_600_000
EARLIEST_MS = to_ms(datetime(2006, 1, 1, tzinfo=UTC))
"""No play of a streaming service is older."""
STEPS_UNTIL_MS = to_ms(datetime(2051, 1, 1, tzinfo=UTC))
ZONE_SHIFT = 46  # ms since the epoch fit below until the year 4199


def local_time(
    started_ms: NDArray[np.int64], zone: NDArray[np.int64], zones: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Local day (days since 1970-01-01) and hour (0..23) of each start; `zone` indexes `zones`, IANA names."""
    keys, offsets = _steps(tuple(zones))
    at = np.searchsorted(keys, (zone.astype(np.int64) << ZONE_SHIFT) | started_ms, side="right") - 1
    local = started_ms + offsets[at]
    return (local // DAY_MS).astype(np.int32), (local % DAY_MS // HOUR_MS).astype(np.int8)


def known_zone(name: object) -> bool:
    """Whether `name` is an IANA zone of this machine's (or the tzdata package's) database."""
    try:
        return isinstance(name, str) and bool(name) and ZoneInfo(name) is not None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def zone_named(name: str) -> str:
    """`name` itself; BadInput when there is no such zone."""
    if not known_zone(name):
        raise BadInput(f"time zone {name!r}: expected an IANA name such as Europe/Stockholm")
    return name


def year_days(year: int) -> tuple[int, NDArray[np.int8], NDArray[np.int8]]:
    """A year as days: the first one (days since 1970-01-01), and month (0..11) and weekday (0: Monday) of each."""
    first, end = date(year, 1, 1), date(year + 1, 1, 1)
    days = [first + timedelta(days=d) for d in range((end - first).days)]
    number = (first - date(1970, 1, 1)).days
    return number, np.array([d.month - 1 for d in days], np.int8), np.array([d.weekday() for d in days], np.int8)


@lru_cache(maxsize=64)
def _steps(zones: tuple[str, ...]) -> tuple[Any, Any]:
    """Keys int64[S] (zone number above, ms below) and offsets int64[S], ms east of UTC, of all zones end to end."""
    keys, offsets = [], []
    for number, name in enumerate(zones):
        for moment_ms, offset_ms in _zone_steps(name):
            keys.append((number << ZONE_SHIFT) | moment_ms)
            offsets.append(offset_ms)
    return np.array(keys, np.int64), np.array(offsets, np.int64)


@lru_cache(maxsize=1024)
def _zone_steps(name: str) -> tuple[tuple[int, int], ...]:
    """(moment, offset), ms, wherever the offset changes: found week by week, then narrowed to the second."""
    zone = ZoneInfo(zone_named(name))

    def offset(ms: int) -> int:
        return int((from_ms(ms).astimezone(zone).utcoffset() or timedelta()) / timedelta(milliseconds=1))

    steps, low = [(0, offset(EARLIEST_MS))], EARLIEST_MS
    while low < STEPS_UNTIL_MS:
        high = low + 7 * DAY_MS
        if offset(high) != steps[-1][1]:
            before = low
            while high - before > 1000:
                middle = (before + high) // 2000 * 1000
                before, high = (middle, high) if offset(middle) == steps[-1][1] else (before, middle)
            steps.append((high, offset(high)))
        low = high
    return tuple(steps)
