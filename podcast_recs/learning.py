"""Learning from a log: every slate in it is described by the features of serving *before* its outcome is taken into the state
(prequential), so nothing of the future leaks into a model.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.differences import Differences
from podcast_recs.factors import show_factors
from podcast_recs.features import features
from podcast_recs.library import Profile
from podcast_recs.moment import Request, look
from podcast_recs.pipeline import Recommender
from podcast_recs.ranker import Ranker, grade, ordered_well, train
from podcast_recs.records import HOUR_MS, Event, Float32, Ints, What

REFIT_MS = 7 * 24 * HOUR_MS
"""Factors of shows are fitted weekly: taste is slow; what is fast is in the state."""
OUTCOME_MS = 6 * HOUR_MS
"""A start counts for the slate before it for so long."""

HELD_OUT = 0.2
"""Share of the newest slates that a new ranker is judged by and has not learned from."""


class Examples(NamedTuple):
    """Slots that were shown: what the ranker learns from."""

    rows: Float32  # [n, columns]
    slates: Ints  # [m] rows of each slate, in order
    positions: NDArray[np.int8]  # [n]
    started: NDArray[np.bool_]  # [n]
    played_ms: Ints  # [n]
    duration_ms: Ints  # [n]
    users: Ints  # [m]


def learn(
    recommender: Recommender,
    events: Iterable[Event],
    profile: Callable[[int], Profile],
    intents: Mapping[tuple[int, int], int],
    since: int,
) -> Examples:
    """Read the log in order of time, keep what slates from `since` on looked like, and train the ranker on them; one that is
    there already is replaced by one that is no worse.
    """
    collected = _Collector(recommender, profile, intents, since)
    for event in events:
        collected.take(event)
    examples = collected.examples()
    old, on, seed = recommender.ranker, recommender.on, recommender.seed
    recommender.ranker = renewed(old, examples, on, seed) if old else fit(examples, on, seed)
    return examples


def renewed(old: Ranker, examples: Examples, on: Differences, seed: int = 1) -> Ranker:
    """A ranker that learned from all but the last HELD_OUT of the slates, if it orders those no worse than the old one; else the old."""
    split = int(len(examples.slates) * (1 - HELD_OUT))
    row = int(examples.slates[:split].sum())
    labels = grade(examples.started, examples.played_ms, examples.duration_ms, on)
    new = train(examples.rows[:row], labels[:row], examples.slates[:split], examples.positions[:row], on, seed)
    held_out = (examples.rows[row:], labels[row:], examples.slates[split:])
    return new if ordered_well(new, *held_out) >= max(0.0, ordered_well(old, *held_out)) else old


def fit(examples: Examples, on: Differences, seed: int = 1) -> Ranker:
    """A ranker from examples, with the columns and labels that the differences leave."""
    labels = grade(examples.started, examples.played_ms, examples.duration_ms, on)
    return train(examples.rows, labels, examples.slates, examples.positions, on, seed)


class _Collector:
    """Groups the log's impressions into slates, describes each before its outcome, and finds the outcome."""

    def __init__(
        self,
        recommender: Recommender,
        profile: Callable[[int], Profile],
        intents: Mapping[tuple[int, int], int],
        since: int,
    ) -> None:
        self._recommender, self._profile, self._intents, self._since = recommender, profile, intents, since
        self._fitted = 0
        self._open: list[Event] = []
        self._rows: list[Float32] = []
        self._slates: list[int] = []
        self._users: list[int] = []
        self._events: list[Event] = []
        self._outcome: dict[tuple[int, int], int] = {}  # (user, episode) → slot that awaits it
        self._started: dict[int, int] = {}  # slot → ms listened

    def take(self, event: Event) -> None:
        """One event of the log: an impression joins its slate, anything else first closes the open one."""
        if self._open and (
            event.what != What.SHOWN or (event.user, event.at) != (self._open[0].user, self._open[0].at)
        ):
            self._close()
        if event.what == What.SHOWN:
            self._open.append(event)
            return
        slot = self._outcome.get((event.user, event.episode))
        if slot is not None and event.at - self._events[slot].at <= OUTCOME_MS:
            if event.what == What.STARTED:
                self._started.setdefault(slot, 0)
            elif event.what == What.STOPPED and slot in self._started:
                self._started[slot] = event.played_ms
        self._recommender.state.apply(event)

    def examples(self) -> Examples:
        """All slots so far."""
        if self._open:
            self._close()
        count = len(self._events)
        duration = self._recommender.library.catalogue.duration
        return Examples(
            rows=np.concatenate(self._rows) if self._rows else np.empty((0, 0), np.float32),
            slates=np.array(self._slates, np.int64),
            positions=np.array([event.position for event in self._events], np.int8),
            started=np.array([slot in self._started for slot in range(count)], bool),
            played_ms=np.array([self._started.get(slot, 0) for slot in range(count)], np.int64),
            duration_ms=duration[[event.episode for event in self._events]].astype(np.int64),
            users=np.array(self._users, np.int64),
        )

    def _close(self) -> None:
        """The open slate is whole: describe it, then let the state know that it was shown."""
        user, at = self._open[0].user, self._open[0].at
        if at - self._fitted >= REFIT_MS:
            self._recommender.factors = show_factors(self._recommender.state)
            self._fitted = at
        if at >= self._since:
            own = self._recommender
            request = Request(user, self._profile(user), at, self._intents.get((user, at), 0))
            moment = look(request, own.library, own.state, own.factors, own.on)
            episodes = np.array([event.episode for event in self._open])
            self._rows.append(features(moment, episodes, own.library, own.state))
            self._slates.append(len(self._open))
            self._users.append(user)
            for event in self._open:
                self._outcome[user, event.episode] = len(self._events)
                self._events.append(event)
        for event in self._open:
            self._recommender.state.apply(event)
        self._open = []
