"""The structure of the index: one path-compressed trie in flat arrays, with the best name of every subtree.

A trie of a million names made of objects costs gigabytes and a cache miss a letter. Here a node is one row of 24 bytes, rows stand in
breadth-first order so that siblings are neighbours, and siblings are sorted by their best name. Ids are ranks by weight, 0 the heaviest:
the best name below a node is its smallest id, and its first child leads to it. Two small sets in each row say which symbols may come next,
so that most wrong turns end without touching another node.
Morrison, «PATRICIA» (1968); the best of each subtree: Li, Wang, Li, Feng, «Supporting efficient top-k queries in type-ahead search» (2012).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from autocomplete.edits import INLINED
from autocomplete.folding import to_symbols

TERMINAL = 0
"""The head of a node that only says «a key ends here, and longer keys go on»."""


NO_MORE = np.int32(-(2**31))
"""The bit of «the query ends here»."""


class Trie(NamedTuple):
    """Node 0 is the root; its label is empty. A key ends at every node that has no children."""

    nodes: npt.NDArray[np.int32]  # (nodes + 1, 6) the columns below; the last row only closes the ranges
    tails: npt.NDArray[np.uint16]  # (symbols,) the labels without their first symbols


BEST, CHILD, TAIL, HEAD, FOLLOW, SECOND = range(6)
"""BEST: smallest id below. CHILD: first child, its end is the next row's CHILD. TAIL: where the label goes on in `tails`, its end likewise.
HEAD: first symbol of the label. FOLLOW, SECOND: sets of `bit(symbol)` for the symbols that may come one and two after the head."""


@njit(**INLINED)
def best_below(trie, node):  # type: ignore[no-untyped-def]
    """The smallest id below a node."""
    return np.int64(trie.nodes[node, BEST])


@njit(**INLINED)
def children(trie, node):  # type: ignore[no-untyped-def]
    """(first, end) of a node's children, the best first."""
    return np.int64(trie.nodes[node, CHILD]), np.int64(trie.nodes[node + 1, CHILD])


@njit(**INLINED)
def rest_of_label(trie, node, offset):  # type: ignore[no-untyped-def]
    """(at, end) in `tails` of what remains of a node's label after its first `offset` ≥ 1 symbols."""
    return np.int64(trie.nodes[node, TAIL]) + offset - 1, np.int64(trie.nodes[node + 1, TAIL])


@njit(**INLINED)
def head(trie, node):  # type: ignore[no-untyped-def]
    """The first symbol of a node's label."""
    return np.int64(trie.nodes[node, HEAD])


@njit(**INLINED)
def bit(symbol: int) -> np.int32:
    """One of 31 bits for a symbol: one each for a–z and the space, the others share four."""
    if 97 <= symbol <= 122:
        return np.int32(1 << (symbol - 97))
    return np.int32(1 << (26 if symbol == 32 else 27 + symbol % 4))


def build(symbols: npt.NDArray[np.uint16], starts: npt.NDArray[np.int64], ids: npt.NDArray[np.int32]) -> Trie:
    """The trie of sorted keys.

    symbols: (total,) all keys one after another; starts: (keys + 1,) where each begins; ids: (keys,) their ids.
    Keys may be in any order that keeps equal prefixes together; equal keys by any id; none is empty.
    """
    common = _common_prefixes(symbols, starts)
    trie = Trie(*_build(symbols, starts, ids, common))
    for array in trie:
        array.flags.writeable = False  # as a mapped index is: the kernels are compiled for one kind of array
    return trie


def build_from_text(keys: pa.StringArray, ids: npt.NDArray[np.int32], slots: dict[int, int] | None = None) -> Trie:
    """The trie of folded keys in any order; several keys may share an id. slots: see `folding.to_symbols`."""
    order = pc.sort_indices(keys).to_numpy()  # stable, and by code point: UTF-8 sorts as its code points do
    texts = keys.take(pa.array(order)).to_pylist()
    if slots and len(set(slots.values())) < len(slots):  # a slot is shared: keys that differ there alone stand together
        shared = sorted(range(len(texts)), key=lambda row: texts[row].translate(slots))
        texts, order = [texts[row] for row in shared], order[shared]
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=starts[1:])
    return build(to_symbols("".join(texts), slots), starts, ids[order])


@njit(cache=True, nogil=True)
def _common_prefixes(symbols, starts):  # type: ignore[no-untyped-def]
    """common[i]: how many first symbols keys i − 1 and i share; common[0] and common[keys] are −1."""
    keys = len(starts) - 1
    common = np.full(keys + 1, -1, np.int32)
    for key in range(1, keys):
        left, right = starts[key - 1], starts[key]
        length = min(right - left, starts[key + 1] - right)
        shared = 0
        while shared < length and symbols[left + shared] == symbols[right + shared]:
            shared += 1
        common[key] = shared
    return common


