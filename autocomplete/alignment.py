"""How typed text and a name belong together, letter by letter: the weighted edit distance as a table (Wagner, Fischer 1974; with swaps).

The search never fills a table: it walks the trie. The table is for the few names that are shown, to know which letters to highlight in a
fuzzy match, and for those that a bold guess ranks. The tests write it down once more, independently, as the oracle of the search.
"""

import numpy as np
from numba import njit

from autocomplete.edits import CLOSE_PENALTY, SPACE, insertion_penalty, omission_penalty, substitution_penalty


@njit(cache=True, nogil=True)
def align(query, key, matched):  # type: ignore[no-untyped-def]
    """The least penalty of reading `query` as the beginning of `key` or of one of its words.

    query, key: uint16 symbols; matched: (len(key),) bool, set where a symbol of the key was typed.
    """
    rows, columns = len(query), len(key)
    cost = np.empty((rows + 1, columns + 1), np.int32)
    for column in range(columns + 1):
        begins = column == 0 or (column < columns and key[column - 1] == SPACE)
        cost[0, column] = 0 if begins else cost[0, column - 1] + omission_penalty(query, 0, key[column - 1])
    for row in range(1, rows + 1):
        cost[row, 0] = cost[row - 1, 0] + insertion_penalty(query, row - 1)
        for column in range(1, columns + 1):
            cost[row, column] = _cheapest(cost, query, key, row, column)
    end = np.argmin(cost[rows])
    _trace(cost, query, key, end, matched)
    return cost[rows, end]


@njit(cache=True, nogil=True)
def _cheapest(cost, query, key, row, column):  # type: ignore[no-untyped-def]
    """One cell: match or substitute, typed too much, left out, or swapped."""
    typed, symbol = query[row - 1], key[column - 1]
    least = cost[row - 1, column - 1] + (0 if typed == symbol else substitution_penalty(typed, symbol))
    least = min(least, cost[row - 1, column] + insertion_penalty(query, row - 1))
    least = min(least, cost[row, column - 1] + omission_penalty(query, row, symbol))
    if _swapped(query, key, row, column):
        least = min(least, cost[row - 2, column - 2] + CLOSE_PENALTY)
    return least


@njit(cache=True, nogil=True)
def _swapped(query, key, row, column):  # type: ignore[no-untyped-def]
    """Whether the last two symbols are each other's."""
    return row > 1 and column > 1 and query[row - 1] == key[column - 2] and query[row - 2] == key[column - 1]


@njit(cache=True, nogil=True)
def _trace(cost, query, key, end, matched):  # type: ignore[no-untyped-def]
    """Walk back along the cheapest cells and mark the symbols that were typed."""
    row, column = len(query), end
    while row > 0:
        here = cost[row, column]
        if column > 0 and query[row - 1] == key[column - 1] and here == cost[row - 1, column - 1]:
            matched[column - 1] = True
            row, column = row - 1, column - 1
        elif _swapped(query, key, row, column) and here == cost[row - 2, column - 2] + CLOSE_PENALTY:
            matched[column - 2 : column] = True
            row, column = row - 2, column - 2
        elif here == cost[row - 1, column] + insertion_penalty(query, row - 1):
            row -= 1
        elif column > 0 and here == cost[row, column - 1] + omission_penalty(query, row, key[column - 1]):
            column -= 1
        else:
            row, column = row - 1, column - 1
