"""What counts, in one frozen and versioned record: a chart can be argued about only when its rules are written down.

A play counts from 30 seconds on. A chart week runs from Friday 00:00 to Thursday 24:00 UTC and is named by its Friday.
A play weighs by what the listener pays, in whole sixths, so that no sum is ever a float: paid 6, ad-funded 4,
programmed 3 (1, ⅔ and ½ of a unit, the ratios of Billboard's Hot 100 since 2018). One listener moves one track at most
ten plays a day. Every published chart carries their version. New rules are a new run: the counts of a run were weighed by the
rules that it began with, and a correction by others would mix the two.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from shared.clock import DAY_MS, WEEK_MS, from_ms, to_ms
from shared.errors import BadInput

HOUR_MS = DAY_MS // 24
FRIDAY_MS = DAY_MS
"""The first Friday of the epoch: 1970-01-01 was a Thursday, which is why `epoch // week` cuts weeks in the wrong place."""

TIERS = ("paid", "ad_funded", "programmed")


@dataclass(frozen=True)
class Rules:
    """The rules of the chart; times in ms, weights in sixths of a unit."""

    version: str = "2026-1"
    counted_from_ms: int = 30_000
    weights: tuple[int, int, int] = (6, 4, 3)  # by tier, in the order of TIERS
    daily_cap: int = 10  # plays of one user and track a day
    places: int = 50
    final_after_ms: int = 48 * HOUR_MS  # after the end of the week, on the stream's own clock
    corrected_for_ms: int = 53 * WEEK_MS  # later than this after its week, a play is too late and its segment may go
    earliest_ms: int = to_ms(datetime(2006, 1, 1, tzinfo=UTC))
    clock_skew_ms: int = DAY_MS  # how far in the future a client's clock may be
    longest_ms: int = DAY_MS
    most_credits: int = 100


def week_of(ms: Any) -> Any:
    """The number of the chart week that a moment (an integer, or an array of them) lies in: Fridays since 1970-01-02."""
    return (ms - FRIDAY_MS) // WEEK_MS


def week_start(week: int) -> int:
    """Friday 00:00 UTC of a chart week, in ms."""
    return FRIDAY_MS + week * WEEK_MS


def week_name(week: int) -> str:
    """A chart week by its Friday: `2026-11-20`."""
    return from_ms(week_start(week)).date().isoformat()


def parse_week(name: str) -> int:
    """The number of the week that begins on this Friday; BadInput when it is no Friday."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        raise BadInput(f"week {name!r}: expected the Friday it begins on, such as 2026-11-20") from None
    if not 1970 < day.year < 9999:
        raise BadInput(f"week {name!r}: expected a Friday from 1971 to 9998")
    ms = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
    if week_start(week_of(ms)) != ms:
        raise BadInput(f"week {name!r}: not a Friday; did you mean {week_name(week_of(ms))}?")
    return int(week_of(ms))


def finals(watermark: Any, rules: Rules) -> Any:
    """The number of the first week that is not final yet at a watermark (an integer, or an array of them)."""
    return week_of(watermark - rules.final_after_ms)


def is_final(week: int, watermark: int, rules: Rules) -> bool:
    """Whether the stream's clock has passed the end of the week by the grace time."""
    return bool(week < finals(watermark, rules))
