"""Listeners: country, time zone, age, plan, sign-up; and, hidden, how much they listen, when they get up, and which scenes they love.

A taste is three to six scenes with falling weights. Countries and ages have their own favourites: a scene is likelier for listeners of
its home country and of its age. Tastes drift: everyone has a mixture `then` and a mixture `now`, some scenes of which were replaced, mostly
inside the same genre; a session at time t draws from `now` with the probability of t's place in the two years.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from shared.clock import DAY_MS
from shared.world.catalogue import Scenes
from shared.world.countries import CODES, COUNTRIES, SPAN_END_DAY, SPAN_START_DAY, ZONES
from shared.world.rng import ONE, apportion, below, contains, draw, generator, integers, pick, start, stream_key
from shared.world.schema import AGE_BANDS, PLANS, table
from shared.world.sizes import Size

SLOTS = 6
FREE = PLANS.index("free")
HOME_BOOST, AGE_BOOST = 12, 3


class Users(NamedTuple):
    """Columns of all users, each [users]: indices into COUNTRIES, ZONES, AGE_BANDS and PLANS, moments in ms, days since the epoch."""

    country: NDArray[np.int64]
    zone: NDArray[np.int64]
    age: NDArray[np.int64]
    plan: NDArray[np.int64]
    plan_before: NDArray[np.int64]
    plan_changed_day: NDArray[np.int64]
    signed_up: NDArray[np.int64]
    owl_minutes: NDArray[np.int64]
    plays: NDArray[np.int64]


class Tastes(NamedTuple):
    """Mixtures of a range of users: scene int64[n, 2, SLOTS] and cumulative weight int64[n, 2, SLOTS]; [:, 0] is then, [:, 1] now."""

    scene: Any
    cumulative: Any


def make_users(size: Size, seed: int) -> Users:
    """All users of a world; `plays` sums to size.plays and is heavy-tailed (log-normal) among them."""
    rng = generator(seed, "users")
    count = size.users
    country = rng.choice(len(COUNTRIES), count, p=_shares([c.listeners for c in COUNTRIES]))
    age = rng.choice(len(AGE_BANDS), count, p=_shares([8, 25, 29, 17, 12, 9]))
    plan_before = (rng.random(count) < np.array([0.35, 0.40, 0.50, 0.50, 0.45, 0.35])[age]).astype(np.int64)
    signed_up = _sign_ups(rng, count)
    since = np.maximum(signed_up // DAY_MS + 1, SPAN_START_DAY)
    changed = rng.integers(since, SPAN_END_DAY + 1)
    # One in five free listeners subscribes, one in ten subscribers leaves.
    changes = (rng.random(count) < np.where(plan_before == FREE, 0.20, 0.10)) & (changed > since)
    plan = np.where(changes, 1 - plan_before, plan_before)
    weights = integers(np.exp(rng.normal(0, 1.05, count)).clip(0.02, 12), 1 << 12)
    weights = np.maximum(weights * (SPAN_END_DAY - since) // (SPAN_END_DAY - SPAN_START_DAY), 0)
    return Users(
        country,
        _zones(rng, country),
        age,
        plan,
        plan_before,
        np.where(changes, changed, -1),
        signed_up,
        np.rint(rng.normal(0, 70, count)).astype(np.int64).clip(-180, 240),
        apportion(weights, size.plays),
    )


def _shares(weights: list[int]) -> NDArray[np.float64]:
    return np.array(weights) / sum(weights)


def _sign_ups(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Sign-up moments, ms: seven in ten before the span, the rest spread over it up to its last day."""
    old = rng.integers(17_000 * DAY_MS, SPAN_START_DAY * DAY_MS, count)
    new = rng.integers(SPAN_START_DAY * DAY_MS, (SPAN_END_DAY - 1) * DAY_MS, count)
    return np.where(rng.random(count) < 0.7, old, new)


def _zones(rng: np.random.Generator, country: NDArray[np.int64]) -> NDArray[np.int64]:
    """An index into ZONES for each user, by the shares of their country."""
    zone = np.empty(country.size, np.int64)
    for index, record in enumerate(COUNTRIES):
        mine = np.flatnonzero(country == index)
        names = [ZONES.index(name) for name in record.zones]
        zone[mine] = rng.choice(names, mine.size, p=_shares(list(record.zones.values())))
    return zone


def users_table(users: Users) -> pa.Table:
    """The dataset `users`."""
    columns = {
        "user_id": np.arange(users.country.size),
        "country": np.array(CODES)[users.country],
        "time_zone": np.array(ZONES)[users.zone],
        "age_band": np.array(AGE_BANDS)[users.age],
        "language": np.array([country.language for country in COUNTRIES])[users.country],
        "plan": np.array(PLANS)[users.plan],
        "signed_up": users.signed_up,
    }
    return table("users", columns)


