"""One keystroke: fold, retrieve, share the list among types, and only then turn ids into text.

When nothing is found within two edits, people have usually mangled one word of several: each reading that leaves one word out is tried, and
what it brings is ranked by the whole alignment. Types share the list: the best name comes first whatever it is, but no type takes more than
its share while another still has names.
"""

import threading
from time import thread_time_ns

import numpy as np
import numpy.typing as npt
from numba import njit

from autocomplete.alignment import align
from autocomplete.edits import PENALTY, SPACE, complete_bonus, edits_allowed
from autocomplete.folding import fold, to_symbols
from autocomplete.highlight import spans
from autocomplete.index import Index
from autocomplete.records import MAX_TEXT, Answer, Suggestion
from autocomplete.search import (
    HOW,
    ID,
    MAX_QUERY,
    NO_FLOOR,
    PENALTY_SPENT,
    REFUSED,
    SCORE,
    Workspace,
    best_first,
    workspace,
)
from autocomplete.words import ANY_ORDER_PENALTY, BY_WORDS, by_all_words, by_word_start, offer
from shared.errors import BadInput

FOUND_BY = ("name", "word", "words", "guess")
BY_GUESS = 3
GUESSES = 16
MOST_SUGGESTIONS = 100
FETCH = 2
"""How many times k are retrieved when there are types to share the list."""

Rows = npt.NDArray[np.int64]  # (n, 4) of id, score, penalty, how


class Suggester:
    """Answers keystrokes from one index; threads may share it."""

    def __init__(self, index: Index) -> None:
        """index: built or mapped."""
        self.index = index
        self._local = threading.local()

    def warm_up(self) -> None:
        """Load every kernel before somebody waits for it."""
        self.suggest("warm")
        self._guess(to_symbols("warm up"), 2, np.zeros((1, 4), np.int64), self._workspace())
        align(to_symbols("warm"), to_symbols("worm"), np.zeros(4, bool))
        offer(np.zeros((1, 4), np.int64), 0, 0, 0, 0, BY_GUESS)

    def suggest(self, text: str, k: int = 5, fuzzy: bool = True) -> Answer:
        """The k best names for what has been typed; BadInput for a k that is no list length."""
        if not 1 <= k <= MOST_SUGGESTIONS:
            raise BadInput(f"k = {k}: expected 1 to {MOST_SUGGESTIONS}")
        text = text[:MAX_TEXT].encode("utf-8", "replace").decode()
        started = thread_time_ns()
        folded = fold(text)[:MAX_QUERY].rstrip()
        rows, partial = self.ranked(folded, k, fuzzy)
        search_us = (thread_time_ns() - started) / 1000
        return Answer(text, [self._shown(row, folded) for row in rows.tolist()], partial, search_us)

    def ranked(self, folded: str, k: int, fuzzy: bool = True) -> tuple[Rows, bool]:
        """The rows of the list for a folded query, and whether the search was cut short."""
        index, work = self.index, self._workspace()
        query = to_symbols(folded, index.slots)
        many = len(index.type_names) > 1
        found = np.zeros((FETCH * k if many else k, 4), np.int64)
        results = retrieve(index.names, index.words, index.scores, query, fuzzy, found, work)
        if not results and fuzzy and " " in folded:
            results = self._guess(query, folded.count(" ") + 1, found, work)
        rows = share_by_type(found[:results], index.types, k) if many else found[:results]
        return rows, bool(work.counts[REFUSED])

    def _guess(self, query: npt.NDArray[np.uint16], count: int, found: Rows, work: Workspace) -> int:
        """Names that hold all typed words but one, by their whole alignment; those with a third of their letters wrong are no guess."""
        index = self.index
        pool = np.zeros((GUESSES, 4), np.int64)
        size = results = 0
        for skip in range(count):
            size = by_all_words(index.words, index.scores, query, skip, pool, size, work)
        for term in pool[:size, ID].tolist():
            key = to_symbols(fold(index.text(term)), index.slots)
            penalty = int(align(query, key, np.zeros(len(key), bool)))
            if penalty <= PENALTY * len(query) // 3:
                bonus = complete_bonus(len(query)) if abs(len(key) - len(query)) <= 2 else 0
                score = int(index.scores[term]) - penalty - ANY_ORDER_PENALTY + bonus
                results = offer(found, results, term, score, penalty, BY_GUESS)
        return int(results)

    def _shown(self, row: list[int], folded: str) -> Suggestion:
        """A row as a person sees it."""
        index, term = self.index, row[ID]
        text = index.text(term)
        return Suggestion(
            text,
            index.type_names[index.types[term]],
            index.id(term),
            spans(text, folded, row[HOW] == BY_WORDS),
            row[SCORE],
            row[PENALTY_SPENT],
            FOUND_BY[row[HOW]],
            int(index.versions[term]),
        )

    def _workspace(self) -> Workspace:
        """This thread's workspace."""
        if not hasattr(self._local, "work"):
            self._local.work = workspace()
        work: Workspace = self._local.work
        return work


@njit(cache=True, nogil=True)
def retrieve(names, words, scores, query, fuzzy, found, work):  # type: ignore[no-untyped-def]
    """Fill `found` with names that begin like the query, then with names that hold its word or words; returns the number of results.

    A single word is looked for at the start of every word as well, several in any order when none begins as typed and the list has room.
    """
    work.counts[REFUSED] = 0
    edits = edits_allowed(len(query)) if fuzzy else 0
    results = best_first(names, scores, query, edits, np.bool_(False), np.int64(NO_FLOOR), found, work)
    spaces = 0
    for symbol in query:
        spaces += symbol == SPACE
    if spaces == 0:
        return by_word_start(words, scores, query, edits, found, results, work)
    if results < len(found) and (results == 0 or found[0, PENALTY_SPENT] > 0):
        results = by_all_words(words, scores, query, np.int64(-1), found, results, work)
    return results


def share_by_type(rows: Rows, types: npt.NDArray[np.uint8], k: int) -> Rows:
    """The k rows to show: in order of score, but no type takes more than 60 % of the list while another type has rows left."""
    quota = -(-3 * k // 5)
    taken: dict[int, int] = {}
    first: list[int] = []
    later: list[int] = []
    for at, kind in enumerate(types[rows[:, ID]].tolist()):
        taken[kind] = taken.get(kind, 0) + 1
        (first if taken[kind] <= quota else later).append(at)
    return rows[sorted((first + later)[:k])]
