"""Counts: units and plays by (day, country, artist), integers that only ever add up.

A batch's counts are signed differences; a week is the sum of its differences over all batches and partitions, a weekly chart the sum over
days, the global chart the sum over countries. One hash table in numba does all of them: a group-by of a query engine would sort, and nobody
needs the order (tests and people who look sort for themselves).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from charts import dedupe
from charts.records import COUNTS, Ints, Rows
from shared.clock import DAY_MS
from shared.errors import LinerError

KEYS = ("day", "country", "artist_id")


def count_changes(
    rows: Rows, artists: Ints, changed: NDArray[np.int32], sign: NDArray[np.int8], friday: int, weights: Ints
) -> pa.RecordBatch:
    """COUNTS of the rows that began (+1) or ceased (-1) to count: every credited artist gets the units of the play."""
    credits = int((rows["credit"][changed + 1] - rows["credit"][changed]).sum())
    key, total, slots = _table(credits)
    n = _sum_changes(rows, artists, changed, sign, friday, weights, slots, key, total)
    return _as_counts(key[:n], total[:n])


def add_counts(parts: Sequence[pa.RecordBatch], keys: tuple[str, ...] = KEYS) -> pa.RecordBatch:
    """The sum of COUNTS by `keys`; a key that is left out becomes 0. What came to nothing is left out."""
    key, total, slots = _table(sum(part.num_rows for part in parts))
    n = 0
    for part in parts:
        day, country, artist = (
            part[name].to_numpy()
            if name in keys
            else np.zeros(part.num_rows, COUNTS.field(name).type.to_pandas_dtype())
            for name in KEYS
        )
        n = _sum_columns(day, country, artist, part["units"].to_numpy(), part["plays"].to_numpy(), slots, key, total, n)
    some = total[:n].any(axis=1)
    return _as_counts(key[:n][some], total[:n][some])


def _table(entries: int) -> tuple[Ints, Ints, NDArray[np.uint32]]:
    """Room for so many: key int64[n, 3] (day, country, artist), total int64[n, 2] (units, plays), and slots at most half full.

    LinerError when that is more than a slot can name.
    """
    if entries > dedupe.LARGEST:
        raise LinerError(
            f"{entries:,} counts at once: a table holds {dedupe.LARGEST:,}; add them up a country or a day at a time"
        )
    return np.empty((entries, 3), np.int64), np.empty((entries, 2), np.int64), np.zeros(max(16, 2 * entries), np.uint32)


def _as_counts(key: Ints, total: Ints) -> pa.RecordBatch:
    columns = (key[:, 0], key[:, 1], key[:, 2], total[:, 0], total[:, 1])
    types = [field.type.to_pandas_dtype() for field in COUNTS]
    arrays = [pa.array(column.astype(kind)) for column, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=COUNTS)


@njit(cache=True, nogil=True)
def _line(slots: dedupe.Slots, key: Ints, total: Ints, n: int, day: int, country: int, artist: int) -> int:
    """The line of a key; n when it is a new one, which is entered with zeros."""
    hashed = dedupe.stir(dedupe.mix(artist), (np.int64(day) << 16) | np.int64(country))
    slot = dedupe.place_in(hashed, slots.size)
    while slots[slot] != 0:
        if dedupe.tags_agree(slots[slot], hashed):
            line = dedupe.number_in(slots[slot])
            if key[line, 2] == artist and key[line, 1] == country and key[line, 0] == day:
                return int(line)
        slot = slot + 1 if slot + 1 < slots.size else 0
    slots[slot] = dedupe.entry(hashed, n)
    key[n, 0], key[n, 1], key[n, 2] = day, country, artist
    total[n, 0], total[n, 1] = 0, 0
    return n


@njit(cache=True, nogil=True)
def _sum_changes(
    rows: Rows, artists: Ints, changed: NDArray[np.int32], sign: NDArray[np.int8], friday: int, weights: Ints,
    slots: dedupe.Slots, key: Ints, total: Ints,
) -> int:  # fmt: skip
    """Fill key and total from signed rows; returns how many lines there are."""
    n = 0
    for c in range(changed.size):
        play = rows[changed[c]]
        day = (play.started_at - friday) // DAY_MS
        for i in range(play.credit, rows[changed[c] + 1].credit):
            line = _line(slots, key, total, n, day, play.country, artists[i])
            n += line == n
            total[line, 0] += sign[c] * weights[play.tier]
            total[line, 1] += sign[c]
    return n


@njit(cache=True, nogil=True)
def _sum_columns(
    day: NDArray[np.int8], country: NDArray[np.int16], artist: Ints, units: Ints, plays: Ints,
    slots: dedupe.Slots, key: Ints, total: Ints, n: int,
) -> int:  # fmt: skip
    """Add columns of counts to the n lines there are; returns how many there are then."""
    for i in range(artist.size):
        line = _line(slots, key, total, n, day[i], country[i], artist[i])
        n += line == n
        total[line, 0] += units[i]
        total[line, 1] += plays[i]
    return n
