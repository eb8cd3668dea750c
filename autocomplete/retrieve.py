"""The ladder from what is typed to names: by name, by a word, by all words, and only when nothing was found, by bolder readings."""

from numba import njit

from autocomplete.edits import SPACE, edits_allowed
from autocomplete.search import NO_FLOOR, PENALTY_SPENT, best_first
from autocomplete.words import by_all_words, by_word_start


@njit(cache=True, nogil=True)
def retrieve(names, words, scores, query, fuzzy, found, work):  # type: ignore[no-untyped-def]
    """Fill `found` for a query and return the number of results."""
    edits = edits_allowed(len(query)) if fuzzy else 0
    results = best_first(names, scores, query, edits, False, NO_FLOOR, found, work)
    spaces = 0
    for symbol in query:
        spaces += symbol == SPACE
    if spaces == 0:
        return by_word_start(words, scores, query, edits, found, results, work)
    if results < len(found) and (results == 0 or found[0, PENALTY_SPENT] > 0):
        results = by_all_words(words, scores, query, -1, found, results, work)
    return results
