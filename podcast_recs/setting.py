"""A world of podcasts with a recommender that has learned from its log: where the demo, the evaluation and the ablation begin."""

from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from podcast_recs.encoder import Encoder, make_encoder
from podcast_recs.evaluate import Session, learned_from, sessions
from podcast_recs.learning import Examples, learn
from podcast_recs.lexical import Lexical
from podcast_recs.library import Library, Profile
from podcast_recs.moment import ShowFactors
from podcast_recs.pipeline import Recommender
from podcast_recs.serving import episode_texts
from podcast_recs.state import State
from podcast_recs.world import catalogue_of, events_of, intents_of, profile_of
from shared.errors import BadInput
from shared.world.podcast_audience import Audience, make_audience

SIZES = {"tiny": (60, 24, 21, 8), "small": (800, 160, 28, 150), "medium": (4_000, 400, 42, 400)}
"""Listeners, shows, days of listening, texts that MiniLM teaches on."""


@dataclass
class Setting:
    """Everything of one learned world."""

    audience: Audience
    recommender: Recommender
    encoder: Encoder
    examples: Examples
    since: int  # ms, the first slate that was learned from
    until: int  # ms, where learning ended

    def profile(self, user: int) -> Profile:
        """What a listener said of themselves."""
        return profile_of(self.audience, user)

    def test_sessions(self, count: int) -> list[Session]:
        """Sessions after learning ended."""
        return sessions(self.audience, self.until, count)


def make_setting(size: str = "small", seed: int = 1) -> Setting:
    """A world of a size, and a recommender that learned from all of its log but the last three days."""
    if size not in SIZES:
        raise BadInput(f"size {size!r}: expected one of {', '.join(SIZES)}")
    listeners, shows, days, taught = SIZES[size]
    audience = make_audience(seed, listeners, shows, days)
    catalogue = catalogue_of(audience)
    texts = episode_texts(catalogue)
    encoder = make_encoder(texts, Lexical(texts), taught)
    nobody = np.zeros((0, 1), np.float32)
    library, state = Library(catalogue, encoder.encode(texts)), State(catalogue)
    recommender = Recommender(library, state, ShowFactors(nobody, np.zeros((shows, 1), np.float32)), seed=seed)
    since, until = learned_from(audience)
    history = takewhile(lambda event: event.at < until, events_of(audience))
    examples = learn(recommender, history, lambda user: profile_of(audience, user), intents_of(audience), since)
    return Setting(audience, recommender, encoder, examples, since, until)
