"""Best-first search in the trie: the k names of highest score for what has been typed so far, provably.

A state is «this far in the trie, this far in the query, these edits left». No name below a node scores more than the node's best weight,
minus the penalties so far, plus the bonus of a complete name. That bound is admissible, and entries leave the heap in its order (A*; Hart,
Nilsson, Raphael 1968), so the first k names to come out are the top k. Three rules keep it short: right letters are followed at once,
without the heap; the edits along that path wait as one entry until their bound is the best of all; and once no edit is left, the sets
FOLLOW and SECOND refuse a wrong turn before it is taken.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from autocomplete.edits import (
    CLOSE_PENALTY,
    INLINED,
    SPACE,
    complete_bonus,
    insertion_penalty,
    omission_penalty,
    substitution_penalty,
)
from autocomplete.trie import FOLLOW, NO_MORE, SECOND, TERMINAL, best_below, bit, children, head, rest_of_label

MAX_QUERY = 64
CAPACITY = 1 << 16
NO_FLOOR = -(2**31)
ZERO, ONE = np.int64(0), np.int64(1)
"""Not 0 and 1: numba compiles a function anew for each literal that it is called with."""
PATH, BELOW, ENDING = map(np.int64, range(3))
"""Kinds of heap entry: edits along a path, the names below a node, the names that end here."""
NODE, OFFSET, POSITION, LEFT, SPENT, KIND, LAST = range(7)
"""Fields of an entry. LAST: where the siblings end that wait behind NODE; all of them with BELOW, with ENDING the TERMINAL ones."""
HEAP, USED, POPS, REFUSED, BONUS = range(5)  # what is counted or kept for the whole search
ID, SCORE, PENALTY_SPENT, HOW = range(4)  # columns of what is found


class Workspace(NamedTuple):
    """Scratch memory of one searching thread, allocated once."""

    heap: npt.NDArray[np.int64]  # (capacity, 2) bound and id packed into one number; entry
    entries: npt.NDArray[np.int64]  # (capacity, 7)
    bits: npt.NDArray[np.int32]  # (MAX_QUERY + 2,) `bit` of each symbol of the query, then NO_MORE twice
    counts: npt.NDArray[np.int64]  # heap size, entries used, entries popped, entries refused, bonus


def workspace(capacity: int = CAPACITY) -> Workspace:
    """A workspace for one thread; a search that needs more than `capacity` entries is cut short, and says so."""
    heap, entries = np.empty((capacity, 2), np.int64), np.empty((capacity, 7), np.int64)
    return Workspace(heap, entries, np.empty(MAX_QUERY + 2, np.int32), np.zeros(5, np.int64))


@njit(cache=True, nogil=True, _nrt=False)
def best_first(trie, scores, query, edits, whole, floor, found, work):  # type: ignore[no-untyped-def]
    """Fill `found` with the top of (score descending, id ascending) and return how many there are.

    scores: (ids,) int32, non-increasing; query: (n ≤ MAX_QUERY,) uint16; edits: how many may be spent; whole: only names that
    end where the query ends (with edits = 0); floor: lower scores are not wanted; found: (k, 4) int64 rows of id, score, penalty, 0.
    `work.counts[REFUSED]` grows when the search is cut short. Callers cast literals: numba compiles all of this anew for each.
    """
    work.counts[HEAP] = work.counts[USED] = work.counts[POPS] = 0
    if len(query) == 0 or len(query) > MAX_QUERY or len(trie.nodes) < 3:
        return 0
    work.counts[BONUS] = complete_bonus(len(query))
    for at in range(len(query)):
        work.bits[at] = bit(query[at])
    work.bits[len(query) : len(query) + 2] = NO_MORE
    results = ZERO
    _walk(trie, scores, query, work, whole, ZERO, ZERO, ZERO, edits, ZERO)
    while work.counts[HEAP] > 0 and results < len(found):
        bound, entry = _pop(work)
        if bound < floor:
            break
        node, spent = entry[NODE], entry[SPENT]
        if entry[KIND] == PATH:
            _edit_along(trie, scores, query, work, whole, node, entry[OFFSET], entry[POSITION], entry[LEFT], spent)
        else:
            results = _emit(found, results, best_below(trie, node), bound, spent)
            _push_rest(trie, scores, work, entry[KIND], node, entry[LAST], spent)
    return results


@njit(**INLINED)
def _emit(found, results, identifier, score, penalty):  # type: ignore[no-untyped-def]
    """Add a name, unless a better alignment has brought it already."""
    for at in range(results):
        if found[at, ID] == identifier:
            return results
    found[results, ID], found[results, SCORE] = identifier, score
    found[results, PENALTY_SPENT], found[results, HOW] = penalty, 0
    return results + 1


@njit(**INLINED)
def _push_rest(trie, scores, work, kind, node, last, spent):  # type: ignore[no-untyped-def]
    """After the best name below `node`: the next sibling, and the siblings along the way down to that name."""
    sibling = node + 1
    while kind == ENDING and sibling < last and head(trie, sibling) != TERMINAL:
        sibling += 1
    if sibling < last:
        _push_names(trie, scores, work, kind, sibling, last, spent)
    child, end = children(trie, node)
    while child < end:
        if child + 1 < end:
            _push_names(trie, scores, work, BELOW, child + 1, end, spent)
        child, end = children(trie, child)


@njit(**INLINED)
def _push_names(trie, scores, work, kind, node, last, spent):  # type: ignore[no-untyped-def]
    """The names below `node`, then those below its siblings before `last`."""
    best = best_below(trie, node)
    bonus = work.counts[BONUS] if kind == ENDING else ZERO
    _push(work, scores[best] - spent + bonus, best, kind, node, ZERO, ZERO, ZERO, spent, last)


@njit(**INLINED)
def _push_path(trie, scores, work, node, offset, position, left, spent):  # type: ignore[no-untyped-def]
    """The edits that may be spent along the matching path from here on."""
    best = best_below(trie, node)
    _push(work, _edit_bound(trie, scores, work, node, spent), best, PATH, node, offset, position, left, spent, ZERO)


@njit(**INLINED)
def _edit_bound(trie, scores, work, node, spent):  # type: ignore[no-untyped-def]
    """No name below `node` scores more once another edit is spent."""
    return scores[best_below(trie, node)] - spent - CLOSE_PENALTY + work.counts[BONUS]


@njit(**INLINED)
def _walk(trie, scores, query, work, whole, node, offset, position, left, spent):  # type: ignore[no-untyped-def]
    """Follow the query's letters while they match; if edits are left, one entry waits for its turn to spend one along the way."""
    if left > 0 and position < len(query):
        _push_path(trie, scores, work, node, offset, position, left, spent)
    while position < len(query):
        node, offset = _step(trie, node, offset, np.int64(query[position]))
        if node < 0:
            return
        position += 1
    _reached(trie, scores, work, whole, node, offset, spent)


