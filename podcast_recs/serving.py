"""The recommender as a running thing: opened from the store, kept in memory, every change durable before it counts."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from podcast_recs.differences import Differences
from podcast_recs.encoder import Encoder, fused, make_encoder
from podcast_recs.lexical import Lexical
from podcast_recs.library import Library
from podcast_recs.minilm import MiniLM, weights_folder
from podcast_recs.moment import Request, ShowFactors
from podcast_recs.pipeline import Recommender
from podcast_recs.ranker import Ranker
from podcast_recs.records import HOUR_MS, Catalogue, Event, Slot, What
from podcast_recs.state import State
from podcast_recs.static_table import StaticTable
from podcast_recs.store import Store
from shared.clock import Clock, fixed_clock
from shared.errors import BadInput, NotFound

NO_CLOCK = fixed_clock(0)
"""Time is then that of the newest publication or play."""
AHEAD_MS = 24 * HOUR_MS
"""A clock that is further ahead is wrong: its events would freeze the counters that they touch."""
ENCODER = ("tokens", "table", "weight", "axes", "mean", "centre")


def episode_texts(catalogue: Catalogue) -> list[str]:
    """What an episode is known by before anybody listens: its title, its description, its show's title."""
    parts = zip(catalogue.titles, catalogue.descriptions, catalogue.show.tolist(), strict=True)
    return [f"{title}. {description} {catalogue.show_titles[show]}" for title, description, show in parts]


def keep_encoder(store: Store, encoder: Encoder) -> None:
    """Keep a taught table; TF-IDF is made again from the catalogue in a moment."""
    if isinstance(encoder, StaticTable):
        store.put_arrays({f"encoder/{name}": array for name, array in encoder.arrays().items()})


def save(
    path: Path,
    recommender: Recommender,
    encoder: Encoder,
    events: Sequence[Event],
    profiles: Sequence[tuple[int, tuple[str, ...], bool]],
) -> None:
    """Write everything that `Serving` opens, anew and beside: what was there stays until the new is whole."""
    beside = path.with_name("new-" + path.name)
    beside.unlink(missing_ok=True)
    store = Store(beside)
    catalogue = recommender.library.catalogue
    store.put_catalogue(catalogue)
    store.put_listeners(profiles)
    store.add_events(events)
    vectors, factors = recommender.library.index.vectors(np.arange(len(catalogue.show))), recommender.factors
    store.put_arrays({"vectors": vectors, "user_factors": factors.users, "show_factors": factors.shows})
    keep_encoder(store, encoder)
    if recommender.ranker:
        store.put_fact("ranker", recommender.ranker.text())
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    beside.replace(path)  # a service that has the old one open reads on in it


