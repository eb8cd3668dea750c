"""One queue for a party of listeners, in real time."""

from shared.systems import System

SYSTEM = System(
    name="jam_recs",
    title="Jam",
    answer="One writer a room orders all wishes into a durable log before anybody hears of them; recommendations weigh those most who had least.",
    commands="jam_recs.commands:add_verbs",
)
