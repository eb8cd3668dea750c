"""Campaigns as advertisers write them, validated into columns: the only door by which anything becomes targetable.

The list of fields is closed. Health, faith, politics, origin and the like are not forbidden words that somebody might spell otherwise:
no field could carry them. Bands under 18 cannot be targeted either. A field that is left out means everybody; an empty list would mean
nobody, which nobody means, and is refused.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ad_targeting.ledger import MAX_MICROS
from ad_targeting.records import ADULT, RATINGS, Campaigns
from shared.errors import BadInput
from shared.world.ads import CATEGORIES, CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

FIELDS: dict[str, tuple[str, Sequence[Any], str]] = {
    "campaign_id": ("number", range(1 << 31), "i8"),
    "advertiser": ("number", range(1 << 31), "i4"),
    "category": ("name", CATEGORIES, "i2"),
    "budget_micros": ("number", range(1, MAX_MICROS + 1), "i8"),
    "bid_micros": ("number", range(1, 1 << 31), "i8"),
    "starts_ms": ("number", range(MAX_MICROS + 1), "i8"),
    "ends_ms": ("number", range(MAX_MICROS + 1), "i8"),
    "countries": ("list", CODES, "u8"),
    "ages": ("list", AGE_BANDS, "u8"),
    "contexts": ("list", CONTEXTS, "u8"),
    "hours": ("list", range(24), "u8"),  # the listener's own
    "cap_per_day": ("number", range(1, 256), "i2"),
    "rating": ("name", RATINGS, "i1"),
}
"""All that a rule may say, in the order of Campaigns: a whole number (required), a name (required), or a list of what is targeted."""


def to_campaigns(rules: Sequence[Any], source: str = "campaigns") -> Campaigns:
    """Columns of validated rules, ascending in id; BadInput names source, row and field."""
    rows = sorted(parse(rule, f"{source}, row {number}") for number, rule in enumerate(rules, 1))
    for one, two in pairwise(rows):
        if one[0] == two[0]:
            raise BadInput(f"{source}: campaign_id {one[0]} twice; give each campaign its own")
    columns = zip(*rows, strict=True) if rows else [()] * len(FIELDS)
    return Campaigns(*(np.array(column, spec[2]) for column, spec in zip(columns, FIELDS.values(), strict=True)))


def parse(rule: Any, where: str) -> tuple[int, ...]:
    """One rule as the fields of Campaigns; BadInput names the field, what was expected and what to do."""
    if not isinstance(rule, Mapping):
        raise BadInput(f"{where}: expected an object with the fields {', '.join(FIELDS)}, not {rule!r}")
    for field in rule:
        if field not in FIELDS:
            raise BadInput(f"{where}: field {field!r}: cannot be targeted; the list is closed: {', '.join(FIELDS)}")
    values = tuple(_value(rule.get(field), f"{where}: {field}", *spec[:2]) for field, spec in FIELDS.items())
    if values[5] >= values[6]:
        raise BadInput(f"{where}: ends_ms {values[6]}: expected after starts_ms {values[5]}; swap or correct")
    return values


def _value(value: Any, what: str, kind: str, allowed: Sequence[Any]) -> int:
    """A number as it is, a name as its index, a list as a mask: bit v for value v of `allowed`."""
    if kind == "number":
        if type(value) is not int or value not in allowed:
            raise BadInput(f"{what} {value!r}: expected a whole number from {allowed[0]} to {allowed[-1]}")
        return value
    if kind == "list":
        if value is None:
            return (1 << len(allowed)) - 1
        if not isinstance(value, list) or not value:
            raise BadInput(f"{what} {value!r}: expected a list of at least one value; for everybody leave it out")
        names = allowed[ADULT:] if allowed is AGE_BANDS else allowed
        return sum({1 << allowed.index(member(each, what, names)) for each in value})
    return allowed.index(member(value, what, allowed))


def member(value: Any, what: str, names: Sequence[Any]) -> Any:
    """The value; BadInput unless it is one of the names."""
    if type(value) not in (str, int) or value not in names:
        raise BadInput(f"{what} {value!r}: expected one of {', '.join(map(str, names))}")
    return value