@njit(cache=True, nogil=True)
def _build(symbols, starts, ids, common):  # type: ignore[no-untyped-def]
    """Breadth first: a node is a range of sorted keys and the depth to which they agree; its children split the range."""
    keys = len(ids)
    capacity = 2 * keys + 1  # a node with children has at least two
    low, high = np.zeros(capacity, np.int32), np.zeros(capacity, np.int32)
    depth, label_from = np.zeros(capacity, np.int32), np.zeros(capacity, np.int32)
    best = np.zeros(capacity, np.int32)
    first_child = np.zeros(capacity + 1, np.int32)
    high[0] = keys
    if keys:
        best[0] = ids.min()
    nodes = 1
    node = 0
    while node < nodes:
        first_child[node] = nodes
        if node == 0 or high[node] - low[node] > 1:
            nodes = _split(node, nodes, starts, ids, common, low, high, depth, label_from, best)
        node += 1
    first_child[nodes] = nodes
    heads, tail_start, tail = _labels(symbols, starts, low[:nodes], depth[:nodes], label_from[:nodes])
    table = np.zeros((nodes + 1, 6), np.int32)
    table[:, BEST], table[:, CHILD] = best[: nodes + 1], first_child[: nodes + 1]
    table[:, TAIL], table[:nodes, HEAD] = tail_start, heads
    _look_ahead(table, tail)
    return table, tail


@njit(cache=True, nogil=True)
def _split(node, nodes, starts, ids, common, low, high, depth, label_from, best):  # type: ignore[no-untyped-def]
    """Append the children of `node`, sorted by best id, and return the new number of nodes."""
    first = nodes
    here = depth[node]
    begin = np.int64(low[node])
    end = np.int64(high[node])
    while begin < end:
        stop = begin + 1
        agree = np.int32(starts[begin + 1] - starts[begin])
        smallest = ids[begin]
        if agree > here:  # otherwise the key ends here: a leaf of its own, also for each of several equal keys
            while stop < end and common[stop] > here:
                agree = min(agree, common[stop])
                smallest = min(smallest, ids[stop])
                stop += 1
        at = nodes
        while at > first and best[at - 1] > smallest:
            low[at], high[at], depth[at], best[at] = low[at - 1], high[at - 1], depth[at - 1], best[at - 1]
            at -= 1
        low[at], high[at], depth[at], best[at] = begin, stop, agree, smallest
        label_from[nodes] = here
        nodes += 1
        begin = stop
    return nodes


@njit(cache=True, nogil=True)
def _labels(symbols, starts, low, depth, label_from):  # type: ignore[no-untyped-def]
    """Heads and tails of all labels, copied from each node's first key."""
    nodes = len(low)
    heads = np.zeros(nodes, np.uint16)
    tail_start = np.zeros(nodes + 1, np.int32)
    for node in range(nodes):
        tail_start[node + 1] = tail_start[node] + max(depth[node] - label_from[node] - 1, 0)
    tail = np.zeros(tail_start[nodes], np.uint16)
    for node in range(1, nodes):
        if depth[node] > label_from[node]:
            label = starts[low[node]] + label_from[node]
            heads[node] = symbols[label]
            for at in range(tail_start[node + 1] - tail_start[node]):
                tail[tail_start[node] + at] = symbols[label + 1 + at]
    return heads, tail_start, tail


@njit(cache=True, nogil=True)
def _look_ahead(nodes, tails):  # type: ignore[no-untyped-def]
    """Fill FOLLOW and SECOND; NO_MORE is in each set, for a query that ends there."""
    for node in range(len(nodes) - 2, -1, -1):  # children before parents
        follow, second = NO_MORE, NO_MORE
        tail, end = nodes[node, TAIL], nodes[node + 1, TAIL]
        if tail < end:
            follow |= bit(tails[tail])
        if tail + 1 < end:
            second |= bit(tails[tail + 1])
        for child in range(nodes[node, CHILD], nodes[node + 1, CHILD]):
            if nodes[child, HEAD] != TERMINAL and tail == end:
                follow |= bit(nodes[child, HEAD])
                second |= nodes[child, FOLLOW]
            elif nodes[child, HEAD] != TERMINAL and tail + 1 == end:
                second |= bit(nodes[child, HEAD])
        nodes[node, FOLLOW], nodes[node, SECOND] = follow, second
