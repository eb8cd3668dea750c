"""What a typing error costs: the noisy channel of Kernighan, Church and Gale (1990), reduced to two penalties.

The score of a name is its log weight minus the penalties of the edits between what was typed and the name, plus a bonus when nothing is
missing; all in thousandths of a nat, integers, so that no float decides an order. An ordinary edit costs 10 nats: among names as complete
as each other, a fuzzy match beats an exact one only when it is 20,000 times as popular. Errors that hands and ears are prone to cost less:
a key beside the right one, a vowel for a vowel, `c` for `k`, a letter doubled or not, two letters swapped, a space too many or too few.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

INLINED = {"cache": True, "nogil": True, "forceinline": True, "_nrt": False}
"""How numba compiles the helpers of the search: inlined, and without counting references to arrays, which otherwise takes most of the
time of calls this small (measured: 12 times). Such functions may not allocate."""
NAT = 1000
PENALTY = 10 * NAT
CLOSE_PENALTY = 8 * NAT

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SOUNDS = ("aeiouy", "ckq", "csz", "sx", "fv", "gj", "mn", "dt", "bp", "uw")
ASCII = 128
SPACE = 32


def _substitution_penalties() -> npt.NDArray[np.int32]:
    """(128, 128) penalty of typing one ASCII symbol for another."""
    penalties = np.full((ASCII, ASCII), PENALTY, np.int32)
    close = [(one, other) for group in SOUNDS for one in group for other in group]
    for one, other in close + _touching_keys():
        penalties[ord(one), ord(other)] = penalties[ord(other), ord(one)] = CLOSE_PENALTY
    np.fill_diagonal(penalties, 0)
    return penalties


def _touching_keys() -> list[tuple[str, str]]:
    """Keys beside each other, and those of the row below, half a key to the right."""
    pairs = [(row[at], row[at + 1]) for row in KEYBOARD for at in range(len(row) - 1)]
    for upper, lower in pairwise(KEYBOARD):
        pairs += [(key, upper[near]) for at, key in enumerate(lower) for near in (at, at + 1) if near < len(upper)]
    return pairs


_SUBSTITUTION = _substitution_penalties()


@njit(**INLINED)
def edits_allowed(length: int) -> int:
    """0, 1 or 2 edits for what is typed so far, by its length in symbols."""
    return 0 if length < 3 else 1 if length < 6 else 2


@njit(**INLINED)
def complete_bonus(length: int) -> int:
    """For a name that ends where the query of `length` symbols ends: the more has been typed, the surer that nothing is missing."""
    return min(length, 10) * NAT // 2


@njit(**INLINED)
def substitution_penalty(typed, symbol):  # type: ignore[no-untyped-def]
    """Of typing `typed` for `symbol`."""
    return _SUBSTITUTION[typed, symbol] if typed < ASCII and symbol < ASCII else PENALTY


@njit(**INLINED)
def insertion_penalty(query, position):  # type: ignore[no-untyped-def]
    """Of a typed symbol that the name does not have."""
    doubled = position > 0 and query[position] == query[position - 1]
    return CLOSE_PENALTY if doubled or query[position] == SPACE else PENALTY


@njit(**INLINED)
def omission_penalty(query, position, symbol):  # type: ignore[no-untyped-def]
    """Of a `symbol` of the name that was not typed before `position`."""
    doubled = position > 0 and symbol == query[position - 1]
    return CLOSE_PENALTY if doubled or symbol == SPACE else PENALTY
