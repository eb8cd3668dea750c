"""Where the five hundred come from that are worth ranking: seven generators, each with its reason.

    resume      what was left in the middle
    next up     the next episode of shows that are followed or in progress (their order is learned)
    after this  shows that others went on to after what was heard last
    like you    shows by matrix factorisation over who listens to which show
    about       episodes whose text is near one of several centres of interest, never near their mean alone
    trending    what is started most right now, in the listener's languages
    explore     fresh episodes that nobody knows yet

A show brings its *next* episode, whatever brought the show: the level of the show decides what, the level of the episode which.
"""

from typing import NamedTuple

import numpy as np

from podcast_recs.differences import Differences
from podcast_recs.library import Library
from podcast_recs.moment import Bools, Moment
from podcast_recs.records import HOUR_MS, Float32, Ints, Source
from podcast_recs.state import State

MOST = 500
ABOUT = 60  # of each centre
SHOWS = 60  # of each generator that brings shows
TRENDING, FRESH = 120, 200
KEPT = 60  # of what is new and unknown, however much the others bring
FRESH_MS = 72 * HOUR_MS


class Candidates(NamedTuple):
    """Columns [n] in the order of ids; brought bool[n, sources] says who brought each."""

    episodes: Ints
    brought: Bools


def candidates(moment: Moment, library: Library, state: State, on: Differences) -> Candidates:
    """What to rank, at most MOST: those that more generators brought first, then by the generators' order."""
    generators = {
        Source.RESUME: moment.resumable,
        Source.NEXT_UP: _in_progress(moment, on),
        Source.AFTER_THIS: _shows(moment, moment.after, on),
        Source.LIKE_YOU: _shows(moment, moment.likes, on),
        Source.ABOUT: _about(moment, library, on),
        Source.TRENDING: _trending(moment, state, on),
        Source.EXPLORE: _fresh(moment, library, on),
    }
    episodes = np.unique(np.concatenate(list(generators.values())))
    brought = np.stack([np.isin(episodes, generators[source]) for source in Source], axis=1)
    if len(episodes) > MOST:
        unknown = brought[:, Source.EXPLORE] & (np.cumsum(brought[:, Source.EXPLORE]) <= KEPT)
        order = np.lexsort((episodes, brought.argmax(axis=1), -brought.sum(axis=1), ~unknown))[:MOST]
        kept = np.sort(order)
        episodes, brought = episodes[kept], brought[kept]
    return Candidates(episodes, brought)


def _in_progress(moment: Moment, on: Differences) -> Ints:
    """The next episode of every show that the listener began or follows."""
    begun = set(moment.listener.plays_of_show) if on.show_level else set()
    shows = np.array(sorted(begun | (moment.listener.follows if on.subscriptions else set())), np.int64)
    return _present(moment.next_up[shows])


def _shows(moment: Moment, strength: Float32, on: Differences) -> Ints:
    """The next episode of the shows with the most strength."""
    if not on.show_level:
        return np.empty(0, np.int64)
    shows = np.flatnonzero((moment.next_up >= 0) & (strength > 0))
    return moment.next_up[shows[np.lexsort((shows, -strength[shows]))[:SHOWS]]]


def _about(moment: Moment, library: Library, on: Differences) -> Ints:
    """The nearest texts to each centre of interest, among the eligible."""
    if not on.text or not len(moment.centres):
        return np.empty(0, np.int64)
    found, _ = library.index.search(moment.centres, ABOUT, moment.ready)
    return _present(found.ravel())


def _trending(moment: Moment, state: State, on: Differences) -> Ints:
    """Episodes by starts in these days (by all ever, where freshness does not count), and the next one of the best-known shows."""
    ids = np.flatnonzero(moment.ready & (state.totals[:, 1] > 0))
    starts = state.lately(ids, moment.request.now) if on.freshness else state.totals[ids, 1]
    known = state.followers + state.completions.sum(axis=1)
    shows = np.flatnonzero(moment.next_up >= 0)
    shows = shows[np.lexsort((shows, -known[shows]))[:SHOWS]]
    if len(ids) > TRENDING:  # all as good as the last of them, so that equals are decided by id
        some = starts >= np.partition(starts, -TRENDING)[-TRENDING]
        ids, starts = ids[some], starts[some]
    return np.concatenate([ids[np.lexsort((ids, -starts))[:TRENDING]], moment.next_up[shows]])


def _fresh(moment: Moment, library: Library, on: Differences) -> Ints:
    """The newest eligible episodes of the last three days."""
    published = library.catalogue.published
    if not on.exploration:
        return np.empty(0, np.int64)
    ids = np.flatnonzero(moment.ready & (published > moment.request.now - FRESH_MS))
    return ids[np.lexsort((ids, -published[ids]))[:FRESH]]


def _present(episodes: Ints) -> Ints:
    present: Ints = episodes[episodes >= 0]
    return present
