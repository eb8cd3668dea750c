"""Everybody's year in review."""

from shared.systems import System

SYSTEM = System(
    name="wrapped",
    title="Wrapped",
    answer="Bucket plays by user once, take every statistic in one pass, rank listeners with one more shuffle, publish atomically.",
    commands="wrapped.commands:add_verbs",
    router="wrapped.service:router",
    page="page",
)
