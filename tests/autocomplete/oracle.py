"""The slow, obvious search: every term, every alignment, in a table with one layer for each number of edits."""

import numpy as np
from numba import njit

from autocomplete.edits import (
    CLOSE_PENALTY,
    complete_bonus,
    edits_allowed,
    insertion_penalty,
    omission_penalty,
    substitution_penalty,
)

NEVER = 1 << 29


@njit(cache=True)
def least_penalties(query, key, edits):
    """(prefix, whole): the least penalty of `query` as a prefix of `key` and as the whole of it; NEVER when it takes more edits."""
    rows, columns = len(query), len(key)
    cost = np.full((edits + 1, rows + 1, columns + 1), NEVER, np.int64)
    cost[:, 0, 0] = 0
    for spent in range(edits + 1):
        for row in range(rows + 1):
            for column in range(columns + 1):
                least = cost[spent, row, column]
                first = 2 if row <= 1 else 1  # an edit of the first typed letter
                if row and column and query[row - 1] == key[column - 1]:
                    least = min(least, cost[spent, row - 1, column - 1])
                if row and spent >= first:
                    least = min(least, cost[spent - first, row - 1, column] + insertion_penalty(query, row - 1))
                    if column:
                        penalty = substitution_penalty(query[row - 1], key[column - 1])
                        least = min(least, cost[spent - first, row - 1, column - 1] + penalty)
                before = 2 if row == 0 else 1
                if column and spent >= before:
                    penalty = omission_penalty(query, row, key[column - 1])
                    least = min(least, cost[spent - before, row, column - 1] + penalty)
                swap = 2 if row == 2 else 1
                crossed = (
                    row > 1 and column > 1 and query[row - 1] == key[column - 2] and query[row - 2] == key[column - 1]
                )
                if crossed and spent >= swap:
                    least = min(least, cost[spent - swap, row - 2, column - 2] + CLOSE_PENALTY)
                cost[spent, row, column] = least
    return cost[:, rows].min(), cost[:, rows, columns].min()


@njit(cache=True)
def best_score(score, query, keys, starts, key, fuzzy, whole_only):
    """The score of one key for the query; −NEVER when it does not match."""
    edits = edits_allowed(len(query)) if fuzzy else 0
    prefix, whole = least_penalties(query, keys[starts[key] : starts[key + 1]], edits)
    best = -NEVER
    if prefix < NEVER and not whole_only:
        best = score - prefix
    if whole < NEVER:
        best = max(best, score - whole + complete_bonus(len(query)))
    return best


def top(scores, query, keys, owners, k, fuzzy=True, whole_only=False):
    """[(id, score)] of the top k over `keys` (a list of symbol arrays), whose terms are `owners`."""
    starts = np.concatenate([[0], np.cumsum([len(key) for key in keys])])
    symbols = np.concatenate(keys)
    best = {}
    for at, owner in enumerate(owners):
        found = best_score(int(scores[owner]), query, symbols, starts, at, fuzzy, whole_only)
        if found > -NEVER:
            best[owner] = max(best.get(owner, -NEVER), found)
    return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:k]
