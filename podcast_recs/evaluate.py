"""How good are the slates? Against the truth of the synthetic world, on sessions after the day that training ended.

The world knows the chance that a listener starts what they look at, how much of it they would hear, and how far down they look.
So the worth of any slate is a number without noise: the expected share of an episode listened to in that session. The best
slate that exists is known too; a policy is judged by the share of it that it reaches, with a bootstrap over listeners. The
state moves on with the log between sessions.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.moment import Request
from podcast_recs.pipeline import Recommender
from podcast_recs.records import Ints, What
from podcast_recs.world import events_of, intents_of, profile_of
from shared.clock import DAY_MS
from shared.world.podcast_audience import EXAMINED, Audience, appeal_shares, true_chances

Float64 = NDArray[np.float64]
SLOTS = 10


class Session(NamedTuple):
    """A moment at which somebody opened the home page."""

    request: Request
    before: int  # events of the log that came before


def sessions(audience: Audience, since: int, count: int) -> list[Session]:
    """`count` sessions from `since` on, evenly spread over the log's slates."""
    log = audience.log
    first = np.flatnonzero((log.what == What.SHOWN) & (log.position == 0) & (log.at >= since))
    chosen = first[np.unique(np.linspace(0, len(first) - 1, min(count, len(first))).astype(int))]
    intents = intents_of(audience)
    found = []
    for row in chosen.tolist():
        user, at = int(log.user[row]), int(log.at[row])
        found.append(Session(Request(user, profile_of(audience, user), at, intents[user, at]), row))
    return found


def true_worths(audience: Audience, recommender: Recommender, request: Request, episodes: Ints) -> Float64:
    """float64[n]: chance of a start by whoever looks, times the share they would hear of it."""
    listener = recommender.state.listeners[request.user]
    heard = np.zeros(len(audience.episodes.show), bool)
    heard[list(listener.heard)] = True
    follows = np.zeros(len(audience.shows.language), bool)
    follows[list(listener.follows)] = True
    parts = (audience.shows, audience.episodes, audience.listeners)
    chances: Float64 = true_chances(request.user, episodes, request.now, request.intent, heard, follows, *parts)
    return chances * appeal_shares(audience, request.user, episodes)


def slate_worth(chances: Float64) -> float:
    """Expected share listened to of a slate whose slots have these worths, best known order kept: one episode a session."""
    looked = EXAMINED[: len(chances)] * chances
    return float((looked * np.append(1.0, np.cumprod(1 - looked)[:-1])).sum())


def best_worth(audience: Audience, recommender: Recommender, request: Request) -> float:
    """The worth of the best slate that exists: true worths in order, one a show."""
    allowed = recommender.library.eligible(request.profile, recommender.state.listeners[request.user], request.now)
    ids = np.flatnonzero(allowed)
    worths = true_worths(audience, recommender, request, ids)
    chosen: list[float] = []
    shows: set[int] = set()
    for at in np.argsort(-worths, kind="stable").tolist():
        show = int(audience.episodes.show[ids[at]])
        if show not in shows:
            shows.add(show)
            chosen.append(float(worths[at]))
        if len(chosen) == SLOTS:
            break
    return slate_worth(np.array(chosen))


Policy = Callable[[Request], Ints]


def judge(
    audience: Audience, recommender: Recommender, policies: dict[str, Policy], chosen: Sequence[Session]
) -> dict[str, Float64]:
    """Worth of every policy's slate in each session, float64[sessions], and of `oracle`; the state follows the log.

    The recommender's state must stand before the first session.
    """
    worth: dict[str, list[float]] = {name: [] for name in (*policies, "oracle")}
    events = enumerate(events_of(audience))
    row, event = next(events)
    for session in chosen:
        while row < session.before:
            recommender.take(event)
            row, event = next(events)
        for name, policy in policies.items():
            shown = policy(session.request)[:SLOTS]
            worth[name].append(slate_worth(true_worths(audience, recommender, session.request, shown)))
        worth["oracle"].append(best_worth(audience, recommender, session.request))
    return {name: np.array(values) for name, values in worth.items()}


def learned_from(audience: Audience) -> tuple[int, int]:
    """(since, until): the ranker learns from slates of the fortnight before the last three days."""
    return audience.end - 17 * DAY_MS, audience.end - 3 * DAY_MS


def by_user(users: Ints, values: Float64) -> Float64:
    """Mean of each user's sessions: what the bootstrap draws from."""
    _, own = np.unique(users, return_inverse=True)
    means: Float64 = np.bincount(own, values) / np.bincount(own)
    return means
