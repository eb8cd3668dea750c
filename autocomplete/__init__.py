"""Search suggestions at each keystroke, typos and all."""

from shared.systems import System

SYSTEM = System(
    name="autocomplete",
    title="Autocomplete",
    answer="Walk one trie of all names best-first and spend edits only where the bound allows: the exact top five in microseconds.",
    commands="autocomplete.commands:add_verbs",
    router="autocomplete.service:router",
    page="page",
)
