"""The free tier's ad market: who listens, when breaks come, who advertises, and (hidden) who responds.

Made on demand from a seed and written nowhere. Listeners are the free users of a world of the asked size; a day's breaks come from an
arrival generator of their own: people who listen more meet more breaks, at their hours, around the music that they love. A response
(a tap, a visit) has a true probability, a logistic factor model of listener, moment, context and ad. What ads do to staying is in
`shared.world.ads_churn`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.clock import DAY_MS, DEMO_NOW
from shared.world.catalogue import GENRES
from shared.world.countries import COUNTRIES, SPAN_END_DAY, SPAN_START_DAY, WEEKEND, WORKDAY, zone_offsets
from shared.world.rng import generator
from shared.world.sizes import Size
from shared.world.users import FREE, make_users

Array = NDArray[Any]

CATEGORIES = (
    "groceries", "fashion", "travel", "cars", "telecoms", "banking", "insurance", "games", "films", "restaurants",
    "sports", "home", "beauty", "education", "charity", "software", "alcohol", "gambling", "dating", "politics",
)  # fmt: skip
CONTEXTS = (*GENRES, "podcast")
PODCAST = len(GENRES)
FACTORS = 6
SLOTS_OF_BREAK = np.array([0.10, 0.35, 0.35, 0.20])
"""Chance of a break with 1, 2, 3, 4 slots."""
SPIKE = GENRES.index("k-pop")
"""The context of the shock `spike`."""
MEAN_SLOTS = float(SLOTS_OF_BREAK @ np.arange(1, 5))
SLOT_VALUE = 28_000
"""Micros that a slot brings in roughly: it scales budgets to supply."""


class Listeners(NamedTuple):
    """Columns [listeners] of the free users; engagement is hours a day, taste is hidden."""

    country: Array  # int8
    zone: Array  # int16, index into ZONES
    age: Array  # int8; -1 where the listener never said
    consent: Array  # int8
    engagement: Array  # float64, hours a day
    owl_minutes: Array  # int64
    contexts: Array  # int8[listeners, 4], what they play, the most loved first
    taste: Array  # float32[listeners, FACTORS], hidden


class DayBreaks(NamedTuple):
    """Columns [breaks] of a day, ascending in moment (ms); mood float32[breaks, FACTORS] is the listener's taste at that moment,
    hidden."""

    moment: Array
    user: Array
    context: Array
    hour: Array
    rating: Array
    slots: Array
    mood: Array


class Responses(NamedTuple):
    """The hidden logit of a response: base[ad] + mood[break]·appeal[ad] + setting[context, ad]."""

    base: Array  # float32[ads]
    appeal: Array  # float32[ads, FACTORS]
    setting: Array  # float32[contexts, ads]


def make_listeners(seed: int, users: int) -> Listeners:
    """The free listeners, about four in ten, of a world of `users` users."""
    people = make_users(Size("ads", users, users, users * 500, 20, users), seed)
    free = np.flatnonzero(people.plan == FREE)
    rng = generator(seed, "ads/listeners")
    count = free.size
    loved = 1 / np.arange(1, len(GENRES) + 1) ** 0.7
    contexts = _weighted_order(rng, count, loved)
    return Listeners(
        people.country[free].astype(np.int8),
        people.zone[free].astype(np.int16),
        np.where(rng.random(count) < 0.04, -1, people.age[free]).astype(np.int8),
        (rng.random(count) < 0.75).astype(np.int8),
        (1.2 * people.plays[free] / max(people.plays[free].mean(), 1e-9)).clip(0.05, 6),
        people.owl_minutes[free],
        contexts[:, :4].astype(np.int8),
        rng.normal(0, 1, (count, FACTORS)).astype(np.float32),
    )


def make_breaks(listeners: Listeners, seed: int, day: int, slots: int, shock: str = "") -> DayBreaks:
    """The breaks of one day, counted from the demos' Monday, with `slots` slots in all (before the shock).

    shock: `spike` (a context's traffic fivefold for three hours), `outage` (the largest country away for six hours), `more` and
    `fewer` (30 % of the traffic above and below what was expected).
    """
    rng = generator(seed, f"ads/breaks/{day}/{shock}")
    wanted = slots * {"more": 1.3, "fewer": 0.7}.get(shock, 1.0)
    active = listeners.engagement * rng.gamma(2, 0.5, listeners.engagement.size)
    active *= rng.random(active.size) < 0.75
    user = rng.choice(active.size, int(wanted / MEAN_SLOTS * 1.02) + 8, p=active / active.sum())
    context = listeners.contexts[user, rng.choice(4, user.size, p=[0.4, 0.27, 0.2, 0.13])].astype(np.int64)
    context[rng.random(user.size) < 0.1] = PODCAST
    moment, hour = _moments(rng, listeners, user, day)
    if shock == "spike":
        extra = np.flatnonzero((context == SPIKE) | (rng.random(user.size) < 0.12))
        evening = moment[extra] % DAY_MS // 8 + 17 * (DAY_MS // 24) + (DEMO_NOW + day * DAY_MS)
        hour = np.concatenate([hour, (hour[extra] + (evening - moment[extra]) // (DAY_MS // 24)) % 24])
        user, moment = np.concatenate([user, user[extra]]), np.concatenate([moment, evening])
        context = np.concatenate([context, np.full(extra.size, SPIKE)])
    kept = np.ones(user.size, bool)
    if shock == "outage":
        away = np.argmax([country.listeners for country in COUNTRIES])
        since = moment - (DEMO_NOW + day * DAY_MS)
        kept = (listeners.country[user] != away) | (since < DAY_MS // 2) | (since >= DAY_MS // 4 * 3)
    length = 1 + rng.choice(4, user.size, p=SLOTS_OF_BREAK)
    if not shock or shock in ("more", "fewer"):
        kept = np.cumsum(length) <= wanted
    order = np.flatnonzero(kept)
    order = order[np.argsort(moment[order], kind="stable")]
    mood = listeners.taste[user[order]] + rng.normal(0, 0.45, (order.size, FACTORS)).astype(np.float32)
    rating = rng.choice(3, order.size, p=[0.7, 0.2, 0.1])
    return DayBreaks(
        moment[order], user[order].astype(np.int32), context[order].astype(np.int8), hour[order].astype(np.int8),
        rating.astype(np.int8), length[order].astype(np.int8), mood.astype(np.float32),
    )  # fmt: skip


def _moments(rng: np.random.Generator, listeners: Listeners, user: Array, day: int) -> tuple[Array, Array]:
    """Moments inside the UTC day, ms, and local hours: local hours by habit, shifted by who rises late."""
    weekday = (DEMO_NOW // DAY_MS + day + 3) % 7
    weights = WEEKEND if weekday >= 5 else WORKDAY
    local = rng.choice(24, user.size, p=weights / weights.sum()) * 60 + rng.integers(0, 60, user.size)
    local = (local + listeners.owl_minutes[user] // 2) % 1440
    offset = zone_offsets()[listeners.zone[user], min(SPAN_END_DAY + day, SPAN_END_DAY) - SPAN_START_DAY]
    inside = (local - offset) % 1440 * 60_000 + rng.integers(0, 60_000, user.size)
    return DEMO_NOW + day * DAY_MS + inside, local // 60


def make_campaigns(seed: int, count: int, slots: int) -> dict[str, Array]:
    """Columns [count] of the day's campaigns: budgets (micros) sum to somewhat more than `slots` slots can spend."""
    rng = generator(seed, "ads/campaigns")
    advertiser = rng.integers(0, max(count * 2 // 5, 1), count)
    category = generator(seed, "ads/advertisers").integers(0, len(CATEGORIES), advertiser.max() + 1)[advertiser]
    people = np.array([country.listeners for country in COUNTRIES])
    countries = _targets(rng, count, 0.35, (2, 8), people / people.sum())
    contexts = _targets(rng, count, 0.6, (4, 11), np.full(len(CONTEXTS), 1 / len(CONTEXTS)))
    ages, hours = _windows(rng, count, 6, 0.55, (2, 4)), _windows(rng, count, 24, 0.75, (6, 14))
    supply = (countries @ people / people.sum()) * contexts.mean(1) * ages.mean(1) * hours.mean(1)
    weight = np.exp(rng.normal(0, 0.8, count)) * supply**0.7
    starts = np.full(count, DEMO_NOW - 10 * DAY_MS)
    return {
        "campaign_id": 1000 + np.arange(count),
        "advertiser": advertiser.astype(np.int32),
        "category": category.astype(np.int16),
        "budget": np.rint(weight / weight.sum() * slots * SLOT_VALUE).astype(np.int64),
        "bid": np.rint(600_000 * np.exp(rng.normal(0, 0.45, count))).astype(np.int64),
        "starts": starts,
        "ends": starts + 30 * DAY_MS,
        "countries": bits(countries),
        "ages": bits(ages),
        "contexts": bits(contexts),
        "hours": bits(hours),
        "cap": rng.choice([1, 2, 3], count, p=[0.3, 0.4, 0.3]).astype(np.int16),
        "rating": rng.choice(3, count, p=[0.2, 0.3, 0.5]).astype(np.int8),
    }


def _weighted_order(rng: np.random.Generator, count: int, weights: Array) -> Array:
    """int64[count, values]: each row a random order of the values, likelier ones first (Gumbel's trick)."""
    return np.argsort(np.log(-np.log(rng.random((count, len(weights))))) - np.log(weights), axis=1)


def _targets(rng: np.random.Generator, count: int, all_share: float, sizes: tuple[int, int], weights: Array) -> Array:
    """bool[count, values]: everything for a share of campaigns, else a handful by weight."""
    place = np.argsort(_weighted_order(rng, count, weights), axis=1)
    return (place < rng.integers(*sizes, (count, 1))) | (rng.random((count, 1)) < all_share)


def _windows(rng: np.random.Generator, count: int, values: int, all_share: float, sizes: tuple[int, int]) -> Array:
    """bool[count, values]: everything for a share of campaigns, else consecutive values."""
    length = rng.integers(sizes[0], sizes[1] + 1, (count, 1))
    first = (rng.random((count, 1)) * (values - length + 1)).astype(np.int64)
    at = np.arange(values)[None, :]
    inside: Array = (at >= first) & (at < first + length)
    return inside | (rng.random((count, 1)) < all_share)


def bits(flags: Array) -> Array:
    """uint64[n] with bit v set where flags bool[n, v]."""
    masks: Array = (flags.astype(np.uint64) << np.arange(flags.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    return masks


def make_responses(seed: int, count: int) -> Responses:
    """The hidden truth about the ads of `make_campaigns`."""
    rng = generator(seed, "ads/responses")
    base = rng.normal(-4.2, 0.25, count).astype(np.float32)
    appeal = rng.normal(0, 0.55 / FACTORS**0.5, (count, FACTORS)).astype(np.float32)
    return Responses(base, appeal, rng.normal(0, 0.25, (len(CONTEXTS), count)).astype(np.float32))
