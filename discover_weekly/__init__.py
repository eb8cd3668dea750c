"""Thirty new tracks for every listener, each Monday."""

from shared.systems import System

SYSTEM = System(
    name="discover_weekly",
    title="Discover Weekly",
    answer="Factorise who played what once a week, score every track for every user exactly, drop what they know, publish atomically.",
    commands="discover_weekly.commands:add_verbs",
    router="discover_weekly.service:router",
    page="page",
)
