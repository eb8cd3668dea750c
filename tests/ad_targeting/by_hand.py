"""Campaigns and requests written by hand, and drawn by hypothesis."""

from hypothesis import strategies as st

from ad_targeting.records import ADULT, MAX_SLOTS, RATINGS, Request
from shared.clock import DEMO_NOW
from shared.world.ads import CATEGORIES, CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

HOUR_MS = 3_600_000
TARGETS = {"countries": CODES, "ages": AGE_BANDS[ADULT:], "contexts": CONTEXTS, "hours": range(24)}


def rule(number=1, **changes):
    """A campaign that plays to everybody for a week from the demos' Monday; `changes` replace fields, None leaves one out."""
    plain = {
        "campaign_id": number,
        "advertiser": number,
        "category": "groceries",
        "budget_micros": 1_000_000_000,
        "bid_micros": 500_000,
        "starts_ms": DEMO_NOW,
        "ends_ms": DEMO_NOW + 7 * 24 * HOUR_MS,
        "cap_per_day": 3,
        "rating": "explicit",
    }
    return {field: value for field, value in (plain | changes).items() if value is not None}


def request(**changes):
    """A grown-up listener in Sweden at noon, who consents, with two slots of rock to fill."""
    plain = {
        "day": DEMO_NOW // (24 * HOUR_MS),
        "moment": DEMO_NOW + 12 * HOUR_MS,
        "user": 7,
        "country": CODES.index("SE"),
        "age": AGE_BANDS.index("25-34"),
        "context": 0,
        "hour": 12,
        "rating": 0,
        "consent": 1,
        "slots": 2,
    }
    return Request(**(plain | changes))


def some(values):
    """None (everybody) or a few of the values."""
    return st.none() | st.lists(st.sampled_from(list(values)), min_size=1, max_size=4)


rules = st.builds(
    rule,
    advertiser=st.integers(0, 5),
    category=st.sampled_from(CATEGORIES),
    starts_ms=st.integers(DEMO_NOW - 2 * HOUR_MS, DEMO_NOW),
    ends_ms=st.integers(DEMO_NOW + 1, DEMO_NOW + 2 * HOUR_MS),
    cap_per_day=st.integers(1, 3),
    rating=st.sampled_from(RATINGS),
    bid_micros=st.integers(1, 2_000_000),
    **{field: some(values) for field, values in TARGETS.items()},
)
requests = st.builds(
    Request,
    day=st.just(DEMO_NOW // (24 * HOUR_MS)),
    moment=st.integers(DEMO_NOW - 3 * HOUR_MS, DEMO_NOW + 3 * HOUR_MS),
    user=st.integers(0, 3),
    country=st.integers(-1, len(CODES) - 1),
    age=st.integers(-1, len(AGE_BANDS) - 1),
    context=st.integers(0, len(CONTEXTS) - 1),
    hour=st.integers(0, 23),
    rating=st.integers(0, len(RATINGS) - 1),
    consent=st.integers(0, 1),
    slots=st.integers(1, MAX_SLOTS),
)


def numbered(drawn):
    """Rules with ids 1, 2, …"""
    return [each | {"campaign_id": number} for number, each in enumerate(drawn, 1)]
