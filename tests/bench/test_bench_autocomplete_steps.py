"""What each step of the answer is worth, on the same keystrokes."""

import numpy as np
import pytest

from autocomplete.edits import edits_allowed
from autocomplete.folding import to_symbols
from autocomplete.search import ID, NO_FLOOR, best_first, workspace
from autocomplete.suggest import Suggester
from tests.bench.autocomplete_stream import K, answer_all, built, note


def scan(stream, _):
    """Every name, every time."""
    return lambda typed: [name for name in stream.names if name.startswith(typed)][:K]


def without_errors(_, suggester):
    """The best of each subtree, no edits."""
    return _from_the_beginning(suggester, lambda _: 0)


def with_errors(_, suggester):
    """Edits, names only from their beginning."""
    return _from_the_beginning(suggester, edits_allowed)


def _from_the_beginning(suggester, edits):
    found, work = np.zeros((K, 4), np.int64), workspace()
    names, scores = suggester.index.names, suggester.index.scores

    def ask(typed):
        query = to_symbols(typed)
        count = best_first(names, scores, query, edits(len(query)), False, NO_FLOOR, found, work)
        return _names(suggester, found[:count])

    return ask


def with_words(_, suggester):
    """Everything: words too, and a guess when nothing was found."""
    return lambda typed: _names(suggester, suggester.ranked(typed, K)[0])


def _names(suggester, rows):
    return [suggester.index.text(term) for term in rows[:, ID].tolist()]


STEPS = {
    "scan and sort": scan,
    "+ trie with the best of each subtree": without_errors,
    "+ edits, best first": with_errors,
    "+ words and guesses": with_words,
}


@pytest.mark.parametrize("contestant", STEPS)
def test_steps(benchmark, stream, contestant):
    """What each step of the answer is worth, on the same keystrokes."""
    suggester = Suggester(built(stream))
    suggester.warm_up()
    times, answers = answer_all(benchmark, "autocomplete-steps", stream, STEPS[contestant](stream, suggester))
    note(benchmark, stream, len(stream.names), None, times, answers)
