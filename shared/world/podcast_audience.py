"""Who listens to podcasts and why: shows with a hidden topic, kind and quality, listeners with tastes and intents, and what
they did.

Made on demand from a seed and written nowhere. A session has a moment and an intent. Often it is habit: the next unheard
episode of a show that is followed. Otherwise a logging policy with known chances shows ten episodes, and the listener examines
them from the top, less and less likely to look further down. Whether somebody starts has a true chance (`start_chance`), so
regret, off-policy estimates and cold starts can be held against the truth. What is popular is shown more and so becomes more
popular: the loop that every log has.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared.clock import DAY_MS, DEMO_NOW
from shared.world.podcast_topics import LANGUAGES, NAMES
from shared.world.rng import generator

Array = NDArray[Any]

TOPICS = len(NAMES)
NEWS, SERIAL, EVERGREEN = range(3)
COMMUTE, LEARN, RELAX = range(3)
SHOWN, STARTED, STOPPED, FOLLOWED = range(4)
SLOTS = 10
HOUR_MS = DAY_MS // 24
EXAMINED = 1 / np.log2(np.arange(SLOTS) + 2.0)
"""Chance that a slot is looked at, by position: 1, .63, .5 … .29."""
HALF_LIFE_H = np.array([20.0, 3000.0, 3000.0])
"""Hours in which half of a listener's interest in an episode is gone, by kind: news age in a day, a story does not."""
STYLES = 3
FITS = np.array([[1.2, 0.0, -0.8], [-1.2, 0.2, 1.2], [-0.9, 1.1, 0.2]])
"""Logit of an intent (row) for a kind (column)."""
MINUTES = np.array([25.0, 45.0, 60.0])
"""Minutes that somebody has, by intent."""
EXPLORED = 0.2
"""Share of the logging policy's draws that are uniform over what is eligible."""


class Shows(NamedTuple):
    """Columns [shows]; topic, second, quality, reach, style and promise are hidden."""

    language: Array  # int16
    kind: Array  # int8
    topic: Array  # int8
    second: Array  # int8
    quality: Array  # float64, logit
    reach: Array  # float64, how well known it is from outside
    explicit: Array  # bool
    cadence_h: Array  # int64
    style: Array  # float64[shows, STYLES], how its host talks: no text says it, only listeners show it
    promise: Array  # float64, logit: what its titles promise and it does not keep


class Episodes(NamedTuple):
    """Columns [episodes], ascending by published; topic, second and quality are hidden."""

    show: Array  # int32
    number: Array  # int32, 0 is the show's oldest
    published: Array  # int64, ms
    duration: Array  # int32, ms
    topic: Array  # int8
    second: Array  # int8
    quality: Array  # float64, logit


class Listeners(NamedTuple):
    """Columns [listeners]; all but language, minor and sessions are hidden."""

    language: Array  # int16
    taste: Array  # float64[listeners, TOPICS], logit
    kind_taste: Array  # float64[listeners, 3], logit
    minor: Array  # bool
    sessions: Array  # float64, a day
    habit: Array  # float64, share of sessions that go on with a followed show
    intents: Array  # float64[listeners, 3], chances
    liking: Array  # float64[listeners, STYLES], logit of a host's style


class Log(NamedTuple):
    """Columns [events] in order of time; -1 or 1.0 where a column says nothing of an event."""

    user: Array  # int32
    episode: Array  # int32
    what: Array  # int8
    at: Array  # int64, ms
    played_ms: Array  # int32
    position: Array  # int8
    propensity: Array  # float32
    intent: Array  # int8


class Audience(NamedTuple):
    """One world of podcasts."""

    seed: int
    start: int
    end: int
    shows: Shows
    episodes: Episodes
    listeners: Listeners
    log: Log


def make_audience(seed: int, listeners: int = 1_500, shows: int = 240, days: int = 42) -> Audience:
    """A world whose last day ends at the demos' clock; 90 days of older episodes stand behind it."""
    end, start = DEMO_NOW, DEMO_NOW - days * DAY_MS
    made = make_shows(seed, shows)
    episodes = make_episodes(seed, made, start - 90 * DAY_MS, end)
    people = make_listeners(seed, listeners)
    return Audience(seed, start, end, made, episodes, people, listen(seed, made, episodes, people, start, end))


