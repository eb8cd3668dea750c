"""Random numbers that depend on the seed, the name of the part and the row, and on nothing else.

Whole columns (catalogue, users) come from a numpy Generator per named part. Whatever is made per user comes from a stream of its own:
SplitMix64 (Steele, Lea, Flood 2014, «Fast splittable pseudorandom number generators»), started at a hash of part and user id. So neither
the number of workers nor the size of a block or chunk can change a byte, and a new part changes no earlier one.

Kernels compare integers only: float weights are rounded to integers once, here, so that no CPU's `exp` or `pow` decides a choice.
"""

from typing import Any
from zlib import crc32

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]

ONE = 1 << 31
"""Draws are uniform integers in [0, ONE); a probability p is the threshold int(p * ONE)."""


def sequence(seed: int, part: str) -> np.random.SeedSequence:
    """The named seed of a part."""
    return np.random.SeedSequence(entropy=[seed, crc32(part.encode())])


def generator(seed: int, part: str) -> np.random.Generator:
    """A numpy Generator for whole columns of a part."""
    return np.random.Generator(np.random.PCG64(sequence(seed, part)))


def stream_key(seed: int, part: str) -> np.uint64:
    """What `start` needs to open one stream per user."""
    return np.uint64(sequence(seed, part).generate_state(1, np.uint64)[0])


@njit(cache=True, nogil=True)
def _mix(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def start(state: Any, key: Any, row: int) -> None:
    """Put the stream of `row` into state uint64[1]."""
    state[0] = _mix(key ^ _mix(np.uint64(row)))


@njit(cache=True, nogil=True)
def draw(state: Any) -> Any:
    """The next integer in [0, ONE)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.int64(_mix(state[0]) >> np.uint64(33))


@njit(cache=True, nogil=True)
def below(state: Any, count: int) -> Any:
    """The next integer in [0, count), count ≤ ONE."""
    return (draw(state) * count) >> 31


@njit(cache=True, nogil=True)
def place(ascending: Any, value: int) -> int:
    """How many entries are ≤ value; a loop of its own compiles in a tenth of the time of np.searchsorted."""
    low, high = 0, ascending.size
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def contains(values: Any, value: int) -> bool:
    """Whether value is among the values."""
    for other in values:  # noqa: SIM110 (numba)
        if other == value:
            return True
    return False


@njit(cache=True, nogil=True)
def pick(state: Any, cumulative: Any) -> int:
    """An index with the probability of its weight; cumulative int64[n] sums the weights up, below ONE in total."""
    return place(cumulative, below(state, cumulative[-1]))  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def row_hash(key: Any, row: int) -> Any:
    """An integer in [0, ONE) that belongs to a row: a decision about it that uses up no stream."""
    return np.int64(_mix(key ^ _mix(np.uint64(row))) >> np.uint64(33))


def integers(weights: NDArray[np.floating[Any]], scale: int = 1 << 20) -> Ints:
    """Float weights as int64, the largest becoming `scale`, none below 1."""
    scaled: Ints = np.rint(weights / weights.max() * scale).astype(np.int64)
    return np.maximum(scaled, 1)


def apportion(weights: Ints, total: int) -> Ints:
    """Split `total` by integer weights into int64 parts that sum to exactly `total`, in O(n)."""
    bounds = np.concatenate(([0], np.cumsum(weights)))
    # Python integers would be exact at any size; these stay below 2**63: 1e6 rows · 2**12 · 5e8 plays.
    assert int(bounds[-1]) * total < 1 << 63
    parts: Ints = np.diff(bounds * total // bounds[-1])
    return parts


@njit(cache=True, nogil=True)
def alias_tables(weights: Any, first: Any) -> tuple[Any, Any]:
    """Walker's alias tables (Vose 1991) of consecutive groups; weights int64[n], group g is first[g]:first[g + 1].

    Returns threshold int32[n] and alias int32[n] (both relative to the group): draw k below the group's length, keep k when another
    draw is below threshold[k], else take alias[k]. All integer but one division, which IEEE rounds alike everywhere.
    """
    threshold = np.full(weights.size, ONE - 1, np.int32)
    alias = np.zeros(weights.size, np.int32)
    for group in range(first.size - 1):
        low, count = first[group], first[group + 1] - first[group]
        small, large, left = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
        smalls = larges = total = 0
        for k in range(count):
            total += weights[low + k]
        for k in range(count):
            left[k] = weights[low + k] * count
            alias[low + k] = k
            if left[k] < total:
                small[smalls] = k
                smalls += 1
            else:
                large[larges] = k
                larges += 1
        while smalls and larges:
            k, donor = small[smalls - 1], large[larges - 1]
            smalls -= 1
            threshold[low + k] = np.int64(left[k] / total * (ONE - 1))
            alias[low + k] = donor
            left[donor] -= total - left[k]
            if left[donor] < total:
                larges -= 1
                small[smalls] = donor
                smalls += 1
    return threshold, alias
