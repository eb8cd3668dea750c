"""Exact dedupe: has this event id been here this week, and with this payload?

An open-addressing table of row numbers (4 bytes a slot, at most 85 % full) over the ids themselves (8 bytes): ≤ 16
bytes an id, no false positive. A Bloom filter costs a tenth of that and drops real plays; a set of Python integers
costs six times as much. A week's segment is its own table, thrown away whole. The table of slots (`mix` to `place_in`,
`stir`, `enter`) knows nothing of plays: caps.py and counts.py find their groups and keys by it.

An id that comes with two payloads is a fault or a fraud. One payload wins, whatever the order of arrival: the earliest
by started_at, then the smaller by the other fields. The others are kept beside it as conflicts, so that a repetition of
either is known as what it is. They hang at a place of their own (by payload, not by id), or an id sent with a million
payloads would make a chain that everybody walks.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from charts.records import Ints, Rows, Verdict

NEW, SAME, LOST = -1, -2, -3
FULLEST = 0.85
EMPTIEST = 0.5
LARGEST = (1 << 27) - 1
"""Rows of one segment at most, 134 M: more plays a week and partition want more partitions, not larger tables."""
CONFLICT = int(Verdict.CONFLICTING_PAYLOAD)

Slots = NDArray[np.uint32]


@njit(cache=True, nogil=True)
def mix(key: int) -> np.uint64:
    """SplitMix64's finaliser: every bit of an id moves every bit of its place."""
    z = np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def entry(hashed: np.uint64, number: int) -> np.uint32:
    """What a slot holds: the number + 1 and five bits of the hash, so that a probe looks at few rows that are not the one (0: empty)."""
    return np.uint32(((hashed & np.uint64(31)) << np.uint64(27)) | np.uint64(number + 1))


@njit(cache=True, nogil=True)
def number_in(slot: np.uint32) -> np.int64:
    """The row or group that a slot names."""
    return np.int64(slot & np.uint32(LARGEST)) - np.int64(1)


@njit(cache=True, nogil=True)
def tags_agree(slot: np.uint32, hashed: np.uint64) -> bool:
    """Whether the slot's number may be the one that was hashed."""
    return bool(slot >> np.uint32(27) == hashed & np.uint64(31))


@njit(cache=True, nogil=True)
def place_in(hashed: np.uint64, size: int) -> np.int64:
    """A hash as a slot below `size`, which need not be a power of two (a multiplication instead of a modulo)."""
    return np.int64(((hashed >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def compare(rows: Rows, artists: Ints, a: int, b: int) -> int:
    """Order of two payloads, -1, 0 or 1: by started_at, user, track, country, tier, played_ms, artists."""
    x, y = rows[a], rows[b]
    left = (x.started_at, x.user_id, x.track_id, x.country, x.tier, x.played_ms)
    right = (y.started_at, y.user_id, y.track_id, y.country, y.tier, y.played_ms)
    if left != right:
        return -1 if left < right else 1
    credits_a = np.int64(rows[a + 1].credit) - np.int64(x.credit)
    credits_b = np.int64(rows[b + 1].credit) - np.int64(y.credit)
    for i in range(min(credits_a, credits_b)):
        if artists[x.credit + i] != artists[y.credit + i]:
            return -1 if artists[x.credit + i] < artists[y.credit + i] else 1
    return int(credits_a > credits_b) - int(credits_a < credits_b)


@njit(cache=True, nogil=True)
def stir(hashed: np.uint64, part: int) -> np.uint64:
    """The hash of a sequence, one more part at a time."""
    mixed: np.uint64 = mix(np.int64(hashed ^ np.uint64(part)))
    return mixed


@njit(cache=True, nogil=True)
def payload_hash(rows: Rows, artists: Ints, row: int) -> np.uint64:
    """A hash of id and payload, the place of a conflict."""
    play = rows[row]
    hashed: np.uint64 = stir(stir(stir(mix(play.event_id), play.started_at), play.user_id), play.track_id)
    hashed = stir(stir(stir(hashed, play.country), play.tier), play.played_ms)
    for i in range(play.credit, rows[row + 1].credit):
        hashed = stir(hashed, artists[i])
    return hashed


@njit(cache=True, nogil=True)
def register(rows: Rows, artists: Ints, slots: Slots, row: int) -> int:
    """Enter the play in `row`: NEW, SAME (nothing entered), LOST against another payload, or the row of the winner that it displaced.

    slots: uint32[size], see `entry`; the rows' verdicts tell winners of an id from conflicts.
    """
    hashed = mix(rows[row].event_id)
    slot = place_in(hashed, slots.size)
    while slots[slot] != 0:
        if tags_agree(slots[slot], hashed):
            winner = number_in(slots[slot])
            if rows[winner].event_id == rows[row].event_id and rows[winner].verdict != CONFLICT:
                order = compare(rows, artists, row, winner)
                if order == 0 or _is_known_conflict(rows, artists, slots, row):
                    return SAME
                if order > 0:
                    enter(slots, payload_hash(rows, artists, row), row)
                    return LOST
                slots[slot] = entry(hashed, row)
                enter(slots, payload_hash(rows, artists, winner), winner)
                return int(winner)
        slot = slot + 1 if slot + 1 < slots.size else 0
    slots[slot] = entry(hashed, row)
    return NEW


@njit(cache=True, nogil=True)
def _is_known_conflict(rows: Rows, artists: Ints, slots: Slots, row: int) -> bool:
    hashed = payload_hash(rows, artists, row)
    slot = place_in(hashed, slots.size)
    while slots[slot] != 0:
        if tags_agree(slots[slot], hashed):
            other = number_in(slots[slot])
            same_id = rows[other].event_id == rows[row].event_id
            if same_id and rows[other].verdict == CONFLICT and compare(rows, artists, other, row) == 0:
                return True
        slot = slot + 1 if slot + 1 < slots.size else 0
    return False


@njit(cache=True, nogil=True)
def enter(slots: Slots, hashed: np.uint64, number: int) -> None:
    """Put a number into the first empty slot from its place on."""
    slot = place_in(hashed, slots.size)
    while slots[slot] != 0:
        slot = slot + 1 if slot + 1 < slots.size else 0
    slots[slot] = entry(hashed, number)


@njit(cache=True, nogil=True)
def enter_all(rows: Rows, artists: Ints, slots: Slots, used: int) -> None:
    """Fill an empty table with the first `used` rows: winners at the place of their id, conflicts at the place of their payload."""
    for row in range(used):
        conflict = rows[row].verdict == CONFLICT
        enter(slots, payload_hash(rows, artists, row) if conflict else mix(rows[row].event_id), row)