@njit(**INLINED)
def _step(trie, node, offset, symbol):  # type: ignore[no-untyped-def]
    """Where `symbol` leads from `offset` symbols into the label of `node`; (−1, 0) when nowhere.

    Children are looked at one by one, heaviest first: a few for letters, thousands at the root of Chinese names.
    """
    at, end = rest_of_label(trie, node, offset)
    if offset > 0 and at < end:
        return (node, offset + 1) if trie.tails[at] == symbol else (-1, 0)
    first, last = children(trie, node)
    for child in range(first, last):
        if head(trie, child) == symbol:
            return child, 1
    return -1, 0


@njit(**INLINED)
def _reached(trie, scores, work, whole, node, offset, spent):  # type: ignore[no-untyped-def]
    """The query is consumed: every name from here on matches, and a name that ends here is complete."""
    first, last = children(trie, node)
    at, end = rest_of_label(trie, node, offset)
    if at == end and first == last:
        _push_names(trie, scores, work, ENDING, node, node + 1, spent)
        return
    if not whole:
        _push_names(trie, scores, work, BELOW, node, node + 1, spent)
    for child in range(first, last if at == end else first):
        if head(trie, child) == TERMINAL:  # the best name that ends here; `_push_rest` goes on to the others
            _push_names(trie, scores, work, ENDING, child, last, spent)
            return


@njit(**INLINED)
def _edit_along(trie, scores, query, work, whole, node, offset, position, left, spent):  # type: ignore[no-untyped-def]
    """Spend an edit at each letter of the matching path, as long as its bound is the best of all."""
    while True:
        _edit_here(trie, scores, query, work, whole, node, offset, position, left, spent)
        node, offset = _step(trie, node, offset, np.int64(query[position]))
        position += 1
        if node < 0 or position == len(query):
            return
        if work.counts[HEAP] > 0 and _edit_bound(trie, scores, work, node, spent) < work.heap[0, 0] >> 32:
            _push_path(trie, scores, work, node, offset, position, left, spent)
            return


