"""What players send: names become numbers, hours and days are the listener's own, and what is missing is read in the listener's favour."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from ad_targeting.service import EPOCH_DAY, BreakRequest, to_request
from shared.clock import DEMO_NOW, to_ms
from shared.errors import BadInput
from shared.world.countries import CODES

PLAIN = {"user": 7, "context": "rock", "slots": 2}


def asked(now=DEMO_NOW, **changes):
    return to_request(BreakRequest(**(PLAIN | changes)), now)


def local(moment, **changes):
    """(local date, local hour) of a request at a UTC moment."""
    ms = to_ms(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    request = asked(ms, **changes)
    return date.fromordinal(request.day + EPOCH_DAY).isoformat(), request.hour


def test_what_is_missing_is_read_in_the_listeners_favour():
    request = asked()
    assert (request.country, request.age, request.consent) == (-1, -1, 0)
    assert request.rating == 2  # nobody said that it is harmless
    assert asked(country="ZZ").country == -1
    assert asked(country="SE").country == CODES.index("SE")


def test_hours_and_days_are_the_listeners():
    assert local("2026-11-23T20:00", country="JP") == ("2026-11-24", 5)
    assert local("2026-11-23T03:00", zone="America/Los_Angeles") == ("2026-11-22", 19)
    assert local("2026-11-23T03:00", zone="Asia/Kolkata") == ("2026-11-23", 8)
    assert local("2026-11-23T12:00") == ("2026-11-23", 12)


def test_a_day_of_25_hours_has_one_cap_and_an_hour_twice():
    stockholm = {"zone": "Europe/Stockholm"}
    assert local("2026-10-25T00:30", **stockholm) == local("2026-10-25T01:30", **stockholm) == ("2026-10-25", 2)
    assert local("2026-10-24T22:00", **stockholm) == ("2026-10-25", 0)
    assert local("2026-10-25T22:59", **stockholm) == ("2026-10-25", 23)
    assert local("2026-10-25T23:00", **stockholm) == ("2026-10-26", 0)


def test_a_day_of_23_hours_skips_one():
    new_york = {"country": "US"}
    assert local("2026-03-08T06:59", **new_york) == ("2026-03-08", 1)
    assert local("2026-03-08T07:00", **new_york) == ("2026-03-08", 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "se"),
        ("country", ""),
        ("country", "ÅÄ"),
        ("zone", "Mars"),
        ("zone", "/etc/passwd"),
        ("age", "12"),
        ("rating", "x"),
    ],
)
def test_a_name_that_is_none(field, value):
    with pytest.raises(BadInput, match=f"{field} .*expected"):
        asked(**{field: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"slots": 0},
        {"slots": 5},
        {"user": -1},
        {"user": 1 << 31},
        {"moment_ms": DEMO_NOW},  # players' clocks are not trusted
        {"faith": "any"},
        {"decision": "a/b"},
    ],
)
def test_fields_are_typed_and_bounded(changes):
    with pytest.raises(ValidationError):
        BreakRequest(**(PLAIN | changes))
