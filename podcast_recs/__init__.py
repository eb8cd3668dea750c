"""Podcasts: recommending shows and episodes, and how that differs from music."""

from shared.systems import System

SYSTEM = System(
    name="podcast_recs",
    title="Podcast recommendations",
    answer="Keep what is known by the second, let shows decide what and episodes which, rank with trees, and never wait for a batch.",
    commands="podcast_recs.commands:add_verbs",
    router="podcast_recs.service:router",
    page="page",
)
