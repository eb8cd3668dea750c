"""What may not be played, whoever would like it: decided before any score is looked at, and never weighed against one.

Each constraint has a bit, so that the answer to «why is it missing?» is exact. When nothing is left the answer is «exhausted»: a veto
is a promise to a person, a full queue is only nice. The artist rules depend on what stands in front and are checked pick by pick
(`rerank.py`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jam_recs.catalogue import Catalogue, Rows

Bits = NDArray[np.uint8]

VETO, EXPLICIT, REPEAT, MARKET = 1, 2, 4, 8
ARTIST_WINDOW, PER_ARTIST = 10, 2
"""At most PER_ARTIST tracks of an artist in any ARTIST_WINDOW neighbours, and never two in a row."""


class Rules(NamedTuple):
    """The hard constraints of a room at one moment; ids, so that they can be written in a log."""

    vetoed_artists: frozenset[int] = frozenset()  # of all present members together
    vetoed_tracks: frozenset[int] = frozenset()
    explicit: bool = True  # False: a minor is present, or the host said so
    heard: tuple[int, ...] = ()  # track ids played, playing or standing in the queue
    markets: frozenset[str] = frozenset()  # where the present members are


def broken(catalogue: Catalogue, rows: Rows, rules: Rules) -> Bits:
    """uint8[rows]: the constraints that each track breaks, 0 where it may be played."""
    bits = np.zeros(len(rows), np.uint8)
    bits[np.isin(catalogue.artist[rows], _ids(rules.vetoed_artists))] |= VETO
    bits[_of_one(catalogue, rows, tuple(rules.vetoed_tracks))] |= VETO
    if not rules.explicit:
        bits[catalogue.explicit[rows]] |= EXPLICIT
    bits[_of_one(catalogue, rows, rules.heard)] |= REPEAT
    mask = np.uint64(0)
    for place, market in enumerate(catalogue.markets):
        if market in rules.markets:
            mask |= np.uint64(1) << np.uint64(place)
    bits[(catalogue.closed[rows] & mask) != 0] |= MARKET
    return bits


def _of_one(catalogue: Catalogue, rows: Rows, tracks: tuple[int, ...]) -> NDArray[np.bool_]:
    """bool[rows]: the same recording as one of `tracks`, under whatever id. Tracks that the catalogue does not know are nothing."""
    known = catalogue.rows(tracks)
    return np.isin(catalogue.recording[rows], catalogue.recording[known[known >= 0]])


def _ids(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64)
