"""Where listeners and artists live: twenty countries with their weight, language, time zones and hours.

Weights are rough shares of a worldwide service, not of any real one. `late` shifts the day: dinner, and music, is later in Madrid
than in Stockholm. Zones with half hours (India, Adelaide, Newfoundland) and both hemispheres' summer times are here on purpose.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shared.clock import DAY_MS, DEMO_NOW

SPAN_START_DAY = 20_089
"""2025-01-01, as days since the epoch: the first day of the world."""
SPAN_END_DAY = DEMO_NOW // DAY_MS
"""2026-11-23, as days since the epoch: nothing happens on it or later."""


class Country(NamedTuple):
    """One country; zones maps an IANA zone to its share of the people; late is in hours."""

    code: str
    listeners: int
    artists: int
    language: str
    zones: dict[str, int]
    late: int = 0


COUNTRIES = (
    Country(
        "US",
        220,
        300,
        "en",
        {"America/New_York": 47, "America/Chicago": 29, "America/Denver": 7, "America/Los_Angeles": 17},
    ),
    Country("BR", 90, 60, "pt", {"America/Sao_Paulo": 90, "America/Manaus": 10}, 1),
    Country("MX", 80, 40, "es", {"America/Mexico_City": 100}, 1),
    Country("GB", 80, 120, "en", {"Europe/London": 100}),
    Country("DE", 75, 60, "de", {"Europe/Berlin": 100}, -1),
    Country("FR", 55, 55, "fr", {"Europe/Paris": 100}),
    Country("ES", 50, 40, "es", {"Europe/Madrid": 95, "Atlantic/Canary": 5}, 2),
    Country("IN", 50, 25, "hi", {"Asia/Kolkata": 100}),
    Country("JP", 50, 40, "ja", {"Asia/Tokyo": 100}, -1),
    Country("CA", 40, 40, "en", {"America/Toronto": 70, "America/Vancouver": 25, "America/St_Johns": 5}),
    Country("IT", 40, 30, "it", {"Europe/Rome": 100}, 1),
    Country("PL", 35, 20, "pl", {"Europe/Warsaw": 100}, -1),
    Country("TR", 35, 20, "tr", {"Europe/Istanbul": 100}, 1),
    Country("SE", 30, 45, "sv", {"Europe/Stockholm": 100}, -1),
    Country("AR", 30, 20, "es", {"America/Argentina/Buenos_Aires": 100}, 2),
    Country("AU", 30, 30, "en", {"Australia/Sydney": 70, "Australia/Perth": 15, "Australia/Adelaide": 15}, -1),
    Country("KR", 25, 30, "ko", {"Asia/Seoul": 100}),
    Country("UA", 15, 15, "uk", {"Europe/Kyiv": 100}),
    Country("EG", 15, 12, "ar", {"Africa/Cairo": 100}, 1),
    Country("TW", 15, 12, "zh", {"Asia/Taipei": 100}),
)
CODES = [country.code for country in COUNTRIES]
LANGUAGES = sorted({country.language for country in COUNTRIES})
ZONES = [zone for country in COUNTRIES for zone in country.zones]


@cache
def zone_offsets() -> NDArray[np.int64]:
    """Minutes ahead of UTC at local noon, int64[zone, day of the span]; a day's sessions all use it.

    In the small hours of the two change-over nights a local time may therefore be an hour off; no local time is skipped or doubled.
    """
    noons = [datetime.fromtimestamp(day * 86_400 + 43_200, UTC).replace(tzinfo=None) for day in _days()]
    one = timedelta(minutes=1)
    rows = [[noon.replace(tzinfo=zone).utcoffset() // one for noon in noons] for zone in map(ZoneInfo, ZONES)]  # type: ignore[operator]
    return np.array(rows, np.int64)


def _days() -> range:
    return range(SPAN_START_DAY, SPAN_END_DAY + 1)


# Listening by local hour, 0 to 23: two commutes and an evening on weekdays, one long hill at the weekend.
WORKDAY = np.array([3, 2, 1, 1, 1, 2, 5, 9, 10, 8, 7, 7, 8, 8, 8, 8, 9, 11, 11, 11, 11, 10, 8, 5])
WEEKEND = np.array([5, 4, 3, 2, 1, 1, 2, 3, 5, 8, 10, 11, 11, 11, 11, 11, 11, 11, 12, 12, 12, 11, 9, 7])
