"""The catalogue as it grows: episodes by show in their order, what may be recommended to whom, and the vectors to find them by.

A published episode can stand in the next slate; one that was taken down cannot, and neither waits for a job. Eligibility is a
bitmap over all episodes, made for each request from a handful of vectorised rules and the listener's own exceptions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from podcast_recs.index import Index
from podcast_recs.records import HOUR_MS, Bools, Catalogue, Float32, Ints, Kind
from podcast_recs.state import Listener, by_show
from shared.errors import BadInput, NotFound

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
        self.of_show = by_show(catalogue, 0)  # oldest first
        self._order = np.lexsort((catalogue.number, catalogue.show))  # all episodes, show by show
        self._newest: tuple[int, int, Ints]  # since when and until when what is newest holds
        self._begin()

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
        self.check(show, duration_ms)
        known = self.catalogue
        number = self.next_number(show)
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
        self.of_show[show].append(len(known.show))
        after = int(np.searchsorted(known.show[self._order], show, side="right"))
        self._order = np.insert(self._order, after, len(known.show))
        self._begin()
        return len(known.show)

    def check(self, show: int, duration_ms: int) -> None:
        """Refuse what cannot be published."""
        if not 0 <= show < len(self.catalogue.kind):
            raise NotFound(f"show {show}: not in the catalogue of {len(self.catalogue.kind)} shows")
        if duration_ms <= 0:
            raise BadInput(f"show {show}: an episode of {duration_ms} ms; expected more than 0")

    def take_down(self, episodes: Sequence[int]) -> None:
        """Make episodes vanish from every later request."""
        for episode in episodes:
            if not 0 <= episode < len(self.alive):
                raise NotFound(f"episode {episode}: not in the catalogue of {len(self.alive)} episodes")
            self.alive[episode] = False

    def eligible(
        self, profile: Profile, listener: Listener, now: int, repeats: bool = False, expires: bool = True
    ) -> Bools:
        """bool[episodes]: out by now, alive, in a language of the listener, not explicit for minors, not expired, not refused,
        not heard.
        """
        known = self.catalogue
        spoken = np.isin(known.language, profile.languages)  # [shows]
        allowed = self.alive & (known.published <= now) & spoken[known.show]
        if profile.minor:
            allowed &= ~known.explicit
        if expires:
            allowed &= (known.published > now - NEWS_EXPIRES_MS) | (known.kind != Kind.NEWS)[known.show]
        for show in listener.refused:
            allowed[self.of_show[show]] = False
        if not repeats:
            allowed[list(listener.heard)] = False
        return allowed

    def next_of_all(self, allowed: Bools, oldest_first: Bools) -> Ints:
        """int64[shows]: the episode to go on with, the oldest allowed one or the newest; -1 where none is allowed.
        oldest_first: bool[shows].
        """
        shows, first, last = self._ends(allowed)
        following = np.full(len(oldest_first), -1, np.int64)
        following[shows] = np.where(oldest_first[shows], first, last)
        return following

    def newest_out(self, now: int) -> Ints:
        """int64[shows]: the number of each show's newest episode by now; -1 where none is out. The same until the next is out."""
        since, until, newest = self._newest
        if not since <= now < until:
            published = self.catalogue.published
            out = published <= now
            shows, _, last = self._ends(out)
            newest = np.full(len(self.catalogue.kind), -1, np.int64)
            newest[shows] = self.catalogue.number[last]
            until = published.min(where=~out, initial=np.iinfo(np.int64).max)
            self._newest = (int(published.max(where=out, initial=0)), int(until), newest)
        return newest

    def next_number(self, show: int) -> int:
        """The number that the next episode of a show will have."""
        known = self.of_show[show]
        return int(self.catalogue.number[known[-1]]) + 1 if known else 0

    def _ends(self, wanted: Bools) -> tuple[Ints, Ints, Ints]:
        """Shows that have a wanted episode, the oldest and the newest such episode of each."""
        places = np.flatnonzero(wanted[self._order])
        shows = self._shows[places]
        first = np.flatnonzero(np.diff(shows, prepend=-1))
        last = np.append(first[1:], len(places))[: len(shows)] - 1
        return shows[first], self._order[places[first]], self._order[places[last]]

    def _begin(self) -> None:
        """After the catalogue changed: shows of the episodes in their order, and nothing known of what is newest."""
        self._shows = self.catalogue.show[self._order].astype(np.int64)
        self._newest = (0, 0, self._shows)
