"""From a ranking to a slate that a person would accept: one episode a show, not all of one topic, in order, in time, one slot
to explore.

Greedy, best first: an episode's score is lowered by its likeness to what stands above it (maximal marginal relevance, Carbonell
and Goldstein 1998). What may never happen (two of a show, part five before part four, longer than the time one has) is a rule
and no penalty. The slot to explore is drawn by Thompson sampling over starts and impressions; its chance is logged with it, so
that later estimates can weigh it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from podcast_recs.candidates import Candidates
from podcast_recs.differences import Differences
from podcast_recs.library import Library
from podcast_recs.moment import Request
from podcast_recs.records import Ints, Slot, Source
from podcast_recs.state import State

SLOTS = 20
ALIKE = 0.35
"""What full likeness costs, in standard deviations of the scores."""
EXPLORE_AT = 4
DRAWS = 256
SPARE = 1.15


def make_slate(
    request: Request,
    found: Candidates,
    scores: NDArray[np.float64],
    library: Library,
    state: State,
    on: Differences,
    slots: int = SLOTS,
    seed: int = 1,
) -> list[Slot]:
    """At most `slots` slots, best first; the same request, state and seed give the same slate."""
    fits = _fits(request, library, found.episodes)
    explored, chance = _explore(request, found, fits, state, seed) if on.exploration else (-1, 1.0)
    reason = reasons(request, library, state)
    chosen: list[Slot] = []
    taken: set[int] = set()
    likeness = np.zeros(len(found.episodes))
    standard = (scores - scores.mean()) / max(float(scores.std()), 1e-9) if len(scores) else scores
    vectors = library.index.vectors(found.episodes)
    open_rows = fits.copy()
    if explored >= 0:
        taken.add(int(library.catalogue.show[found.episodes[explored]]))
        open_rows &= library.catalogue.show[found.episodes] != library.catalogue.show[found.episodes[explored]]
    while len(chosen) < slots:
        if explored >= 0 and (len(chosen) == min(EXPLORE_AT, slots - 1) or not open_rows.any()):
            at, source, odds = explored, Source.EXPLORE, chance
            explored = -1
        elif open_rows.any():
            worth = np.where(open_rows, standard - ALIKE * likeness, -np.inf)
            at, odds = int(worth.argmax()), 1.0  # the first of equals: the smallest id
            source = Source(int(np.flatnonzero(found.brought[at])[0]))
        else:
            break
        episode = int(found.episodes[at])
        chosen.append(Slot(episode, source, odds, float(scores[at]), reason(episode, source)))
        open_rows &= library.catalogue.show[found.episodes] != library.catalogue.show[episode]
        likeness = np.maximum(likeness, vectors @ vectors[at])
    return chosen


def _fits(request: Request, library: Library, episodes: Ints) -> NDArray[np.bool_]:
    """bool[n]: not longer than the time one has, and a little."""
    if not request.minutes:
        return np.ones(len(episodes), bool)
    fits: NDArray[np.bool_] = library.catalogue.duration[episodes] <= request.minutes * 60_000 * SPARE
    return fits


def _explore(
    request: Request, found: Candidates, fits: NDArray[np.bool_], state: State, seed: int
) -> tuple[int, float]:
    """The row to explore and the chance that it was drawn; (-1, 1) when no show is new to the listener. Chances are counted over DRAWS."""
    listener, shows = state.listeners[request.user], state.catalogue.show[found.episodes].tolist()
    strange = np.array([show not in listener.plays_of_show and show not in listener.follows for show in shows], bool)
    rows = np.flatnonzero(found.brought[:, Source.EXPLORE] & fits & strange)
    if not len(rows):
        return -1, 1.0
    shown, started = state.totals[found.episodes[rows], 0], state.totals[found.episodes[rows], 1]
    rng = np.random.default_rng(np.random.SeedSequence([seed, request.user, request.now]))
    draws = rng.beta(1.0 + started, 9.0 + np.maximum(0, shown - started), (DRAWS, len(rows)))
    winners = draws.argmax(axis=1)
    won = int(winners[0])
    return int(rows[won]), float((winners == won).mean())


def reasons(request: Request, library: Library, state: State) -> Callable[[int, Source], str]:
    """A function that says why an episode stands there, in words a listener understands."""
    listener, known = state.listeners[request.user], library.catalogue
    last = known.show_titles[int(known.show[listener.recent[-1][1]])] if listener.recent else ""

    def reason(episode: int, source: Source) -> str:
        show = int(known.show[episode])
        title = known.show_titles[show]
        heard = listener.plays_of_show.get(show, 0)
        if source == Source.NEXT_UP and show in listener.follows:
            return f"next in {title}, which you follow"
        return {
            Source.NEXT_UP: f"goes on with {title}: you heard {heard}",
            Source.AFTER_THIS: f"listeners of {last} went on to {title}",
            Source.LIKE_YOU: f"people with your shows listen to {title}",
            Source.ABOUT: "about what you listen to",
            Source.TRENDING: "many start it right now",
            Source.EXPLORE: "new: be among the first",
        }[source]

    return reason