def make_shows(seed: int, count: int) -> Shows:
    """A dozen are known to everybody and most to hardly anybody; a third news, a quarter serials."""
    rng = generator(seed, "podcasts/nature")
    kind = rng.choice(3, count, p=[0.3, 0.25, 0.45]).astype(np.int8)
    quality = rng.normal(0, 0.7, count)
    reach = 0.5 * (10 / (rng.permutation(count) + 10.0)) ** 6 * np.exp(0.5 * quality)
    return Shows(
        language=rng.choice(len(LANGUAGES), count, p=[0.64, 0.14, 0.12, 0.10]).astype(np.int16),
        kind=kind,
        topic=rng.integers(0, TOPICS, count).astype(np.int8),
        second=rng.integers(0, TOPICS, count).astype(np.int8),
        quality=quality,
        reach=reach,
        explicit=rng.random(count) < 0.12,
        cadence_h=np.where(kind == NEWS, rng.choice([24, 48], count), rng.choice([84, 168, 336], count)),
        style=rng.normal(0, 1, (count, STYLES)),
        promise=rng.normal(0, 0.6, count),
    )


def make_episodes(seed: int, shows: Shows, start: int, end: int) -> Episodes:
    """Every show at its cadence, a little late or early; an episode leaves its show's topic one time in four."""
    rng = generator(seed, "podcasts/published")
    counts = (end - start) // (shows.cadence_h * HOUR_MS)
    show = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(show.size) - np.repeat(np.cumsum(counts) - counts, counts)
    phase = rng.random(len(counts))[show]
    published = start + ((number + phase) * shows.cadence_h[show] * HOUR_MS).astype(np.int64)
    published += rng.integers(0, HOUR_MS, show.size)
    minutes = np.array([18.0, 42.0, 50.0])[shows.kind[show]]
    strays = rng.random(show.size) < 0.25
    columns = (
        show.astype(np.int32),
        number.astype(np.int32),
        published,
        (minutes * np.exp(rng.normal(0, 0.35, show.size)) * 60_000).astype(np.int32),
        np.where(strays, rng.integers(0, TOPICS, show.size), shows.topic[show]).astype(np.int8),
        shows.second[show],
        shows.quality[show] + rng.normal(0, 0.4, show.size),
    )
    order = np.lexsort((show, published))
    return Episodes(*(column[order] for column in columns))


def make_listeners(seed: int, count: int) -> Listeners:
    """Three loved topics each, some dislikes; intents differ, habits too."""
    rng = generator(seed, "podcasts/listeners")
    taste = rng.normal(-0.6, 0.5, (count, TOPICS))
    for strength in (2.6, 1.8, 1.2):
        taste[np.arange(count), rng.integers(0, TOPICS, count)] += strength
    return Listeners(
        language=rng.choice(len(LANGUAGES), count, p=[0.64, 0.14, 0.12, 0.10]).astype(np.int16),
        taste=taste,
        kind_taste=rng.normal(0, 0.5, (count, 3)),
        minor=rng.random(count) < 0.06,
        sessions=rng.gamma(2.0, 0.6, count),
        habit=rng.beta(1.5, 10, count),
        intents=rng.dirichlet([2.0, 1.5, 2.0], count),
        liking=rng.normal(0, 0.5, (count, STYLES)),
    )


@njit(cache=True, nogil=True)
def start_chance(
    taste: Any, second_taste: Any, quality: Any, kind: int, kind_taste: Any, intent: int, age_h: Any, minutes: Any,
    follows: bool, next_up: bool, behind: bool, heard: int, bond: Any, promise: Any,
) -> Any:  # fmt: skip
    """The true chance that somebody who looks at an episode starts it.

    taste, second_taste: logits of its topics; age_h, minutes: since publication, and long; follows its show; next_up: it is the
    oldest unheard of a serial in progress; behind: it is an episode of a serial with unheard ones before it; heard, by
    `heard_code`: finished, almost never again; left in the middle, more than a new one; bond: of this listener with its
    host; promise: of its title.
    """
    logit = -3.0 + 1.0 * taste + 0.35 * second_taste + 0.8 * quality + kind_taste + FITS[intent, kind] + bond + promise
    logit -= 0.9 * min(3.0, age_h / HALF_LIFE_H[kind])
    logit -= 0.5 * abs(np.log(minutes / MINUTES[intent]))
    if follows:
        logit += 1.5
    if next_up:
        logit += 1.2
    if behind:
        logit -= 2.5
    if heard == 1:
        logit -= 5.0
    if heard == 2:
        logit += 1.0
    return 1.0 / (1.0 + np.exp(-logit))


@njit(cache=True, nogil=True)
def heard_code(share: Any) -> Any:
    """1 for an episode that was finished or tried and left, 2 for one left in the middle; 0 stands for not heard."""
    return 2 if 0.05 <= share < 0.8 else 1


@njit(cache=True, nogil=True)
def bond_of(user: int, show: int, shows: Any, listeners: Any) -> Any:
    """Logit of how much a listener likes a show's host."""
    return (shows.style[show] * listeners.liking[user]).sum()


