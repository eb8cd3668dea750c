"""Who asks, when and why; and what follows from that before any episode is looked at. Made once a request, read by candidates
and features alike.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.differences import Differences
from podcast_recs.library import Library, Profile
from podcast_recs.records import HOUR_MS, Bools, Float32, Ints
from podcast_recs.state import COMPLETED, Listener, State

CENTRES = 4
LATELY = 24
LAGS = 3
BEGUN = 0.05
RESUME_MS = 7 * 24 * HOUR_MS
"""What was left in the middle is offered again for a week."""


class Request(NamedTuple):
    """A listener opens the home page; `minutes` is the time they have, 0 when they did not say."""

    user: int
    profile: Profile
    now: int
    intent: int
    minutes: float = 0.0


class ShowFactors(NamedTuple):
    """Matrix factors of listeners and shows, as far as they were known when they were trained."""

    users: Float32  # [listeners, f]
    shows: Float32  # [shows, f]


class Moment(NamedTuple):
    """What a request finds; by show unless it says otherwise."""

    request: Request
    listener: Listener
    resumable: Ints  # episodes begun and not finished
    ready: Bools  # [episodes] allowed, and not waiting for an older one
    ordered: Bools  # heard oldest first
    next_up: Ints  # the episode to go on with, -1 where there is none
    newest: Ints  # number of the newest episode that is out
    likes: Float32  # product of factors
    after: Float32  # weight of the steps that others took from the last shows
    centres: Float32  # [≤ CENTRES, d] interests, the newest first


def look(request: Request, library: Library, state: State, factors: ShowFactors, on: Differences) -> Moment:
    """The moment of a request, from the state as it is."""
    listener = state.listeners[request.user]
    anything = library.eligible(request.profile, listener, request.now, repeats=True, expires=on.freshness)
    begun = unfinished(listener, library.catalogue.duration, request.now) if on.resume else []
    allowed = anything.copy()
    if on.no_repeats:
        allowed[list(listener.heard)] = False
    known, shows = library.catalogue.show, len(library.catalogue.kind)
    ordered = state.oldest_first(np.arange(shows)) if on.serial_order else np.zeros(shows, bool)
    next_up = library.next_of_all(allowed, ordered)
    if not on.freshness:  # a song is not chosen for being new
        next_up = np.where(ordered, next_up, best_known(allowed, known, state.totals[:, 1], shows))
    return Moment(
        request=request,
        listener=listener,
        resumable=np.array([episode for episode in begun if anything[episode]], np.int64),
        ready=allowed & (~ordered[known] | (next_up[known] == np.arange(len(known)))),
        ordered=ordered,
        next_up=next_up,
        newest=library.newest_out(request.now),
        likes=_likes(request.user, factors, shows),
        after=_after(listener, state, shows),
        centres=interests(library, listener),
    )


def unfinished(listener: Listener, duration: NDArray[np.int32], now: int) -> list[int]:
    """Episodes that were played within RESUME_MS and whose longest listen ended in the middle."""
    lately = {episode for at, episode, _ in listener.recent if now - at < RESUME_MS}
    return [episode for episode in sorted(lately) if BEGUN <= listener.heard[episode] / duration[episode] < COMPLETED]


def best_known(allowed: Bools, show: NDArray[np.int32], starts: Ints, shows: int) -> Ints:
    """int64[shows]: the allowed episode of each show that was started most, the newest of equals; -1 where none is allowed."""
    ids = np.flatnonzero(allowed)
    ids = ids[np.lexsort((ids, starts[ids], show[ids]))]
    best = np.full(shows, -1, np.int64)
    best[show[ids]] = ids  # the last of each show stays
    return best


def waits(moment: Moment, shows: Ints, episodes: Ints) -> Bools:
    """bool[n]: an episode of a show that is heard in order, with an unheard older one before it."""
    waiting: Bools = moment.ordered[shows] & (moment.next_up[shows] != episodes)
    return waiting


def interests(library: Library, listener: Listener) -> Float32:
    """float32[≤ CENTRES, d]: centres of what was heard lately and liked, by spherical k-means begun at the newest play; unit
    length.
    """
    liked = [episode for _, episode, share in listener.recent[-LATELY:] if share > 0.3]
    if not liked:
        return np.empty((0, library.index.dimensions), np.float32)
    vectors = library.index.vectors(np.array(liked[::-1]))
    centres = vectors[:1]
    while len(centres) < CENTRES:  # the farthest from all so far
        nearest = (vectors @ centres.T).max(axis=1)
        if nearest.min() > 0.9:
            break
        centres = np.concatenate([centres, vectors[[int(nearest.argmin())]]])
    for _ in range(3):
        own = (vectors @ centres.T).argmax(axis=1) == np.arange(len(centres))[:, None]  # [centres, plays]
        sums = own.astype(np.float32) @ vectors
        sums = np.where(own.any(axis=1)[:, None], sums, centres)
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return centres.astype(np.float32)


def _likes(user: int, factors: ShowFactors, shows: int) -> Float32:
    """Zeros for a listener or a show that came after training."""
    likes = np.zeros(shows, np.float32)
    if user < len(factors.users):
        likes[: len(factors.shows)] = factors.shows @ factors.users[user]
    return likes


def _after(listener: Listener, state: State, shows: int) -> Float32:
    """Steps of others from the last shows, less for those that everybody goes to."""
    weights = np.zeros(shows, np.float32)
    for lag, (_, episode, _) in enumerate(reversed(listener.recent[-LAGS:]), 1):
        for show, steps in state.after[int(state.catalogue.show[episode])].items():
            weights[show] += steps / lag
    popular: Float32 = weights / np.sqrt(state.completions.sum(axis=1) + 10)
    return popular
