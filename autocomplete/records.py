"""What comes in and what goes out: terms to suggest, queries to judge by, suggestions."""

from typing import NamedTuple

import pyarrow as pa

TERMS = pa.schema(
    [
        pa.field("text", pa.string(), False, {"meaning": "the name as it is shown"}),
        pa.field("weight", pa.float64(), False, {"meaning": "how often it is wanted: plays, searches; not negative"}),
        pa.field("type", pa.string(), True, {"meaning": "optional: artist, track, show, playlist …"}),
        pa.field("id", pa.string(), True, {"meaning": "optional: what to open when it is chosen"}),
    ]
)
QUERIES = ("typed", "wanted")
MAX_TEXT = 1000
"""Characters of a term or a query; longer ones are mistakes in the file."""


class Suggestion(NamedTuple):
    """One line of the list."""

    text: str
    type: str
    id: str | None
    spans: list[tuple[int, int]]
    """Half-open ranges of code points of `text` that were typed."""
    score: int
    """Log weight minus penalties plus bonus, in thousandths of a nat."""
    penalty: int
    """What its typing errors cost, likewise."""
    found_by: str
    """`name`, `word`, `words` (in any order) or `guess` (all words but one)."""
    versions: int
    """Terms of this name behind this line: the covers of a song share one."""


class Answer(NamedTuple):
    """What one keystroke gets back."""

    query: str
    suggestions: list[Suggestion]
    partial: bool
    """The search was cut short; better names may exist."""
    search_us: float
    """CPU time of retrieval and ranking, in microseconds."""
