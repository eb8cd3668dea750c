"""One queue for a party of listeners, in real time."""

from shared.systems import System

SYSTEM = System(
    name="jam_recs",
    title="Jam",
    answer="One writer orders a room's wishes into a durable log before anybody hears of them; picks favour whoever had least.",
    commands="jam_recs.commands:add_verbs",
    router="jam_recs.service:router",
    page="page",
)
