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

from podcast_recs.candidates import candidates
from podcast_recs.moment import Request, look
from podcast_recs.pipeline import Recommender
from podcast_recs.records import Ints, What
from podcast_recs.world import events_of, intents_of, profile_of
from shared.clock import DAY_MS
from shared.world.podcast_audience import EXAMINED, Audience, appeal_shares, heard_code, true_chances

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


class Worths(NamedTuple):
    """The truth about episodes [n] for a listener now."""

    chance: Float64  # of a start by whoever looks
    share: Float64  # they would hear of it then


def true_worths(audience: Audience, recommender: Recommender, request: Request, episodes: Ints) -> Worths:
    """The world's own chances and shares."""
    listener = recommender.state.listeners[request.user]
    heard = np.zeros(len(audience.episodes.show), np.int8)
    for episode, played in listener.heard.items():
        heard[episode] = heard_code(played / audience.episodes.duration[episode])
    follows = np.zeros(len(audience.shows.language), bool)
    follows[list(listener.follows)] = True
    parts = (audience.shows, audience.episodes, audience.listeners)
    chances = true_chances(request.user, episodes, request.now, request.intent, heard, follows, *parts)
    return Worths(chances, appeal_shares(audience, request.user, episodes))


def slate_worth(worths: Worths) -> float:
    """Expected share listened to of a slate, in the order given: slots are looked at less and less, and a start ends the
    session.
    """
    started = EXAMINED[: len(worths.chance)] * worths.chance
    return float((started * worths.share * np.append(1.0, np.cumprod(1 - started)[:-1])).sum())


def best_worth(audience: Audience, recommender: Recommender, request: Request) -> float:
    """The worth of a very good slate: by true chance times share, one a show; no order of them is much better."""
    listener = recommender.state.listeners[request.user]
    allowed = recommender.library.eligible(request.profile, listener, request.now, repeats=True)
    ids = np.flatnonzero(allowed)
    worths = true_worths(audience, recommender, request, ids)
    order = np.argsort(-worths.chance * worths.share, kind="stable")
    _, first = np.unique(audience.episodes.show[ids[order]], return_index=True)
    best = order[np.sort(first)[:SLOTS]]
    return slate_worth(Worths(worths.chance[best], worths.share[best]))


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
            recommender.state.apply(event)
            row, event = next(events)
        for name, policy in policies.items():
            shown = policy(session.request)[:SLOTS]
            worth[name].append(slate_worth(true_worths(audience, recommender, session.request, shown)))
        worth["oracle"].append(best_worth(audience, recommender, session.request))
    return {name: np.array(values) for name, values in worth.items()}


def cold_recall(audience: Audience, recommender: Recommender, request: Request, most: int = 50) -> tuple[float, float]:
    """Of all that the episodes without a single start are worth to a listener now: the part in the recommender's first `most`
    of them, and the part in the oracle's. Neither may offer a part of a serial before its time.
    """
    state = recommender.state
    moment = look(request, recommender.library, state, recommender.factors, recommender.on)
    cold = np.flatnonzero(moment.ready & (state.totals[:, 1] == 0))
    truth = true_worths(audience, recommender, request, cold)
    worths = truth.chance * truth.share
    found = candidates(moment, recommender.library, state, recommender.on).episodes
    found = found[state.totals[found, 1] == 0]
    ranked = found[np.argsort(-recommender.score(moment, found), kind="stable")][:most]
    every = max(float(worths.sum()), 1e-12)
    best = np.sort(worths)[::-1][:most].sum()
    return float(worths[np.isin(cold, ranked)].sum()) / every, float(best) / every


def learned_from(audience: Audience) -> tuple[int, int]:
    """(since, until): the ranker learns from slates of the fortnight before the last three days."""
    return audience.end - 17 * DAY_MS, audience.end - 3 * DAY_MS


def by_user(users: Ints, values: Float64) -> Float64:
    """Mean of each user's sessions: what the bootstrap draws from."""
    _, own = np.unique(users, return_inverse=True)
    means: Float64 = np.bincount(own, values) / np.bincount(own)
    return means