@njit(**INLINED)
def _edit_here(trie, scores, query, work, whole, node, offset, position, left, spent):  # type: ignore[no-untyped-def]
    """Every way to spend one edit on the query's letter at `position`; two at the first, where few slip and a root has most children."""
    left -= 2 if position == 0 else 1
    if left < 0:
        return
    # of equal letters the last is extra
    if left > 0 or position + 1 == len(query) or query[position + 1] != query[position]:
        extra = insertion_penalty(query, position)
        _walk(trie, scores, query, work, whole, node, offset, position + 1, left, spent + extra)
    at, end = rest_of_label(trie, node, offset)
    if offset > 0 and at < end:
        _edit_next(trie, scores, query, work, whole, node, offset + 1, np.int64(trie.tails[at]), position, left, spent)
        return
    first, last = children(trie, node)
    for child in range(first, last):
        symbol = head(trie, child)
        if symbol != TERMINAL:
            _edit_next(trie, scores, query, work, whole, child, ONE, symbol, position, left, spent)


@njit(**INLINED)
def _edit_next(trie, scores, query, work, whole, node, offset, symbol, position, left, spent):  # type: ignore[no-untyped-def]
    """Substitute, omit or swap at a name's next `symbol`; (node, offset) is where one stands after it."""
    typed = np.int64(query[position])
    if symbol == typed:
        # An edit of a right letter is never better than a later one, but for a space before a doubled letter: `the[ e] street`.
        if symbol == SPACE and left > 0:
            node, offset = _step(trie, node, offset, np.int64(query[position - 1]))
            if node >= 0:
                _walk(trie, scores, query, work, whole, node, offset, position, left - 1, spent + 2 * CLOSE_PENALTY)
        return
    if left > 0 or _may_follow(trie, work, node, offset, position + 1):
        penalty = substitution_penalty(typed, symbol)
        _walk(trie, scores, query, work, whole, node, offset, position + 1, left, spent + penalty)
    if left > 0 or _may_follow(trie, work, node, offset, position):
        penalty = omission_penalty(query, position, symbol)
        _walk(trie, scores, query, work, whole, node, offset, position, left, spent + penalty)
    if position + 1 < len(query) and symbol == query[position + 1]:
        node, offset = _step(trie, node, offset, typed)
        if node >= 0:
            _walk(trie, scores, query, work, whole, node, offset, position + 2, left, spent + CLOSE_PENALTY)


@njit(**INLINED)
def _may_follow(trie, work, node, offset, position):  # type: ignore[no-untyped-def]
    """Whether the query's next two symbols can come next; False is certain, True is not."""
    if offset > 1:
        return True
    return (
        trie.nodes[node, FOLLOW] & work.bits[position] != 0 and trie.nodes[node, SECOND] & work.bits[position + 1] != 0
    )


@njit(**INLINED)
def _push(work, bound, best, kind, node, offset, position, left, spent, last):  # type: ignore[no-untyped-def]
    """Add an entry to the heap; a full workspace refuses it and counts that."""
    at, used = work.counts[HEAP], work.counts[USED]
    if used == len(work.entries):
        work.counts[REFUSED] += 1
        return
    entry = work.entries[used]
    entry[NODE], entry[OFFSET], entry[POSITION], entry[LEFT] = node, offset, position, left
    entry[SPENT], entry[KIND], entry[LAST] = spent, kind, last
    key = (bound << 32) | (0x7FFFFFFF - best)  # the higher bound first, then the smaller id
    heap = work.heap
    while at > 0 and heap[(at - 1) >> 1, 0] < key:
        heap[at, 0], heap[at, 1] = heap[(at - 1) >> 1, 0], heap[(at - 1) >> 1, 1]
        at = (at - 1) >> 1
    heap[at, 0], heap[at, 1] = key, used
    work.counts[HEAP] += 1
    work.counts[USED] += 1


@njit(**INLINED)
def _pop(work):  # type: ignore[no-untyped-def]
    """Take the entry of the highest bound: its bound and its fields."""
    heap = work.heap
    top, slot = heap[0, 0], heap[0, 1]
    work.counts[HEAP] -= 1
    work.counts[POPS] += 1
    size = work.counts[HEAP]
    key, moved = heap[size, 0], heap[size, 1]
    at, child = 0, 1
    while child < size:
        if child + 1 < size and heap[child + 1, 0] > heap[child, 0]:
            child += 1
        if heap[child, 0] <= key:
            break
        heap[at, 0], heap[at, 1] = heap[child, 0], heap[child, 1]
        at, child = child, 2 * child + 1
    heap[at, 0], heap[at, 1] = key, moved
    return top >> 32, work.entries[slot]