def listen(seed: int, shows: Shows, episodes: Episodes, listeners: Listeners, start: int, end: int) -> Log:
    """What everybody did between start and end, in order of time."""
    rng = generator(seed, "podcasts/sessions")
    count = rng.poisson(listeners.sessions * ((end - start) / DAY_MS))
    user = np.repeat(np.arange(count.size), count)
    intent = (rng.random(user.size)[:, None] > np.cumsum(listeners.intents[user], axis=1)).sum(axis=1).clip(0, 2)
    hour = np.array([7.5, 12.5, 20.5])[intent] + rng.normal(0, 1.5, user.size)
    day = rng.integers(0, (end - start) // DAY_MS, user.size)
    at = np.clip(start + day * DAY_MS + (hour * HOUR_MS).astype(np.int64), start, end - 1)
    order = np.lexsort((user, at))
    sessions = (user[order], at[order], intent[order])
    first = np.searchsorted(episodes.published, at[order], side="right")  # episodes that are out at each session
    columns = _listen(rng, *sessions, first, shows, episodes, listeners)
    moment = np.argsort(columns[3], kind="stable")
    return Log(*(column[moment] for column in columns))


@njit(cache=True)
def _listen(rng: Any, users: Any, ats: Any, intents: Any, outs: Any, shows: Any, episodes: Any, listeners: Any) -> Any:
    people, count, programmes = listeners.language.size, episodes.show.size, shows.language.size
    heard = np.zeros((people, count), np.int8)
    follows = np.zeros((people, programmes), np.bool_)
    latest = np.full(programmes, -1, np.int64)  # newest episode that is out
    plays = np.zeros(count)
    width = users.size * (SLOTS + 3)
    rows = (
        np.empty(width, np.int32), np.empty(width, np.int32), np.empty(width, np.int8), np.empty(width, np.int64),
        np.empty(width, np.int32), np.empty(width, np.int8), np.empty(width, np.float32), np.empty(width, np.int8),
    )  # fmt: skip
    n, out, day = 0, 0, -1
    popular = np.zeros(count)
    for session in range(users.size):
        user, at, intent = users[session], ats[session], intents[session]
        while out < outs[session]:
            latest[episodes.show[out]] = out
            out += 1
        if at // DAY_MS != day:  # popularity of yesterday decides what is shown today
            day = at // DAY_MS
            plays *= 0.7
            for e in range(out):
                age = (at - episodes.published[e]) / HOUR_MS
                worth = shows.reach[episodes.show[e]] * 40 + plays[e]
                popular[e] = worth * 0.5 ** (age / HALF_LIFE_H[shows.kind[episodes.show[e]]])
        offered, chances, shown = np.empty(SLOTS, np.int64), np.ones(SLOTS), 0
        habitual = -1
        if rng.random() < listeners.habit[user]:
            habitual = _habitual(rng, user, at, out, follows, heard, shows, episodes)
        if habitual >= 0:
            offered[0], shown = habitual, 1
        else:
            shown = _offer(rng, user, out, popular, heard, shows, episodes, listeners, offered, chances)
        for position in range(shown):
            e = offered[position]
            show = episodes.show[e]
            if habitual < 0:
                n = _note(rows, n, user, e, SHOWN, at, 0, position, chances[position], intent)
                if rng.random() >= EXAMINED[position]:
                    continue
            chance = true_chance(user, e, at, intent, heard[user], follows[user, show], shows, episodes, listeners)
            if habitual < 0 and rng.random() >= chance:
                continue
            appeal = listeners.taste[user, episodes.topic[e]] + episodes.quality[e] - 2 * shows.promise[show]
            appeal += bond_of(user, show, shows, listeners)
            share = rng.beta(1.2 + max(0.0, 1.4 + appeal), 1.6)
            if rng.random() < 0.35 / (1 + np.exp(-appeal)):
                share = 1.0
            heard[user, e] = heard_code(share)
            plays[e] += 1
            played = np.int32(share * episodes.duration[e])
            n = _note(rows, n, user, e, STARTED, at + 1, 0, -1, 1.0, intent)
            n = _note(rows, n, user, e, STOPPED, at + 1 + played, played, -1, 1.0, intent)
            if share > 0.8 and not follows[user, show] and rng.random() < 0.35:
                follows[user, show] = True
                n = _note(rows, n, user, e, FOLLOWED, at + 2 + played, 0, -1, 1.0, intent)
            break  # one episode a session
    return (
        rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n], rows[4][:n], rows[5][:n], rows[6][:n], rows[7][:n],
    )  # fmt: skip


