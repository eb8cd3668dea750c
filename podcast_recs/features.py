"""What the ranker sees of an episode for a listener now: named columns in groups, each as it was before the answer was
known.

One function makes them for training and for serving, from the same state, so there is no skew between the two by construction.
A difference from music that is switched off takes its columns away (`kept_columns`), nothing else.
"""

from typing import Any

import numpy as np

from podcast_recs.differences import Differences
from podcast_recs.library import Library
from podcast_recs.moment import Moment, Request, waits
from podcast_recs.records import HOUR_MS, Float32, Ints
from podcast_recs.state import PRIOR, Listener, State

Columns = dict[str, Any]
"""An array [n] or one value for all, by name."""

GROUPS: dict[str, tuple[str, ...]] = {
    "affinity": ("like_you", "after_this", "show_plays", "listener_plays", "shown_before", "heard", "started_share"),
    "subscriptions": ("follows", "followers"),
    "show": ("in_progress", "behind", "number", "newer_in_show", "next_up", "show_started", "show_rate", "show_passed"),
    "content": ("near_interest", "near_newest", "taste"),
    "freshness": (
        "age",
        "age_by_kind",
        "shown_now",
        "started_now",
        "rate_now",
        "shown_days",
        "started_days",
        "rate_days",
    ),
    "completion": ("show_completion", "completed_days", "listener_completion", "expected_minutes"),
    "intent": ("commute", "learn", "relax", "hour_sin", "hour_cos", "weekend", "misfit", "minutes_known"),
    "quality": ("kind", "duration", "explicit", "shown_ever", "started_ever", "rate_ever"),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
OFF = {
    "no_repeats": ("heard",),
    "resume": (),
    "freshness": GROUPS["freshness"] + ("newer_in_show",),
    "serial_order": ("behind", "next_up", "number"),
    "completion": GROUPS["completion"],
    "subscriptions": GROUPS["subscriptions"],
    "text": GROUPS["content"],
    "show_level": (
        "like_you",
        "after_this",
        "show_plays",
        "in_progress",
        "show_started",
        "show_completion",
        "followers",
    ),
    "intent": GROUPS["intent"],
    "exploration": (),
}
"""The columns that go with each difference."""
HALF_LIFE_H = np.array([24.0, 720.0, 2160.0])
"""A day, a month, a quarter: a guess by kind at how fast interest goes, whose scale the trees correct."""
ALIKE, UNSURE, WEIGHED = 0.3, 0.15, 256
MINUTES = np.array([20.0, 40.0, 60.0])
"""A guess at what people have on the way, to learn and to relax, where they did not say."""


def features(moment: Moment, episodes: Ints, library: Library, state: State) -> Float32:
    """float32[n, columns]: the columns NAMES for these episodes."""
    known = library.catalogue
    shows = known.show[episodes].astype(np.int64)
    kind, minutes = known.kind[shows], known.duration[episodes] / 60_000
    columns = {
        **_affinity(moment, episodes, shows, state),
        **_show(moment, episodes, shows, library, state),
        **_content(moment, episodes, library, state),
        **_freshness(moment.request, episodes, kind, library, state),
        **_completion(moment.listener, shows, minutes, state),
        **_intent(moment.request, minutes),
        "kind": kind,
        "duration": np.log(minutes),
        "explicit": known.explicit[episodes],
    }
    return np.stack([np.broadcast_to(columns[name], len(episodes)) for name in NAMES], axis=1).astype(np.float32)


def kept_columns(on: Differences) -> list[int]:
    """Indices of the columns that the differences that are on leave."""
    gone = {name for difference, names in OFF.items() if not getattr(on, difference) for name in names}
    return [at for at, name in enumerate(NAMES) if name not in gone]


def _affinity(moment: Moment, episodes: Ints, shows: Ints, state: State) -> Columns:
    listener = moment.listener
    plays = np.array([listener.plays_of_show.get(show, 0) for show in shows.tolist()])
    return {
        "like_you": moment.likes[shows],
        "after_this": moment.after[shows],
        "show_plays": np.log1p(plays),
        "listener_plays": np.log1p(len(listener.heard)),
        "shown_before": np.array([listener.seen.get(episode, 0) for episode in episodes.tolist()]),
        "heard": np.array([episode in listener.heard for episode in episodes.tolist()]),
        "started_share": plays / (1 + len(listener.heard)),
        "follows": np.array([show in listener.follows for show in shows.tolist()]),
        "followers": np.log1p(state.followers[shows]),
    }


def _show(moment: Moment, episodes: Ints, shows: Ints, library: Library, state: State) -> Columns:
    """Where an episode stands in its show, for this listener."""
    number = library.catalogue.number
    waiting = waits(moment, shows, episodes)
    seen = moment.listener.seen
    of_seen = library.catalogue.show[np.fromiter(seen, np.int64, len(seen))]
    passed = np.bincount(of_seen, np.fromiter(seen.values(), np.float64, len(seen)), len(moment.newest))
    progress = np.array([show in moment.listener.plays_of_show for show in shows.tolist()], bool)
    return {
        "in_progress": progress,
        "behind": waiting,
        "number": np.log1p(number[episodes]),
        "newer_in_show": moment.newest[shows] - number[episodes],
        "next_up": progress & moment.ordered[shows] & ~waiting,
        "show_rate": state.start_rates()[shows],
        "show_passed": passed[shows],
        "show_started": np.log1p(state.completions[shows].sum(axis=1)),
    }


def _content(moment: Moment, episodes: Ints, library: Library, state: State) -> Columns:
    """Cosine of an episode's text to the nearest centre of interest and to the newest, and how it meets the listener's taste."""
    vectors = library.index.vectors(episodes)
    columns: Columns = {
        "near_interest": 0.0,
        "near_newest": 0.0,
        "taste": _taste(moment.listener, vectors, library, state),
    }
    if len(moment.centres):
        cosines = vectors @ moment.centres.T
        columns |= {"near_interest": cosines.max(axis=1), "near_newest": cosines[:, 0]}
    return columns


def _taste(listener: Listener, vectors: Float32, library: Library, state: State) -> Float32:
    """float32[n]: logarithm of how often texts near these were started, over how often they would be if this listener were like all:
    every impression counts as the rate of its show, the lately started and passed over by likeness beyond ALIKE.
    """
    started, passed = list(listener.heard)[-WEIGHED:], list(listener.seen)[-WEIGHED:]
    shown = np.array(started + passed, np.int64)
    times = np.array([1] * len(started) + [listener.seen[episode] for episode in passed])
    near = np.maximum(vectors @ library.index.vectors(shown).T - ALIKE, 0)  # [n, shown]
    expected = near @ (times * state.start_rates()[library.catalogue.show[shown]])
    taste: Float32 = np.log((near[:, : len(started)].sum(axis=1) + UNSURE) / (expected + UNSURE))
    return taste


def _freshness(request: Request, episodes: Ints, kind: Any, library: Library, state: State) -> Columns:
    """Age, and what became of showing it within hours, within days, ever."""
    hours = np.maximum(0, request.now - library.catalogue.published[episodes]) / HOUR_MS
    rates, totals = state.rates(episodes, request.now), state.totals[episodes]
    columns: Columns = {"age": np.log1p(hours), "age_by_kind": np.minimum(hours / HALF_LIFE_H[kind], 8)}
    for name, shown, started in (
        ("now", rates[:, 0, 0], rates[:, 1, 0]),
        ("days", rates[:, 0, 1], rates[:, 1, 1]),
        ("ever", totals[:, 0], totals[:, 1]),
    ):
        columns |= {
            f"shown_{name}": np.log1p(shown),
            f"started_{name}": np.log1p(started),
            f"rate_{name}": (started + PRIOR[0]) / (shown + PRIOR[1]),
        }
    columns["completed_days"] = (rates[:, 2, 1] + 0.5) / (rates[:, 1, 1] + 1)
    return columns


def _completion(listener: Listener, shows: Ints, minutes: Any, state: State) -> Columns:
    done = state.completions[shows]
    rate = (done[:, 0] + 1.0) / (done.sum(axis=1) + 2.0)
    shares = [share for _, _, share in listener.recent]
    return {
        "show_completion": rate,
        "listener_completion": np.mean(shares) if shares else 0.5,
        "expected_minutes": rate * minutes,
    }


def _intent(request: Request, minutes: Any) -> Columns:
    """Why they listen, when, and how far the length is from the time that they have."""
    hour = request.now % (24 * HOUR_MS) / HOUR_MS
    day = (request.now // (24 * HOUR_MS) + 3) % 7  # the epoch was a Thursday
    return {
        **{name: request.intent == at for at, name in enumerate(("commute", "learn", "relax"))},
        "hour_sin": np.sin(hour * np.pi / 12),
        "hour_cos": np.cos(hour * np.pi / 12),
        "weekend": day >= 5,
        "misfit": np.abs(np.log(minutes / (request.minutes or MINUTES[request.intent]))),
        "minutes_known": request.minutes > 0,
    }
