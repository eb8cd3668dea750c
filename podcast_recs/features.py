"""What the ranker sees of an episode for a listener now: named columns in six groups, each as it was before the answer was known.

One function makes them for training and for serving, from the same state, so there is no skew between the two by construction. A difference from
music that is switched off takes its columns away (they become constant), nothing else.
"""

import numpy as np

from podcast_recs.candidates import Bools, Request, ShowFactors, after, behind, interests, nearness
from podcast_recs.differences import Differences
from podcast_recs.library import Library
from podcast_recs.records import HOUR_MS, Float32, Ints
from podcast_recs.state import Listener, State

GROUPS: dict[str, tuple[str, ...]] = {
    "affinity": ("like_you", "after_this", "show_plays", "listener_plays", "shown_before", "heard", "started_share"),
    "subscriptions": ("follows", "followers"),
    "show": ("in_progress", "behind", "number", "newer_in_show", "next_up", "show_started"),
    "content": ("near_interest", "near_newest"),
    "freshness": ("age", "age_by_kind", "shown_now", "started_now", "rate_now", "shown_days", "started_days", "rate_days"),
    "completion": ("show_completion", "completed_days", "listener_completion", "expected_minutes"),
    "intent": ("commute", "learn", "relax", "hour_sin", "hour_cos", "weekend", "misfit", "minutes_known"),
    "quality": ("kind", "duration", "explicit", "shown_ever", "started_ever", "rate_ever"),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
OFF = {
    "no_repeats": ("heard",),
    "freshness": GROUPS["freshness"] + ("newer_in_show",),
    "serial_order": ("behind", "next_up", "number"),
    "completion": GROUPS["completion"],
    "subscriptions": GROUPS["subscriptions"],
    "text": GROUPS["content"],
    "show_level": ("like_you", "after_this", "show_plays", "in_progress", "show_started", "show_completion", "followers"),
    "intent": GROUPS["intent"],
    "exploration": (),
}
"""The columns that go with each difference."""
HALF_LIFE_H = np.array([20.0, 400.0, 3000.0])
"""Hours after which half of the interest in an episode is gone, by kind; learned better by the trees, a start for them."""
MINUTES = np.array([25.0, 45.0, 60.0])
"""What people have on the way, to learn and to relax, where they did not say."""
PRIOR_STARTS, PRIOR_SHOWN = 1.0, 12.0


def features(
    request: Request, episodes: Ints, library: Library, state: State, factors: ShowFactors, allowed: Bools, ordered: Bools
) -> Float32:
    """float32[n, columns]: the columns NAMES for these episodes."""
    listener, known = state.listeners[request.user], library.catalogue
    shows, kind = known.show[episodes], known.kind[known.show[episodes]]
    columns = {
        **_affinity(request, listener, episodes, shows, state, factors),
        **_show(listener, episodes, shows, library, state, allowed, ordered),
        **_freshness(request, episodes, kind, library, state),
        **_completion(listener, episodes, shows, library, state),
        **_intent(request, known.duration[episodes] / 60_000),
        "kind": kind,
        "duration": np.log(known.duration[episodes] / 60_000),
        "explicit": known.explicit[episodes],
    }
    near = nearness(library, episodes, interests(library, listener))
    columns |= {"near_interest": near[:, 0], "near_newest": near[:, 1]}
    return np.stack([np.broadcast_to(columns[name], len(episodes)) for name in NAMES], axis=1).astype(np.float32)


def kept_columns(on: Differences) -> list[int]:
    """Indices of the columns that the differences that are on leave."""
    gone = {name for difference, names in OFF.items() if not getattr(on, difference) for name in names}
    return [at for at, name in enumerate(NAMES) if name not in gone]


def _affinity(
    request: Request, listener: Listener, episodes: Ints, shows: Ints, state: State, factors: ShowFactors
) -> dict[str, Ints | Float32]:
    likes = factors.shows @ factors.users[request.user] if request.user < len(factors.users) else np.zeros(len(factors.shows))
    likes = np.append(likes, np.zeros(max(0, int(shows.max(initial=0)) + 1 - len(likes))))
    steps = np.zeros(int(shows.max(initial=0)) + 1)
    for show, weight in after(listener, state):
        if show < len(steps):
            steps[show] = weight
    plays = np.array([listener.plays_of_show.get(show, 0) for show in shows.tolist()])
    return {
        "like_you": likes[shows],
        "after_this": steps[shows],
        "show_plays": np.log1p(plays),
        "listener_plays": np.full(len(shows), np.log1p(len(listener.heard))),
        "shown_before": np.array([listener.seen.get(episode, 0) for episode in episodes.tolist()]),
        "heard": np.array([episode in listener.heard for episode in episodes.tolist()]),
        "started_share": plays / (1 + len(listener.heard)),
        "follows": np.array([show in listener.follows for show in shows.tolist()]),
        "followers": np.log1p(state.followers[shows]),
    }


def _show(
    listener: Listener, episodes: Ints, shows: Ints, library: Library, state: State, allowed: Bools, ordered: Bools
) -> dict[str, Ints | Float32]:
    """Where an episode stands in its show, for this listener."""
    known = library.catalogue
    waits = np.array([behind(episode, library, listener, allowed, ordered) for episode in episodes.tolist()])
    progress = np.array([show in listener.plays_of_show for show in shows.tolist()])
    last = np.array([known.number[library.of_show[show][-1]] for show in shows.tolist()])
    return {
        "in_progress": progress,
        "behind": waits,
        "number": np.log1p(known.number[episodes]),
        "newer_in_show": last - known.number[episodes],
        "next_up": progress & ordered[shows] & ~waits,
        "show_started": np.log1p(state.completions[shows].sum(axis=1)),
    }


def _freshness(
    request: Request, episodes: Ints, kind: Ints, library: Library, state: State
) -> dict[str, Ints | Float32]:
    """Age, and what became of showing it within hours, within days, ever."""
    hours = np.maximum(0, request.now - library.catalogue.published[episodes]) / HOUR_MS
    rates, totals = state.rates(episodes, request.now), state.totals[episodes]
    columns: dict[str, Ints | Float32] = {"age": np.log1p(hours), "age_by_kind": np.minimum(hours / HALF_LIFE_H[kind], 8)}
    for name, shown, started in (
        ("now", rates[:, 0, 0], rates[:, 1, 0]),
        ("days", rates[:, 0, 1], rates[:, 1, 1]),
        ("ever", totals[:, 0], totals[:, 1]),
    ):
        columns |= {
            f"shown_{name}": np.log1p(shown),
            f"started_{name}": np.log1p(started),
            f"rate_{name}": (started + PRIOR_STARTS) / (shown + PRIOR_SHOWN),
        }
    columns["completed_days"] = (rates[:, 2, 1] + 0.5) / (rates[:, 1, 1] + 1)
    return columns


def _completion(
    listener: Listener, episodes: Ints, shows: Ints, library: Library, state: State
) -> dict[str, Ints | Float32]:
    done = state.completions[shows]
    rate = (done[:, 0] + 1.0) / (done.sum(axis=1) + 2.0)
    shares = [share for _, _, share in listener.recent]
    return {
        "show_completion": rate,
        "listener_completion": np.full(len(shows), np.mean(shares) if shares else 0.5),
        "expected_minutes": rate * library.catalogue.duration[episodes] / 60_000,
    }


def _intent(request: Request, minutes: Float32) -> dict[str, Ints | Float32]:
    """Why they listen, when, and how far the length is from the time that they have."""
    hour = request.now % (24 * HOUR_MS) / HOUR_MS
    day = (request.now // (24 * HOUR_MS) + 3) % 7  # the epoch was a Thursday
    has = request.minutes or MINUTES[request.intent]
    intents = {name: np.full(len(minutes), request.intent == at) for at, name in enumerate(("commute", "learn", "relax"))}
    return intents | {
        "hour_sin": np.full(len(minutes), np.sin(hour * np.pi / 12)),
        "hour_cos": np.full(len(minutes), np.cos(hour * np.pi / 12)),
        "weekend": np.full(len(minutes), day >= 5),
        "misfit": np.abs(np.log(minutes / has)),
        "minutes_known": np.full(len(minutes), request.minutes > 0),
    }


