"""Two years of listening, one user at a time: sessions by local clock, tracks by taste, habit and chance.

A session has a start (drawn from the country's day, shifted by how late this person lives), a length, a source and one scene of the
user's drifting mixture. Its next track is the next one on the album, an old favourite (a random earlier play, so that the much-played
get played more: preferential attachment, recent ones first), another track by the same artist, something just released, a hit from
anywhere, or a find in the scene. Half of all plays are skipped before the end, most of them in the first seconds, favourites less,
programmed tracks more.

The kernel compares integers only and every user has a stream of random numbers, so the bytes depend on seed and user alone.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from shared.clock import DAY_MS, DEMO_NOW
from shared.world.countries import COUNTRIES, SPAN_END_DAY, SPAN_START_DAY, WEEKEND, WORKDAY, zone_offsets
from shared.world.rng import ONE, below, draw, pick, place, start, stream_key
from shared.world.sampler import Ints, Sampler
from shared.world.schema import PLANS, PROGRAMMED, SCHEMAS, SOURCES
from shared.world.users import Tastes, Users

MINUTE_MS = 60_000
SPAN_DAYS = SPAN_END_DAY - SPAN_START_DAY
SPAN_START_MS = SPAN_START_DAY * DAY_MS
SESSION_GAP_MS = 40 * MINUTE_MS
LENGTHS = np.array(
    [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 24, 34, 60]
)  # seventeen quantiles of the plays per session
RADIO, ALBUM, COLLECTION = (SOURCES.index(name) for name in (PROGRAMMED, "album", "collection"))
SOURCE_WEIGHTS = np.array([[18, 12, 10, 25, 35], [17, 25, 16, 27, 15]]).cumsum(axis=1)  # (plan, source)


def _chance(probability: float) -> int:
    return int(probability * ONE)


REPEAT, SAME_ARTIST, FRESH, HIT = _chance(0.58), _chance(0.22), _chance(0.09), _chance(0.03)
SKIP_NEW, SKIP_FAVOURITE, SKIP_RADIO = _chance(0.51), _chance(0.38), _chance(0.54)
FRESH_DAYS = 77


class Plays(NamedTuple):
    """Columns of a range of users' plays, by user, then time; started_at in ms, plan and source index PLANS and SOURCES."""

    event_id: Ints  # int64
    user: Ints  # int32
    track: Ints  # int32
    started_at: Ints  # int64
    played_ms: Ints  # int32
    plan: Ints  # int8
    source: Ints  # int8


def make_plays(seed: int, users: Users, tastes: Tastes, sampler: Sampler, low: int, high: int) -> Plays:
    """The plays of users low..high, whose tastes these are. A user's last session may be cut off by the end of the world."""
    first_event = np.concatenate(([0], np.cumsum(users.plays)))[low : high + 1]
    rows = int(first_event[-1] - first_event[0])
    kinds: tuple[Any, ...] = (np.int64, np.int32, np.int32, np.int64, np.int32, np.int8, np.int8)
    plays = Plays(*(np.empty(rows, kind) for kind in kinds))
    mine = Users(*(column[low:high] for column in users))
    key = stream_key(seed, "plays")
    kept = _play_all(key, low, first_event, mine, tastes, sampler, _hours(), zone_offsets(), plays)
    return plays if kept == rows else Plays(*(column[:kept] for column in plays))


