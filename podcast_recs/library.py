"""The catalogue as it grows: episodes by show in their order, what may be recommended to whom, and the vectors to find them by.

A published episode can stand in the next slate; one that was taken down cannot, and neither waits for a job. Eligibility is a
bitmap over all episodes, made for each request from a handful of vectorised rules and the listener's own exceptions.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.index import Index
from podcast_recs.records import HOUR_MS, Catalogue, Float32, Ints, Kind
from podcast_recs.state import Listener
from shared.errors import BadInput, NotFound

Bools = NDArray[np.bool_]

NEWS_EXPIRES_MS = 14 * 24 * HOUR_MS
"""News of two weeks ago are not recommended any more, though they can still be searched for."""


class Profile(NamedTuple):
    """What is known of a listener before the first play."""

    languages: tuple[int, ...]
    minor: bool = False


class Library:
    """Shows, episodes and their vectors; row i of everything is id i."""

    def __init__(self, catalogue: Catalogue, vectors: Float32) -> None:
        """vectors: float32[episodes, d] of unit length."""
        self.catalogue = catalogue
        self.index = Index(vectors)
        self.alive = np.ones(len(catalogue.show), bool)
        self.of_show: dict[int, list[int]] = defaultdict(list)  # oldest first
        order = np.lexsort((catalogue.number, catalogue.show))
        for episode in order.tolist():
            self.of_show[int(catalogue.show[episode])].append(episode)

    def publish(
        self,
        show: int,
        at: int,
        duration_ms: int,
        title: str,
        description: str,
        vector: Float32,
        explicit: bool = False,
    ) -> int:
        """Add an episode to its show as the newest; returns its id, which the very next request may use."""
        known = self.catalogue
        if not 0 <= show < len(known.kind):
            raise NotFound(f"show {show}: not in the catalogue of {len(known.kind)} shows")
        if duration_ms <= 0:
            raise BadInput(f"episode {title[:60]!r}: duration {duration_ms} ms; expected more than 0")
        before = self.of_show[show]
        number = int(known.number[before[-1]]) + 1 if before else 0
        self.catalogue = known._replace(
            show=np.append(known.show, np.int32(show)),
            number=np.append(known.number, np.int32(number)),
            published=np.append(known.published, np.int64(at)),
            duration=np.append(known.duration, np.int32(duration_ms)),
            explicit=np.append(known.explicit, explicit),
            titles=[*known.titles, title],
            descriptions=[*known.descriptions, description],
        )
        self.index.add(vector.reshape(1, -1))
        self.alive = np.append(self.alive, True)
        before.append(len(known.show))
        return len(known.show)

    def take_down(self, episodes: Sequence[int]) -> None:
        """Make episodes vanish from every later request."""
        for episode in episodes:
            if not 0 <= episode < len(self.alive):
                raise NotFound(f"episode {episode}: not in the catalogue of {len(self.alive)} episodes")
            self.alive[episode] = False

    def eligible(self, profile: Profile, listener: Listener, now: int, repeats: bool = False) -> Bools:
        """bool[episodes]: out by now, alive, in a language of the listener, not explicit for minors, not expired, not refused,
        not heard.
        """
        known = self.catalogue
        allowed = self.alive & (known.published <= now)
        allowed &= np.isin(known.language[known.show], profile.languages)
        if profile.minor:
            allowed &= ~known.explicit
        allowed &= (known.kind[known.show] != Kind.NEWS) | (known.published > now - NEWS_EXPIRES_MS)
        for show in listener.refused:
            allowed[self.of_show[show]] = False
        if not repeats:
            allowed[list(listener.heard)] = False
        return allowed

    def next_of_all(self, allowed: Bools, oldest_first: Bools) -> Ints:
        """int64[shows]: the episode to go on with, the oldest allowed one or the newest; -1 where none is allowed.
        oldest_first: bool[shows].
        """
        ids = np.flatnonzero(allowed)
        shows, numbers = self.catalogue.show[ids], self.catalogue.number[ids]
        best = np.lexsort(
            (np.where(oldest_first[shows], -numbers, numbers), shows)
        )  # the last of each show is its next
        following = np.full(len(oldest_first), -1, np.int64)
        following[shows[best]] = ids[best]
        return following