def true_users_table(users: Users, tastes: Tastes, low: int, high: int) -> pa.Table:
    """The dataset `truth/users` of users low..high."""
    changed = users.plan_changed_day[low:high]
    columns = {
        "user_id": np.arange(low, high),
        **_scene_lists(tastes, 0, "then"),
        **_scene_lists(tastes, 1, "now"),
        "owl_minutes": users.owl_minutes[low:high],
        "plan_changed_day": pa.array(changed, mask=changed < 0),
    }
    return table("truth/users", columns)


def _scene_lists(tastes: Tastes, epoch: int, name: str) -> dict[str, pa.Array]:
    """Each user's scenes and weights at an epoch; the slots that hold no weight are left out."""
    weights = np.diff(tastes.cumulative[:, epoch], axis=1, prepend=0)  # (users, SLOTS)
    held = weights > 0
    offsets = np.concatenate(([0], np.cumsum(held.sum(axis=1)))).astype(np.int32)
    lists = {"scenes": tastes.scene[:, epoch][held], "weights": weights[held]}
    return {f"{what}_{name}": pa.ListArray.from_arrays(offsets, values) for what, values in lists.items()}


def scene_weights(scenes: Scenes) -> NDArray[np.int64]:
    """Cumulative weights int64[country, age, scene]: a scene's size, boosted at home and at its age."""
    home = np.where(scenes.country[None, :] == np.arange(len(COUNTRIES))[:, None], HOME_BOOST, 1)  # (country, scene)
    near = np.where(np.abs(scenes.age[None, :] - np.arange(len(AGE_BANDS))[:, None]) <= 1, AGE_BOOST, 1)  # (age, scene)
    # A scene with a home is a stranger elsewhere.
    size = np.where(scenes.country >= 0, scenes.weight // 3, scenes.weight)
    size = np.maximum(size >> 8, 1)  # totals stay below ONE with 500 scenes
    return np.cumsum(size[None, None, :] * home[:, None, :] * near[None, :, :], axis=2)


def make_tastes(seed: int, users: Users, scenes: Scenes, low: int, high: int) -> Tastes:
    """The tastes of users low..high, each from the user's own stream."""
    shape = (high - low, 2, SLOTS)
    tastes = Tastes(np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    key = stream_key(seed, "tastes")
    _fill_tastes(key, low, users.country[low:high], users.age[low:high], scene_weights(scenes), scenes.genre, *tastes)
    return tastes


@njit(cache=True, nogil=True)
def _fill_tastes(
    key: Any, low: int, country: Any, age: Any, weights: Any, genre: Any, scene: Any, cumulative: Any
) -> None:
    state = np.zeros(1, np.uint64)
    for n in range(country.size):
        start(state, key, low + n)
        mine = weights[country[n], age[n]]
        count = 3 + below(state, 4)
        for slot in range(count):
            then = _fresh_scene(state, mine, scene[n, 0], slot)
            scene[n, 0, slot] = then
            scene[n, 1, slot] = then
        for slot in range(count):
            if draw(state) < ONE * 2 // 5:  # this taste will have gone by the end
                scene[n, 1, slot] = _neighbour(state, mine, genre, scene[n, 1], slot, count)
        total_then = total_now = 0
        for slot in range(SLOTS):
            falling = (1000 * (SLOTS - slot)) // SLOTS
            total_then += (falling + below(state, 400)) * (slot < count)
            total_now += (falling + below(state, 400)) * (slot < count)
            cumulative[n, 0, slot] = total_then
            cumulative[n, 1, slot] = total_now


@njit(cache=True, nogil=True)
def _fresh_scene(state: Any, weights: Any, mine: Any, count: int) -> int:
    """A scene not among mine[:count], by weight; after 20 tries any."""
    found = pick(state, weights)
    for _ in range(20):
        if not contains(mine[:count], found):
            break
        found = pick(state, weights)
    return int(found)


@njit(cache=True, nogil=True)
def _neighbour(state: Any, weights: Any, genre: Any, mine: Any, slot: int, count: int) -> int:
    """What replaces mine[slot]: a new scene, of the same genre when one is found soon."""
    found = _fresh_scene(state, weights, mine, count)
    for _ in range(6):
        if genre[found] == genre[mine[slot]]:
            break
        found = _fresh_scene(state, weights, mine, count)
    return int(found)