@njit(cache=True)
def _note(
    rows: Any, n: int, user: int, episode: int, what: int, at: int, played: int, position: int, chance: Any, intent: int
) -> int:
    """Write event n of the log; returns n + 1."""
    rows[0][n], rows[1][n], rows[2][n], rows[3][n] = user, episode, what, at
    rows[4][n], rows[5][n], rows[6][n], rows[7][n] = played, position, chance, intent
    return n + 1


@njit(cache=True, nogil=True)
def true_chance(
    user: int, e: int, at: int, intent: int, heard: Any, follows: bool, shows: Any, episodes: Any, listeners: Any
) -> Any:
    """`start_chance` of an episode for a listener at a moment; heard int8[episodes], this listener's `heard_code`s."""
    show = episodes.show[e]
    kind = shows.kind[show]
    before = False  # an unheard one stands before it
    begun = False
    if kind == SERIAL:
        for other in range(e):
            if episodes.show[other] == show:
                begun = begun or heard[other] > 0
                before = before or heard[other] == 0
    return start_chance(
        listeners.taste[user, episodes.topic[e]], listeners.taste[user, episodes.second[e]], episodes.quality[e], kind,
        listeners.kind_taste[user, kind], intent, (at - episodes.published[e]) / HOUR_MS, episodes.duration[e] / 60_000,
        follows, kind == SERIAL and begun and not before, kind == SERIAL and before, heard[e],
        bond_of(user, show, shows, listeners), shows.promise[show],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def true_chances(
    user: int, ids: Any, at: int, intent: int, heard: Any, follows: Any, shows: Any, episodes: Any, listeners: Any
) -> Any:
    """float64[n]: `true_chance` of episodes; follows bool[shows]."""
    chances = np.empty(ids.size)
    for row in range(ids.size):
        own = follows[episodes.show[ids[row]]]
        chances[row] = true_chance(user, ids[row], at, intent, heard, own, shows, episodes, listeners)
    return chances


def appeal_shares(audience: Audience, user: int, ids: Array) -> Array:
    """float64[n]: the expected share of episodes that this listener hears once they started: the mean of the draw in `_listen`."""
    show = audience.episodes.show[ids]
    appeal = audience.listeners.taste[user, audience.episodes.topic[ids]] + audience.episodes.quality[ids]
    appeal = appeal - 2 * audience.shows.promise[show] + audience.shows.style[show] @ audience.listeners.liking[user]
    whole = 0.35 / (1 + np.exp(-appeal))
    shape = 1.2 + np.maximum(0.0, 1.4 + appeal)
    shares: Array = whole + (1 - whole) * shape / (shape + 1.6)
    return shares


@njit(cache=True, nogil=True)
def _habitual(rng: Any, user: int, at: int, out: int, follows: Any, heard: Any, shows: Any, episodes: Any) -> Any:
    """The next unheard episode of one followed show, oldest first for a serial, newest first otherwise; -1 when there is none."""
    programmes = np.flatnonzero(follows[user])
    if programmes.size == 0:
        return -1
    for _ in range(3):
        show = programmes[rng.integers(0, programmes.size)]
        order = 1 if shows.kind[show] == SERIAL else -1
        e = 0 if order == 1 else out - 1
        while 0 <= e < out:
            if shows.kind[show] == NEWS and at - episodes.published[e] > 4 * DAY_MS:
                break  # nobody goes on with old news
            if episodes.show[e] == show and not heard[user, e]:
                return e
            e += order
    return -1


@njit(cache=True, nogil=True)
def _offer(
    rng: Any, user: int, out: int, popular: Any, heard: Any, shows: Any, episodes: Any, listeners: Any, offered: Any, chances: Any
) -> Any:  # fmt: skip
    """Fill a slate without repeats: one in five drawn evenly, the rest by popularity; chances are of each draw alone."""
    eligible = np.zeros(out)
    total, options = 0.0, 0
    for e in range(out):
        show = episodes.show[e]
        allowed = shows.language[show] == listeners.language[user] and not (
            shows.explicit[show] and listeners.minor[user]
        )
        if allowed and not heard[user, e]:
            total += popular[e]
            options += 1
        eligible[e] = total
    shown = 0
    for _ in range(3 * SLOTS):
        if shown == SLOTS or options <= shown:
            break
        even = rng.random() < EXPLORED
        e = rng.integers(0, out) if even else np.searchsorted(eligible, rng.random() * total, side="right")
        weight = eligible[e] - (eligible[e - 1] if e else 0.0) if e < out else 0.0
        if weight <= 0 or (offered[:shown] == e).any():
            continue
        offered[shown] = e
        chances[shown] = EXPLORED / options + (1 - EXPLORED) * weight / total
        shown += 1
    return shown
