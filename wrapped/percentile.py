"""Where a listener stands among all listeners of an artist: exact, ties stated, nothing sampled.

The review of a bucket knows its own users only, so the (user, artist, ms) totals are shuffled once more, by artist. In one artist
partition every total becomes one integer, artist above and milliseconds below; one sort of those integers puts each artist's
listeners in a row, and three binary searches per wanted total read off who is ahead, who is level, and how many there are.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.errors import CheckFailed


class Standings(NamedTuple):
    """Of each wanted total: int64 [N] each."""

    listeners: NDArray[np.int64]  # who played the artist at all this year
    ahead: NDArray[np.int64]  # with strictly more milliseconds
    level: NDArray[np.int64]  # others with exactly as many


def standings(artist: Any, ms: Any, wanted: Any) -> Standings:
    """Standings of the totals `wanted` (indices) among all totals: artist int64 [N], ms int64 [N], one per (user, artist)."""
    if len(wanted) == 0:
        return Standings(*(np.empty(0, np.int64) for _ in range(3)))
    bits = int(ms.max()).bit_length()
    if bits + int(artist.max() + 1).bit_length() > 63:
        raise CheckFailed(f"{int(ms.max()):,} ms in one total: more than a key can hold; use more partitions")
    keys = (artist.astype(np.int64) << bits) | ms  # an artist's listeners, in the order of ms
    ordered = np.sort(keys)
    key = keys[wanted]
    first = np.searchsorted(ordered, key >> bits << bits)
    end = np.searchsorted(ordered, ((key >> bits) + 1) << bits)
    below, above = np.searchsorted(ordered, key), np.searchsorted(ordered, key, side="right")
    return Standings(end - first, end - above, above - below - 1)


def percent(listeners: int, others: int) -> str:
    """`top 0.4 %` of a listener with `others` ahead or level: (others + 1) / listeners in thousandths, rounded up.

    Who is level stands in the same share, and where all are level that is everybody: it never flatters.
    """
    thousandths = -(-(others + 1) * 1000 // listeners)
    return f"{thousandths // 10}" if thousandths % 10 == 0 else f"{thousandths // 10}.{thousandths % 10}"
