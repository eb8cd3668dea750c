"""Weekly artist Top 50, per country and global, from a stream of plays."""

from shared.systems import System

SYSTEM = System(
    name="charts",
    title="Charts",
    answer="Partition plays by user, count each exactly once in whole sixths, commit counts with the offset, publish revisions.",
    commands="charts.commands:add_verbs",
    router="charts.service:router",
    page="page",
)
