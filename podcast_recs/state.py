"""What is known right now: counters of episodes, and what each listener heard, follows and refused. By event time, and once per
event.

Counters fade with a half-life. A fading sum S(t) = Σ 2^(-(t - tᵢ)/H) can take its terms in any order: a late event adds what it
would be worth by now. So a duplicate or a shuffled delivery ends in the same counts of what was shown and started, up to the
rounding of the last bits. When an episode was completed, who follows what, what was heard last, and in which order shows are
heard, is learned from events as they come. `apply` is plain Python on arrays that grow, some microseconds an event: the next
request sees it, and no batch job stands between.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from podcast_recs.records import HOUR_MS, Bools, Catalogue, Event, Float32, Ints, What

HALF_LIFE_MS = (6 * HOUR_MS, 72 * HOUR_MS)
"""Two memories: what is rising today, and what held for days."""
COMPLETED = 0.8
LONG_MS = 30 * 60_000
RECENT = 64
PRIOR = (1.0, 12.0)
"""Starts and impressions that are believed of what nobody was shown."""


@dataclass
class Listener:
    """One listener's state. `heard` has the longest listen of each episode in ms; `recent` the last plays, oldest first: (at,
    episode, share).
    """

    heard: dict[int, int] = field(default_factory=dict)
    follows: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    recent: list[tuple[int, int, float]] = field(default_factory=list)
    plays_of_show: Counter[int] = field(default_factory=Counter)
    seen: dict[int, int] = field(default_factory=dict)  # impressions of an episode that were not started


def by_show(catalogue: Catalogue, since: int) -> defaultdict[int, list[int]]:
    """The episodes from id `since` on by show, oldest first."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for episode in (since + np.lexsort((catalogue.number[since:], catalogue.show[since:]))).tolist():
        found[int(catalogue.show[episode])].append(episode)
    return found


