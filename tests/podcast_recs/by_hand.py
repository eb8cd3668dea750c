"""A catalogue small enough to reason about: three shows, one of each kind, in one language and another."""

import numpy as np

from podcast_recs.library import Library
from podcast_recs.records import HOUR_MS, Catalogue, Event, What
from podcast_recs.state import State

NOW = 1_000_000 * HOUR_MS


def catalogue(episodes=4):
    """Show 0 is news, show 1 a serial, both in English; show 2 evergreen, Swedish, explicit. One a day, the newest an hour old."""
    show = np.repeat(np.arange(3), episodes)
    number = np.tile(np.arange(episodes), 3)
    return Catalogue(
        show=show.astype(np.int32),
        number=number.astype(np.int32),
        published=NOW - HOUR_MS - (episodes - 1 - number) * 24 * HOUR_MS,
        duration=np.full(show.size, 40 * 60_000, np.int32),
        explicit=show == 2,
        language=np.array([0, 0, 1], np.int16),
        kind=np.array([0, 1, 2], np.int8),
        languages=("en", "sv"),
        titles=[f"show {s} part {n}" for s, n in zip(show, number, strict=True)],
        descriptions=[""] * show.size,
        show_titles=["The News", "The Serial", "Podden"],
        show_descriptions=[""] * 3,
    )


def vectors(count, seed=0):
    found = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def small():
    known = catalogue()
    return Library(known, vectors(len(known.show))), State(known)


def started(event_id, user, episode, at=NOW):
    return Event(event_id, user, episode, What.STARTED, at)


def stopped(event_id, user, episode, played_ms, at=NOW):
    return Event(event_id, user, episode, What.STOPPED, at, played_ms)
