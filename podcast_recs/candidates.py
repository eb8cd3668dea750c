"""Where the five hundred come from that are worth ranking: six generators, each with its reason.

    next up     the next episode of shows that are followed or in progress (their order is learned)
    after this  shows that others went on to after what was heard last
    like you    shows by matrix factorisation over who listens to which show
    about       episodes whose text is near one of several centres of interest, never near their mean alone
    trending    what is started most right now, in the listener's languages
    explore     fresh episodes that nobody knows yet, drawn by Thompson sampling

A show brings its *next* episode, whatever brought the show: the level of the show decides what, the level of the episode which.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.differences import Differences
from podcast_recs.library import Library, Profile
from podcast_recs.records import HOUR_MS, Float32, Ints, Source
from podcast_recs.state import Listener, State

Bools = NDArray[np.bool_]

MOST = 500
ABOUT = 60  # of each centre
SHOWS = 60  # of each generator that brings shows
TRENDING, FRESH = 120, 200
CENTRES = 4
FRESH_MS = 72 * HOUR_MS


class Request(NamedTuple):
    """Who asks, when and why; `minutes` is the time they have, 0 when they did not say."""

    user: int
    profile: Profile
    now: int
    intent: int
    minutes: float = 0.0


class Candidates(NamedTuple):
    """Columns [n]; `strength` float32[n, sources] is what each generator thought of it (0: did not bring it)."""

    episodes: Ints
    strength: Float32
    near: Float32  # [n, 2] cosine to the nearest centre of interest, and to the last play


class ShowFactors(NamedTuple):
    """Matrix factors of listeners and shows, as far as they were known when they were trained."""

    users: Float32  # [listeners, f]
    shows: Float32  # [shows, f]


def candidates(
    request: Request, library: Library, state: State, factors: ShowFactors, on: Differences
) -> tuple[Candidates, Bools]:
    """What to rank, at most MOST, and the eligibility it was drawn from."""
    listener = state.listeners[request.user]
    allowed = library.eligible(request.profile, listener, request.now, repeats=not on.no_repeats)
    brought: dict[int, dict[int, float]] = {}
    ordered = orders(library, state, on)

    def bring(source: Source, episode: int, strength: float) -> None:
        if episode >= 0:
            own = brought.setdefault(episode, {})
            own[source] = max(own.get(source, 0.0), strength, 1e-6)  # 0 means: not brought

    for show in _in_progress(listener, on):
        bring(Source.NEXT_UP, library.next_of(show, allowed, bool(ordered[show])), 1.0)
    for source, shows in ((Source.AFTER_THIS, after(listener, state)), (Source.LIKE_YOU, _like(request, factors))):
        for show, strength in shows[:SHOWS] if on.show_level else []:
            bring(source, library.next_of(show, allowed, bool(ordered[show])), strength)
    centres = interests(library, listener)
    if on.text and len(centres):
        found, near = library.index.search(centres, ABOUT, allowed)
        for episode, cosine in zip(found.ravel().tolist(), near.ravel().tolist(), strict=True):
            bring(Source.ABOUT, episode, cosine)
    for source, some in ((Source.TRENDING, _trending(library, state, allowed, request.now, on)), (Source.EXPLORE, _fresh(library, state, allowed, request.now, on))):
        for episode, strength in some:
            bring(source, episode, strength)
    if on.serial_order:
        brought = {episode: own for episode, own in brought.items() if not behind(episode, library, listener, allowed, ordered)}
    return _gather(brought, library, centres), allowed


def behind(episode: int, library: Library, listener: Listener, allowed: Bools, ordered: Bools) -> bool:
    """Whether an unheard older episode of a show that is heard in order stands before it."""
    show = int(library.catalogue.show[episode])
    if not ordered[show]:
        return False
    return library.next_of(show, allowed, oldest_first=True) != episode


def interests(library: Library, listener: Listener) -> Float32:
    """float32[≤ CENTRES, d]: centres of what was heard lately and liked, by spherical k-means from the newest plays; unit length."""
    liked = [episode for _, episode, share in listener.recent[-24:] if share > 0.3]
    if not liked:
        return np.empty((0, 1), np.float32)
    vectors = library.index.vectors(np.array(liked[::-1]))
    centres = vectors[:1]
    while len(centres) < CENTRES:  # farthest first
        nearest = (vectors @ centres.T).max(axis=1)
        if nearest.min() > 0.9:
            break
        centres = np.concatenate([centres, vectors[[int(nearest.argmin())]]])
    for _ in range(4):
        own = (vectors @ centres.T).argmax(axis=1)
        sums = np.stack([vectors[own == k].sum(axis=0) if (own == k).any() else centres[k] for k in range(len(centres))])
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return np.asarray(centres, np.float32)


def orders(library: Library, state: State, on: Differences) -> Bools:
    """Which shows are heard in order: bool[shows]: heard oldest first; nothing is when order does not matter."""
    shows = np.arange(len(library.catalogue.kind))
    return state.oldest_first(shows) if on.serial_order else np.zeros(len(shows), bool)


def _in_progress(listener: Listener, on: Differences) -> list[int]:
    shows = set(listener.plays_of_show) if on.show_level else set()
    return sorted(shows | (listener.follows if on.subscriptions else set()))


def after(listener: Listener, state: State) -> list[tuple[int, float]]:
    """Shows by the steps that others took from the last three shows, normalised by how much each is listened to at all."""
    weights: dict[int, float] = {}
    for lag, (_, episode, _) in enumerate(reversed(listener.recent[-3:]), 1):
        for show, steps in state.after[int(state.catalogue.show[episode])].items():
            popular = float(state.completions[show].sum()) + 10
            weights[show] = weights.get(show, 0.0) + steps / lag / popular**0.5
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))


def _like(request: Request, factors: ShowFactors) -> list[tuple[int, float]]:
    """Shows by their factor's product with the listener's; none for a listener who came after training."""
    if request.user >= len(factors.users):
        return []
    scores = factors.shows @ factors.users[request.user]
    order = np.lexsort((np.arange(len(scores)), -scores))[:SHOWS]
    return [(int(show), float(scores[show])) for show in order]


def _trending(library: Library, state: State, allowed: Bools, now: int, on: Differences) -> list[tuple[int, float]]:
    """Episodes by starts in the last days (or ever, where freshness does not count)."""
    ids = np.flatnonzero(allowed & (state.totals[:, 1] > 0))
    starts = state.rates(ids, now)[:, 1, 1] if on.freshness else state.totals[ids, 1].astype(np.float32)
    order = np.lexsort((ids, -starts))[:TRENDING]
    return [(int(ids[at]), float(starts[at])) for at in order]


def _fresh(library: Library, state: State, allowed: Bools, now: int, on: Differences) -> list[tuple[int, float]]:
    """The newest eligible episodes of the last three days."""
    if not on.freshness:
        return []
    ids = np.flatnonzero(allowed & (library.catalogue.published > now - FRESH_MS))
    order = np.lexsort((ids, -library.catalogue.published[ids]))[:FRESH]
    return [(int(ids[at]), 1.0) for at in order]


def _gather(brought: dict[int, dict[int, float]], library: Library, centres: Float32) -> Candidates:
    """At most MOST candidates, those that more generators brought first, in the order of their ids."""
    kept = sorted(brought, key=lambda episode: (-len(brought[episode]), min(brought[episode]), -max(brought[episode].values()), episode))
    episodes = np.array(sorted(kept[:MOST]), np.int64)
    strength = np.zeros((len(episodes), len(Source)), np.float32)
    for row, episode in enumerate(episodes.tolist()):
        for source, value in brought[episode].items():
            strength[row, source] = value
    return Candidates(episodes, strength, nearness(library, episodes, centres))


def nearness(library: Library, episodes: Ints, centres: Float32) -> Float32:
    """float32[n, 2]: cosine of each episode's text to the nearest centre and to the first, the newest interest; 0 without any."""
    if not len(centres) or not len(episodes):
        return np.zeros((len(episodes), 2), np.float32)
    cosines = library.index.vectors(episodes) @ centres.T
    near: Float32 = np.stack([cosines.max(axis=1), cosines[:, 0]], axis=1).astype(np.float32)
    return near