class State:
    """Everything that events change; `apply` is the only way in."""

    def __init__(self, catalogue: Catalogue) -> None:
        """catalogue: may grow later; arrays follow it."""
        self.catalogue = catalogue
        self.listeners: dict[int, Listener] = defaultdict(Listener)
        self.events: set[int] = set()
        self.duplicates = 0
        self.counters = np.zeros((len(catalogue.show), 3, len(HALF_LIFE_MS)))  # shown, started, completed
        self.totals = np.zeros((len(catalogue.show), 3), np.int64)  # the same, never fading
        self.of_shows = np.zeros((len(catalogue.kind), 3), np.int64)  # the same by show
        self.touched = np.zeros(len(catalogue.show), np.int64)  # ms of the newest event in the counters
        shows = len(catalogue.kind)
        self.steps = np.zeros((shows, 2), np.int64)  # plays that went on oldest first, newest first
        self.after: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))  # show → next show → weight
        self.followers = np.zeros(shows, np.int64)
        self.completions = np.zeros((shows, 2), np.int64)  # plays that were completed, that were not
        self._of_show = by_show(catalogue, 0)

    def grow(self, catalogue: Catalogue) -> None:
        """Take up what the catalogue gained."""
        more, shows = len(catalogue.show) - len(self.touched), len(catalogue.kind) - len(self.steps)
        for show, new in by_show(catalogue, len(self.touched)).items():
            self._of_show[show] += new
        self.catalogue = catalogue
        self.counters = np.pad(self.counters, ((0, more), (0, 0), (0, 0)))
        self.totals = np.pad(self.totals, ((0, more), (0, 0)))
        self.touched = np.pad(self.touched, (0, more))
        self.of_shows = np.pad(self.of_shows, ((0, shows), (0, 0)))
        self.steps = np.pad(self.steps, ((0, shows), (0, 0)))
        self.completions = np.pad(self.completions, ((0, shows), (0, 0)))
        self.followers = np.pad(self.followers, (0, shows))

    def apply(self, event: Event) -> bool:
        """Take one event; whether it was new. The same event id again changes nothing and is counted."""
        if event.event_id in self.events:
            self.duplicates += 1
            return False
        self.events.add(event.event_id)
        listener, show = self.listeners[event.user], int(self.catalogue.show[event.episode])
        if event.what == What.SHOWN:
            self._count(event.episode, 0, event.at)
            listener.seen[event.episode] = listener.seen.get(event.episode, 0) + 1
        elif event.what == What.STARTED:
            self._count(event.episode, 1, event.at)
            self._start(listener, show, event)
        elif event.what == What.STOPPED:
            self._stop(listener, show, event)
        elif event.what == What.FOLLOWED and show not in listener.follows:
            listener.follows.add(show)
            self.followers[show] += 1
        elif event.what == What.UNFOLLOWED and show in listener.follows:
            listener.follows.remove(show)
            self.followers[show] -= 1
        elif event.what == What.REFUSED:
            listener.refused.add(show)
        return True

    def apply_all(self, events: Iterable[Event]) -> int:
        """Take events; how many were new."""
        return sum(self.apply(event) for event in events)

    def rates(self, episodes: Ints, now: int) -> Float32:
        """float32[n, 3, memories]: the counters of episodes, faded to now."""
        age = np.maximum(0, now - self.touched[episodes])[:, None] / np.array(HALF_LIFE_MS)
        faded: Float32 = (self.counters[episodes] * 0.5 ** age[:, None, :]).astype(np.float32)
        return faded

    def lately(self, episodes: Ints, now: int) -> Float32:
        """float32[n]: starts by the longer memory, faded to now: one column of `rates`, for many episodes."""
        age = np.maximum(0, now - self.touched[episodes]) / HALF_LIFE_MS[1]
        faded: Float32 = (self.counters[episodes, 1, 1] * 0.5**age).astype(np.float32)
        return faded

    def start_rates(self) -> Float32:
        """float32[shows]: starts of an impression, by show; nearer to PRIOR's the fewer impressions there are."""
        starts, shown = PRIOR
        rates: Float32 = ((self.of_shows[:, 1] + starts) / (self.of_shows[:, 0] + shown)).astype(np.float32)
        return rates

    def oldest_first(self, shows: Ints) -> Bools:
        """bool[n]: whether a show is listened to oldest first, as its listeners' steps say; its kind decides while they are
        few.
        """
        forward, newest = self.steps[shows, 0], self.steps[shows, 1]
        declared = self.catalogue.kind[shows] == 1
        learned: Bools = forward + 4 * declared > newest + 4 * ~declared
        return learned

    def _count(self, episode: int, counter: int, at: int) -> None:
        self.totals[episode, counter] += 1
        self.of_shows[self.catalogue.show[episode], counter] += 1
        newer = at - int(self.touched[episode])
        if newer >= 0:
            self.counters[episode] *= [0.5 ** (newer / half) for half in HALF_LIFE_MS] if self.touched[episode] else 0.0
            self.touched[episode] = at
            self.counters[episode, counter] += 1
        else:
            self.counters[episode, counter] += [0.5 ** (-newer / half) for half in HALF_LIFE_MS]

    def _start(self, listener: Listener, show: int, event: Event) -> None:
        """A play begins: learn the show's order, the step between shows, and forget that the episode was passed over."""
        if event.episode not in listener.heard:
            if show in listener.plays_of_show:
                self._learn_order(show, event, listener.heard)
            listener.heard[event.episode] = 0
            listener.plays_of_show[show] += 1
        for lag, (_, before, _) in enumerate(reversed(listener.recent[-3:]), 1):
            other = int(self.catalogue.show[before])
            if other != show:
                self.after[other][show] += 1 / lag
        listener.seen.pop(event.episode, None)
        share = min(1.0, listener.heard[event.episode] / max(1, int(self.catalogue.duration[event.episode])))
        insort(listener.recent, (event.at, event.episode, share), key=lambda play: play[0])  # equals as they came
        del listener.recent[:-RECENT]

    def _stop(self, listener: Listener, show: int, event: Event) -> None:
        duration = max(1, int(self.catalogue.duration[event.episode]))
        share = min(1.0, max(0, event.played_ms) / duration)
        if event.episode not in listener.heard:  # its start is still on its way
            listener.plays_of_show[show] += 1
        before = listener.heard.get(event.episode, 0)
        listener.heard[event.episode] = after = max(before, event.played_ms)
        was, now = (played >= min(COMPLETED * duration, LONG_MS) for played in (before, after))
        if now and not was:
            self._count(event.episode, 2, event.at)
        if after and (not before or now != was):  # a play counts once, however often it pauses
            self.completions[show, 0 if now else 1] += 1
            self.completions[show, 1] -= bool(before)
        for at in range(len(listener.recent) - 1, -1, -1):
            moment, episode, known = listener.recent[at]
            if episode == event.episode:
                listener.recent[at] = (moment, episode, max(known, share))
                break

    def _learn_order(self, show: int, event: Event, heard: dict[int, int]) -> None:
        """An older one where a newer was out, with all before it heard, speaks for the order; a newest over an unheard one
        against it; what leaves no choice says nothing.
        """
        own = self._of_show[show]
        at = bisect_left(own, int(self.catalogue.number[event.episode]), key=lambda e: int(self.catalogue.number[e]))
        newer = at + 1 < len(own) and int(self.catalogue.published[own[at + 1]]) <= event.at
        passed_over = at > 0 and own[at - 1] not in heard
        if newer != passed_over:
            self.steps[show, 0 if newer else 1] += 1
