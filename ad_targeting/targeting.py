"""Campaigns as advertisers write them, validated into columns: the only door by which anything becomes targetable.

The list of fields is closed. Health, faith, politics, origin and the like are not forbidden words that somebody might spell otherwise:
no field could carry them. Bands under 18 cannot be targeted either. A field that is left out means everybody; an empty list would mean
nobody, which nobody means, and is refused.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ad_targeting.ledger import MAX_MICROS
from ad_targeting.records import ADULT, RATINGS, Campaigns
from shared.errors import BadInput
from shared.world.ads import CATEGORIES, CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

TARGETS: dict[str, Sequence[Any]] = {
    "countries": CODES,
    "ages": AGE_BANDS[ADULT:],
    "contexts": CONTEXTS,
    "hours": range(24),
}
"""All that a rule may name, and its values; hours are the listener's own."""
NUMBERS = {
    "campaign_id": (0, (1 << 31) - 1),
    "advertiser": (0, (1 << 31) - 1),
    "budget_micros": (1, MAX_MICROS),
    "bid_micros": (1, (1 << 31) - 1),
    "starts_ms": (0, MAX_MICROS),
    "ends_ms": (0, MAX_MICROS),
    "cap_per_day": (1, 1_000),
    "duration_ms": (1_000, 60_000),
}
"""Whole numbers, all required, with the least and the most."""
NAMES: dict[str, Sequence[str]] = {"category": CATEGORIES, "rating": RATINGS}
DTYPES = dict(
    zip(
        Campaigns._fields,
        ["i8", "i4", "i2", "i8", "i8", "i8", "i8", "u8", "u8", "u8", "u8", "i2", "i1", "i4"],
        strict=True,
    )
)


def to_campaigns(rules: Sequence[Mapping[str, Any]], source: str = "campaigns") -> Campaigns:
    """Columns of validated rules, ascending in id; BadInput names source, row and field."""
    rows = sorted((parse(rule, f"{source}, row {number}") for number, rule in enumerate(rules, 1)))
    for one, two in itertools.pairwise(rows):
        if one[0] == two[0]:
            raise BadInput(f"{source}: campaign_id {one[0]} twice; give each campaign its own")
    columns = zip(*rows, strict=True) if rows else ((),) * len(Campaigns._fields)
    return Campaigns(*(np.array(column, dtype) for column, dtype in zip(columns, DTYPES.values(), strict=True)))


def parse(rule: Mapping[str, Any], where: str) -> tuple[int, ...]:
    """One rule as the fields of Campaigns; BadInput names the field, what was expected and what to do."""
    if not isinstance(rule, Mapping):
        raise BadInput(f"{where}: expected an object with {', '.join(NUMBERS)}, {', '.join(NAMES)}, not {rule!r}")
    known = [*NUMBERS, *NAMES, *TARGETS]
    for field in rule:
        if field not in known:
            raise BadInput(
                f"{where}: field {field!r} cannot be set or targeted; the list is closed: {', '.join(known)}"
            )
    value = {field: _number(rule.get(field), where, field, *bounds) for field, bounds in NUMBERS.items()}
    name = {field: _name(rule.get(field), where, field, names) for field, names in NAMES.items()}
    mask = {field: _mask(rule.get(field), where, field) for field in TARGETS}
    if value["starts_ms"] >= value["ends_ms"]:
        raise BadInput(
            f"{where}: ends_ms {value['ends_ms']}: expected after starts_ms {value['starts_ms']}; swap or correct"
        )
    return (
        *(value["campaign_id"], value["advertiser"], name["category"], value["budget_micros"], value["bid_micros"]),
        *(value["starts_ms"], value["ends_ms"]),
        *(mask["countries"], mask["ages"], mask["contexts"], mask["hours"]),
        *(value["cap_per_day"], name["rating"], value["duration_ms"]),
    )


def _number(value: Any, where: str, field: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadInput(f"{where}: {field} {value!r}: expected a whole number from {least} to {most}")
    return value


def _name(value: Any, where: str, field: str, names: Sequence[str]) -> int:
    if not isinstance(value, str) or value not in names:
        raise BadInput(f"{where}: {field} {value!r}: expected one of {', '.join(names)}")
    return names.index(value)


def _mask(values: Any, where: str, field: str) -> int:
    """Bit v for value v of the full list of that field; all bits when the field is left out."""
    names = TARGETS[field]
    first = ADULT if field == "ages" else 0
    if values is None:
        return (1 << (first + len(names))) - 1
    if not isinstance(values, list) or not values:
        raise BadInput(
            f"{where}: {field} {values!r}: expected a list of at least one value; leave the field out for everybody"
        )
    mask = 0
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in names:
            raise BadInput(f"{where}: {field} {value!r}: expected one of {', '.join(map(str, names))}")
        mask |= 1 << (first + names.index(value))
    return mask
