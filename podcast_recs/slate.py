"""From a ranking to a slate that a person would accept: one episode a show, not all of one topic, in order, in time, one slot
to explore.

Greedy, best first: an episode's score is lowered by its likeness to what stands above it (maximal marginal relevance, Carbonell
and Goldstein 1998). What may never happen (two of a show, the
same text twice, part five before part four, longer than the time one has) is a rule
and no penalty. The slot to explore is drawn by Thompson sampling over starts and impressions; its chance is logged with it, so
that later estimates can weigh it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from podcast_recs.candidates import Candidates
from podcast_recs.differences import Differences
from podcast_recs.library import Library
from podcast_recs.moment import Request
from podcast_recs.records import Bools, Ints, Slot, Source
from podcast_recs.state import State

SLOTS = 20
ALIKE = 0.35
"""What full likeness costs, in standard deviations of the scores."""
SAME = 0.98
"""Texts that are nearer than this are one episode, published twice."""
EXPLORE_AT = 4
GRID = np.linspace(0, 1, 257)
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
    fits = _fits(request, library, found, state)
    explored, chance = _explore(request, found, fits, state, seed) if on.exploration and slots > 1 else (-1, 1.0)
    reason = reasons(request, library, state)
    chosen: list[Slot] = []
    shows = library.catalogue.show[found.episodes]
    likeness = np.zeros(len(found.episodes))
    standard = (scores - scores.mean()) / max(float(scores.std()), 1e-9) if len(scores) else scores
    vectors = library.index.vectors(found.episodes)
    resumed = _resumed(request, found, fits, state)
    open_rows = fits & _open(found, shows, state.oldest_first(shows.astype(np.int64)) & on.serial_order)
    if min(explored, resumed) >= 0 and (
        shows[explored] == shows[resumed] or vectors[explored] @ vectors[resumed] >= SAME
    ):
        explored = -1  # what was left in the middle, or the same published again
    if explored >= 0:
        open_rows &= (shows != shows[explored]) & (vectors @ vectors[explored] < SAME)
    while len(chosen) < slots:
        if explored >= 0 and (len(chosen) == min(EXPLORE_AT, slots - 1) or not open_rows.any()):
            at, source, odds = explored, Source.EXPLORE, chance
            explored = -1
        elif resumed >= 0:
            at, source, odds, resumed = resumed, Source.RESUME, 1.0, -1
        elif open_rows.any():
            worth = np.where(open_rows, standard - ALIKE * likeness, -np.inf)
            at, odds = int(worth.argmax()), 1.0  # the first of equals: the smallest id
            source = Source(int(np.flatnonzero(found.brought[at])[0]))
        else:
            break
        episode = int(found.episodes[at])
        chosen.append(Slot(episode, source, odds, float(scores[at]), reason(episode, source)))
        alike = vectors @ vectors[at]
        open_rows &= (shows != shows[at]) & (alike < SAME)
        likeness = np.maximum(likeness, alike)
    return chosen


def _fits(request: Request, library: Library, found: Candidates, state: State) -> Bools:
    """bool[n]: not longer than the time one has, and a little; of what was left in the middle, the rest."""
    most = request.minutes * 60_000 * SPARE if request.minutes else np.inf
    heard = state.listeners[request.user].heard
    played = np.array([heard.get(episode, 0) for episode in found.episodes.tolist()], np.int64)
    rest = library.catalogue.duration[found.episodes] - played * found.brought[:, Source.RESUME]
    fits: Bools = rest <= most
    return fits


def _open(found: Candidates, shows: NDArray[np.int32], ordered: Bools) -> Bools:
    """bool[n]: what may be ranked. Of a show that is heard in order the part that was left in the middle, and no other; of the rest
    what was left waits for the slot to go on.
    """
    left = found.brought[:, Source.RESUME]
    first = left & ordered
    may: Bools = first | (~left & ~np.isin(shows, shows[first]))
    return may


def _resumed(request: Request, found: Candidates, fits: Bools, state: State) -> int:
    """The row of what was left in the middle last; -1 where there is nothing."""
    last = {episode: place for place, (_, episode, _) in enumerate(state.listeners[request.user].recent)}
    rows = np.flatnonzero(found.brought[:, Source.RESUME] & fits).tolist()
    return max(rows, key=lambda row: last.get(int(found.episodes[row]), 0), default=-1)


def _explore(request: Request, found: Candidates, fits: Bools, state: State, seed: int) -> tuple[int, float]:
    """The row to explore and the chance that it was drawn; (-1, 1) when no show is new to the listener."""
    listener, shows = state.listeners[request.user], state.catalogue.show[found.episodes].tolist()
    strange = np.array([show not in listener.plays_of_show and show not in listener.follows for show in shows], bool)
    rows = np.flatnonzero(found.brought[:, Source.EXPLORE] & fits & strange)
    if not len(rows):
        return -1, 1.0
    chances = chances_to_win(state.totals[found.episodes[rows], :2])
    rng = np.random.default_rng(np.random.SeedSequence([seed, request.user, request.now]))
    won = int(rng.choice(len(rows), p=chances))
    return int(rows[won]), float(chances[won])


def chances_to_win(counts: Ints) -> NDArray[np.float64]:
    """float64[n]: the chance that each arm's draw is the highest, its rate being Beta(1 + started, 9 + passed over).

    counts int64[n, 2] shown and started. Integrated on a grid, arms with equal counts once, so the logged chance is the one
    that was drawn from.
    """
    kinds, own, many = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    started, passed = kinds[:, 1:], np.maximum(0, kinds[:, :1] - kinds[:, 1:])
    below = np.maximum(betainc(1.0 + started, 9.0 + passed, GRID), 1e-300)  # [kinds, grid]: chance to stay below
    others = np.exp(many @ np.log(below) - np.log(below))  # that all the others do
    wins = (np.diff(below, axis=1) * (others[:, 1:] + others[:, :-1]) / 2).sum(axis=1)
    chances: NDArray[np.float64] = wins[own.ravel()] / (wins @ many)
    return chances


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
            Source.RESUME: f"go on at minute {listener.heard.get(episode, 0) // 60_000 + 1}, where you stopped",
            Source.NEXT_UP: f"goes on with {title}: you heard {heard}",
            Source.AFTER_THIS: f"listeners of {last} went on to {title}",
            Source.LIKE_YOU: f"people with your shows listen to {title}",
            Source.ABOUT: "about what you listen to",
            Source.TRENDING: "many start it right now",
            Source.EXPLORE: "new: be among the first",
            Source.UNHEARD: f"nobody has started this one of {title} yet",
        }[source]

    return reason
