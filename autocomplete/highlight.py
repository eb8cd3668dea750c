"""Which characters of a shown name to mark: those that were typed, also when others were mistyped.

Spans are ranges of code points of the text that is shown, not of bytes or UTF-16 units, and travel beside it: the page makes text nodes
of them, because titles may contain markup.
"""

import numpy as np

from autocomplete.alignment import align
from autocomplete.folding import astral_slots, fold_with_origins, to_symbols

Span = tuple[int, int]


def spans(display: str, folded_query: str, word_by_word: bool) -> list[Span]:
    """Half-open ranges of code points of `display` that `folded_query` typed; `word_by_word` when its words stand in another order."""
    folded, origins = fold_with_origins(display)
    slots = astral_slots(folded + folded_query)
    key = to_symbols(folded, slots)
    matched = np.zeros(len(key), bool)
    for part in folded_query.split(" ") if word_by_word else [folded_query]:
        align(to_symbols(part, slots), key, matched)
    return _ranges(sorted({origins[at] for at in np.flatnonzero(matched)}))


def _ranges(positions: list[int]) -> list[Span]:
    """Neighbouring positions joined."""
    found: list[Span] = []
    for at in positions:
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 1)
        else:
            found.append((at, at + 1))
    return found