def plays_table(plays: Plays) -> pa.Table:
    """The dataset `plays`; plan and source are dictionary columns."""
    schema = SCHEMAS["plays"]
    words = {"plan": PLANS, "source": SOURCES}
    arrays = []
    for field, column in zip(schema, plays, strict=True):
        values = pa.array(column)
        if field.name in words:
            arrays.append(pa.DictionaryArray.from_arrays(values, pa.array(words[field.name])))
        else:
            arrays.append(values.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _hours() -> NDArray[np.int64]:
    """Cumulative weights of local hours, int64[country, weekend, 24]; late countries live later."""
    days = [[np.roll(day, country.late) for day in (WORKDAY, WEEKEND)] for country in COUNTRIES]
    return np.cumsum(np.array(days), axis=2)


@njit(cache=True, nogil=True)
def _play_all(
    key: Any, low: int, first_event: Any, users: Any, tastes: Any, sampler: Any, hours: Any, offsets: Any, out: Any
) -> int:
    """Fill `out` user by user without gaps; returns the number of rows kept."""
    state = np.zeros(1, np.uint64)
    row = 0
    for n in range(users.country.size):
        start(state, key, low + n)
        count = first_event[n + 1] - first_event[n]
        lengths, starts = _sessions(state, count, n, users, hours, offsets)
        begun = row
        row = _play_user(state, n, count, lengths, starts, users, tastes, sampler, out, row)
        for k in range(begun, row):
            out.event_id[k] = first_event[n] + k - begun
            out.user[k] = low + n
    return row


@njit(cache=True, nogil=True, inline="always")
def _sessions(state: Any, count: int, n: int, users: Any, hours: Any, offsets: Any) -> tuple[Any, Any]:
    """Lengths that add up to at least `count` plays, and as many starts, ascending, ms UTC."""
    lengths = np.empty(count, np.int64)
    sessions = planned = 0
    while planned < count:
        quantile = below(state, LENGTHS.size - 1)
        spread = LENGTHS[quantile + 1] - LENGTHS[quantile]
        lengths[sessions] = LENGTHS[quantile] + below(state, max(spread, 1))
        planned += lengths[sessions]
        sessions += 1
    earliest = max(users.signed_up[n], SPAN_START_MS)
    first_day = max(earliest // DAY_MS - SPAN_START_DAY, 0)
    starts = np.empty(sessions, np.int64)
    for k in range(sessions):
        day = first_day + below(state, SPAN_DAYS - first_day)
        weekend = (day + SPAN_START_DAY + 3) % 7 >= 5  # day 0 of the epoch was a Thursday
        hour = pick(state, hours[users.country[n], np.int64(weekend)])
        local_minute = hour * 60 + below(state, 60) + users.owl_minutes[n]
        minute = (day + SPAN_START_DAY) * 1440 + local_minute - offsets[users.zone[n], day]
        starts[k] = minute * MINUTE_MS + below(state, MINUTE_MS)
        if starts[k] < earliest:
            starts[k] += DAY_MS
    starts.sort()
    return lengths, starts


@njit(cache=True, nogil=True, inline="always")
def _play_user(
    state: Any, n: int, count: int, lengths: Any, starts: Any, users: Any, tastes: Any, sampler: Any, out: Any, row: int
) -> int:
    """Play the sessions one after the other into out[row:]; returns the row after the last."""
    first, now = row, 0
    for session in range(starts.size):
        now = max(starts[session], now + SESSION_GAP_MS)  # sessions never overlap
        day = now // DAY_MS
        plan = users.plan_before[n] if day < users.plan_changed_day[n] else users.plan[n]
        source = pick(state, SOURCE_WEIGHTS[plan])
        epoch = np.int64(below(state, SPAN_DAYS) < day - SPAN_START_DAY)  # 0 then, 1 now: tastes drift
        scene = tastes.scene[n, epoch, pick(state, tastes.cumulative[n, epoch])]
        track = -1
        for _ in range(min(lengths[session], count - (row - first))):
            track, favourite = _next_track(state, sampler, out.track[first:row], scene, now // DAY_MS, source, track)
            played = _listen(state, sampler.duration_ms[track], source, favourite)
            if now + played > DEMO_NOW:
                return row
            out.track[row] = track
            out.started_at[row] = now
            out.played_ms[row] = played
            out.plan[row] = plan
            out.source[row] = source
            row += 1
            now += played + below(state, 4_000)
    return row


@njit(cache=True, nogil=True, inline="always")
def _next_track(
    state: Any, sampler: Any, history: Any, scene: int, day: int, source: int, previous: int
) -> tuple[int, bool]:
    """The next track of a session, and whether it comes from the user's own history int32[plays so far]."""
    if source == ALBUM and previous >= 0:
        following = previous + 1
        if following < sampler.album.size and sampler.album[following] == sampler.album[previous]:
            return int(following), False
    if source != RADIO and draw(state) < REPEAT:
        for _ in range(4):
            back = (below(state, history.size) * draw(state)) >> 31 if history.size else 0  # recent plays likelier
            candidate = history[history.size - 1 - back] if history.size else -1
            if candidate >= 0 and sampler.scene[candidate] == scene and candidate != previous:
                return int(candidate), True
    if previous >= 0 and draw(state) < SAME_ARTIST:
        artist = sampler.artist[previous]
        low = sampler.artist_first[artist]
        candidate = low + below(state, sampler.artist_first[artist + 1] - low)
        if sampler.released[candidate] <= day and candidate != previous:
            return int(candidate), False
    return _find(state, sampler, scene, day), False


@njit(cache=True, nogil=True, inline="always")
def _find(state: Any, sampler: Any, scene: int, day: int) -> int:
    """A track that is out: something new in the scene, a hit from anywhere, or by popularity in the scene."""
    chance = draw(state)
    low, high = sampler.first[scene], sampler.first[scene + 1]
    if chance < FRESH:
        new = _fresh(state, sampler, low, high, day)
        if new >= 0:
            return int(new)
    for _ in range(12):
        if chance >= FRESH and chance < FRESH + HIT:
            k = below(state, sampler.hit_alias.size)
            found = k if draw(state) < sampler.hit_threshold[k] else sampler.hit_alias[k]
        else:
            k = below(state, high - low)
            place = k if draw(state) < sampler.threshold[low + k] else sampler.alias[low + k]
            found = sampler.track[low + place]
        if sampler.released[found] <= day:
            return int(found)
    return int(sampler.classic[scene])


@njit(cache=True, nogil=True, inline="always")
def _fresh(state: Any, sampler: Any, low: int, high: int, day: int) -> int:
    """The most popular of three tracks released in the last one to twelve weeks, or -1 when there is none."""
    days = sampler.fresh_day[low:high]
    end = place(days, day)
    window = 7 + below(state, FRESH_DAYS)  # a release fades rather than vanishes
    begin = place(days, day - window)
    best = -1
    if end > begin:
        for _ in range(3):
            candidate = sampler.fresh_track[low + begin + below(state, end - begin)]
            if best < 0 or sampler.weight[candidate] > sampler.weight[best]:
                best = int(candidate)
    return best


@njit(cache=True, nogil=True, inline="always")
def _listen(state: Any, duration_ms: int, source: int, favourite: bool) -> int:
    """How long, in ms: to the end, or until a skip; half of the skips come within five seconds, three quarters within thirty."""
    skip = SKIP_RADIO if source == RADIO else SKIP_FAVOURITE if favourite else SKIP_NEW
    if draw(state) >= skip:
        return duration_ms
    kind = below(state, 8)
    if kind < 4:
        return int(500 + below(state, 4_500))
    if kind < 6:
        return int(5_000 + below(state, 25_000))
    return int(30_000 + below(state, duration_ms - 30_000))
