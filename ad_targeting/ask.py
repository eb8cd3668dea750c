"""A request as a player writes it, in names and with a time zone, into the integers that the kernels take.

What is missing is read in the listener's favour: no age is a minor, no consent is none, an unknown country gets only what may play
everywhere. Caps run on the listener's local day, which is 23 or 25 hours long twice a year; so day and hour come from the zone, never
from arithmetic on the moment. Players' clocks are not trusted: the moment is the server's.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field

from ad_targeting.desk import Ask
from ad_targeting.records import MAX_SLOTS, RATINGS, Request
from shared.clock import from_ms
from shared.errors import BadInput
from shared.world.ads import CONTEXTS
from shared.world.countries import CODES, COUNTRIES
from shared.world.schema import AGE_BANDS

EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


class BreakRequest(BaseModel, extra="forbid"):
    """One ad break that asks for ads."""

    decision: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="a retry's gets the same answer")
    user: int = Field(ge=0, lt=1 << 31)
    country: str | None = Field(None, description="ISO code; without one, only campaigns for every country play")
    zone: str | None = Field(None, max_length=64, description="IANA time zone; without one, the country's most common")
    age: str | None = Field(None, description=f"one of {', '.join(AGE_BANDS)}; without one, a minor")
    context: str = Field(description=f"what plays: one of {', '.join(CONTEXTS)}")
    rating: str = Field("explicit", description=f"of what plays: one of {', '.join(RATINGS)}; without one, the worst")
    consent: bool = Field(False, description="whether the profile may be used")
    slots: int = Field(ge=1, le=MAX_SLOTS)


def to_ask(asked: BreakRequest, decision: str, now: int) -> Ask:
    """The names as numbers; now in ms; BadInput names the field."""
    country = _country(asked.country)
    there = from_ms(now).astimezone(_zone(asked.zone, country))
    age = -1 if asked.age is None else _index("age", asked.age, AGE_BANDS)
    context, rating = _index("context", asked.context, CONTEXTS), _index("rating", asked.rating, RATINGS)
    request = Request(0, now, asked.user, country, age, context, there.hour, rating, int(asked.consent), asked.slots)
    return Ask(decision, request, there.toordinal() - EPOCH_DAY)


def _country(code: str | None) -> int:
    if code is None:
        return -1
    if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        raise BadInput(f"country {code!r}: expected two capital letters (ISO 3166) such as SE, or none")
    return CODES.index(code) if code in CODES else -1


def _zone(name: str | None, country: int) -> ZoneInfo:
    if name is None:
        zones = COUNTRIES[country].zones if country >= 0 else {"UTC": 1}
        return ZoneInfo(max(zones, key=lambda zone: zones[zone]))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"zone {name!r}: expected an IANA time zone such as Europe/Stockholm") from error


def _index(field: str, value: str, names: tuple[str, ...]) -> int:
    if value not in names:
        raise BadInput(f"{field} {value!r}: expected one of {', '.join(names)}")
    return names.index(value)
