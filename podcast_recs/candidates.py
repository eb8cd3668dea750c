"""Where the five hundred come from that are worth ranking: eight generators, each with its reason.

    resume      what was left in the middle
    next up     the next episode of shows that are followed or in progress (their order is learned)
    after this  shows that others went on to after what was heard last
    like you    shows by matrix factorisation over who listens to which show
    about       episodes whose text is near one of several centres of interest, never near their mean alone
    trending    what is started most right now, in the listener's languages
    explore     the newest episodes of the last days
    unheard     episodes that nobody started yet, of shows that are started where they are shown and that the listener may like

A show brings its *next* episode, whatever brought the show: the level of the show decides what, the level of the episode which.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.differences import Differences
from podcast_recs.features import HALF_LIFE_H
from podcast_recs.library import Library
from podcast_recs.moment import Moment
from podcast_recs.records import HOUR_MS, Bools, Float32, Ints, Source
from podcast_recs.state import State

MOST = 500
ABOUT = 60  # of each centre
SHOWS = 60  # of each generator that brings shows
TRENDING, FRESH, UNHEARD = 120, 100, 300
KEPT = (60, 240)  # of the newest and of the unheard, however much the others bring
FRESH_MS = 72 * HOUR_MS
OLD = 0.25  # what a half-life of age costs, in standard deviations of what a show promises


class Candidates(NamedTuple):
    """Columns [n] in the order of ids; brought bool[n, sources] says who brought each."""

    episodes: Ints
    brought: Bools


def candidates(moment: Moment, library: Library, state: State, on: Differences) -> Candidates:
    """What to rank, at most MOST: KEPT of the newest and unheard first, then what more generators brought, then by their order."""
    generators = {
        Source.RESUME: moment.resumable,
        Source.NEXT_UP: _in_progress(moment, on),
        Source.AFTER_THIS: _shows(moment, moment.after, on),
        Source.LIKE_YOU: _shows(moment, moment.likes, on),
        Source.ABOUT: _about(moment, library, on),
        Source.TRENDING: _trending(moment, state, on),
        Source.EXPLORE: _fresh(moment, library, on),
        Source.UNHEARD: _unheard(moment, library, state, on),
    }
    episodes = np.unique(np.concatenate(list(generators.values())))
    brought = np.zeros((len(episodes), len(Source)), bool)
    for source, found in generators.items():
        brought[np.searchsorted(episodes, found), source] = True
    if len(episodes) > MOST:
        new = np.concatenate([generators[Source.EXPLORE][: KEPT[0]], generators[Source.UNHEARD][: KEPT[1]]])
        order = np.lexsort((episodes, brought.argmax(axis=1), -brought.sum(axis=1), ~np.isin(episodes, new)))[:MOST]
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
    return moment.next_up[_best(shows, strength[shows], SHOWS)]


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
    return np.concatenate([_best(ids, starts, TRENDING), moment.next_up[_best(shows, known[shows], SHOWS)]])


def _fresh(moment: Moment, library: Library, on: Differences) -> Ints:
    """The newest eligible episodes of the last three days."""
    published = library.catalogue.published
    if not on.exploration:
        return np.empty(0, np.int64)
    ids = np.flatnonzero(moment.ready & (published > moment.request.now - FRESH_MS))
    return _best(ids, published[ids], FRESH)


def _unheard(moment: Moment, library: Library, state: State, on: Differences) -> Ints:
    """Of the ready episodes without a start: by how often their show is started where it is shown, by the listener's likes of it,
    and by age.
    """
    if not on.exploration:
        return np.empty(0, np.int64)
    known = library.catalogue
    ids = np.flatnonzero(moment.ready & (state.totals[:, 1] == 0))
    shows = known.show[ids]
    promise = _standard(np.log(state.start_rates())) + _standard(moment.likes)
    fading = (OLD / (HOUR_MS * HALF_LIFE_H[known.kind])).astype(np.float32)  # [shows] a ms
    age = (moment.request.now - known.published[ids]).astype(np.float32)
    return _best(ids, promise[shows] - age * fading[shows], UNHEARD)


def _best(ids: Ints, worth: NDArray[Any], most: int) -> Ints:
    """The `most` ids of the highest worth [n], best first; equals by id."""
    if len(ids) > most:  # all as good as the last of them, so that equals are decided by id
        some = worth >= np.partition(worth, -most)[-most]
        ids, worth = ids[some], worth[some]
    best: Ints = ids[np.lexsort((ids, -worth))[:most]]
    return best


def _standard(values: Float32) -> Float32:
    standard: Float32 = (values - values.mean()) / max(float(values.std()), 1e-9)
    return standard


def _present(episodes: Ints) -> Ints:
    present: Ints = episodes[episodes >= 0]
    return present
