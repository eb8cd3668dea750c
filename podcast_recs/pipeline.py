"""The way of a request, top to bottom: events → state → what is allowed and next → candidates → features → ranker → slate.

The same state gives the same slate. Episodes and take-downs go into the library, events into the state, and both are there for
the next request; `learning.py` reads a log along the same way, each slate described before its outcome.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from podcast_recs.candidates import candidates
from podcast_recs.differences import Differences
from podcast_recs.features import features
from podcast_recs.library import Library
from podcast_recs.moment import Moment, Request, ShowFactors, look
from podcast_recs.ranker import Ranker
from podcast_recs.records import HOUR_MS, Ints, Slot
from podcast_recs.slate import SLOTS, make_slate
from podcast_recs.state import State


@dataclass
class Recommender:
    """Everything that answers a request."""

    library: Library
    state: State
    factors: ShowFactors
    ranker: Ranker | None = None
    on: Differences = field(default_factory=Differences)
    seed: int = 1

    def slate(self, request: Request, slots: int = SLOTS) -> list[Slot]:
        """The slate for a request; the same state gives the same slate."""
        moment = look(request, self.library, self.state, self.factors, self.on)
        found = candidates(moment, self.library, self.state, self.on)
        scores = self.score(moment, found.episodes)
        return make_slate(request, found, scores, self.library, self.state, self.on, slots, self.seed)

    def score(self, moment: Moment, episodes: Ints) -> NDArray[np.float64]:
        """float64[n]: the ranker's scores; while there is none, starts of these days, what is next in its show, and how new it is."""
        if self.ranker:
            return self.ranker.score(features(moment, episodes, self.library, self.state))
        known = self.library.catalogue
        days = (moment.request.now - known.published[episodes]) / (24 * HOUR_MS)
        following = moment.next_up[known.show[episodes]] == episodes
        starts = self.state.lately(episodes, moment.request.now).astype(np.float64)
        guessed: NDArray[np.float64] = starts + following + 1 / (1 + days)
        return guessed