class Serving:
    """Requests and changes, one at a time: a slate takes milliseconds, and what it sees is whole."""

    def __init__(self, path: Path, clock: Clock = NO_CLOCK) -> None:
        """path: of a store; NotFound when it holds no podcasts. clock: of the wall; what is imported may be older than its events."""
        self.store, self._clock = Store(path), clock
        catalogue = self.store.catalogue()
        self.lexical = Lexical(episode_texts(catalogue))
        self.encoder = self._encoder(catalogue)
        width = self.encoder.encode(["warm"]).shape[1]  # the first text pays for mapping the weights
        vectors = self.store.array("vectors")
        if vectors is None or vectors.shape != (len(catalogue.show), width):
            vectors = self.encoder.encode(episode_texts(catalogue))
            self.store.put_arrays({"vectors": vectors})
        library, state = Library(catalogue, vectors), State(catalogue)
        library.take_down(self.store.dead())
        state.apply_all(self.store.events())
        self.recommender = Recommender(library, state, self._factors(len(catalogue.kind)), self._ranker())
        self.now = max(
            int(catalogue.published.max()),
            max((own.recent[-1][0] for own in state.listeners.values() if own.recent), default=0),
        )
        self._words: Any = None
        self.lock = Lock()

    def slate(self, user: int, intent: int, minutes: float, slots: int, at: int) -> list[Slot]:
        """A slate for a listener at a moment; what is shown is not logged here: the client says what was seen."""
        with self.lock:
            catalogue = self.recommender.library.catalogue
            request = Request(user, self.store.profile(user, catalogue), at, intent, minutes)
            return self.recommender.slate(request, slots)

    def take(self, events: Sequence[Event]) -> int:
        """Make events durable, then take them; how many were new. BadInput for an episode or a kind that does not exist:
        nothing is taken.
        """
        with self.lock:
            count = len(self.recommender.library.catalogue.show)
            for row, event in enumerate(events):
                if not 0 <= event.episode < count:
                    raise NotFound(f"event {row}: episode {event.episode}; the catalogue has 0 to {count - 1}")
                if event.at > (latest := max(self.now, self._clock())) + AHEAD_MS:
                    raise BadInput(f"event {row}: at {event.at}; expected at most a day after {latest}")
                if event.what not in tuple(What):
                    raise BadInput(f"event {row}: what {event.what}; expected 0 to {len(What) - 1}")
            gone = self.store.add_events(events)
            events = [event for event in events if event.user not in gone]
            new = [event for event in events if event.event_id not in self.recommender.state.events]
            self.now = max(self.now, *(event.at for event in new if event.what == What.STARTED), 0)
            return self.recommender.state.apply_all(events)

    def publish(
        self, show: int, at: int, duration_ms: int, title: str, description: str, explicit: bool = False
    ) -> int:
        """A new episode: its vector, its place, durable; the next slate may hold it. Returns its id."""
        with self.lock:
            library = self.recommender.library
            known = library.catalogue
            library.check(show, duration_ms)
            vector = self.encoder.encode([f"{title}. {description} {known.show_titles[show]}"])[0]
            row = (len(known.show), show, library.next_number(show), at, duration_ms, explicit)
            self.store.add_episode(*row, title, description)
            episode = library.publish(show, at, duration_ms, title, description, vector, explicit)
            self.recommender.state.grow(library.catalogue)
            self.now = max(self.now, at)
            return episode

    def take_down(self, episode: int) -> None:
        """An episode is gone with the next request."""
        with self.lock:
            self.store.take_down(episode)  # durable first; an id that is none changes nothing
            self.recommender.library.take_down([episode])

    def search(self, text: str, k: int) -> list[tuple[int, float]]:
        """(episode, score) of the k that answer a text best: vectors and words, summed as z-scores; none for a text without a
        word.
        """
        with self.lock:
            library = self.recommender.library
            query = self.encoder.encode([text])
            words = self.lexical.rows([text])
            if not query.any() and not words.nnz:
                return []
            texts = episode_texts(library.catalogue)
            if self._words is None or self._words.shape[0] != len(texts):
                self._words = self.lexical.rows(texts)
            vectors = library.index.vectors(np.arange(len(texts)))
            scores = fused(query @ vectors.T, (words @ self._words.T).toarray().astype(np.float32))[0]
            scores[~library.alive] = -np.inf
            order = np.lexsort((np.arange(len(scores)), -scores))[:k]
            return [(int(at), float(scores[at])) for at in order if np.isfinite(scores[at])]

    def listeners_with_plays(self, most: int) -> list[int]:
        """Listeners whose history is longest, at most so many."""
        with self.lock:
            plays = [(-len(own.heard), user) for user, own in self.recommender.state.listeners.items() if own.heard]
        return [user for _, user in sorted(plays)[:most]]

    def moment_of(self, hour: float) -> int:
        """The next time that the clock of the world shows this hour."""
        at = self.now - self.now % (24 * HOUR_MS) + int(hour * HOUR_MS)
        return at if at >= self.now else at + 24 * HOUR_MS

    def _encoder(self, catalogue: Catalogue) -> Encoder:
        kept = {name: self.store.array(f"encoder/{name}") for name in ENCODER}
        arrays = {name: array for name, array in kept.items() if array is not None}
        if len(arrays) == len(ENCODER) and weights_folder() is not None:
            return StaticTable.from_arrays(MiniLM(), arrays)
        encoder = make_encoder(episode_texts(catalogue), self.lexical)
        keep_encoder(self.store, encoder)
        return encoder

    def _factors(self, shows: int) -> ShowFactors:
        users, own = self.store.array("user_factors"), self.store.array("show_factors")
        if users is None or own is None:
            return ShowFactors(np.zeros((0, 1), np.float32), np.zeros((shows, 1), np.float32))
        return ShowFactors(users, own)

    def _ranker(self) -> Ranker | None:
        text = self.store.fact("ranker")
        return None if text is None else Ranker.read(text, Differences())
