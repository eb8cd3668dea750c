"""The daily cap: of one user's plays of one track on one UTC day, the ten smallest by (started_at, event id) count.

«The first ten that arrive» would be simpler and would make the chart depend on the network. So an eleventh play that
began earlier than one of the ten displaces the latest of them: a retraction, which leaves the step as a negative delta.
A group (user, track, day) is two linked lists through the rows of the week: at most ten counted plays, and those over
the cap, of which the smallest moves up when a counted one is withdrawn.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from charts.dedupe import Slots, enter, entry, mix, number_in, place_in, stir, tags_agree
from charts.records import Rows
from shared.clock import DAY_MS

END = -1
GROUP = np.dtype(
    [
        ("witness", np.int32),  # any row of the group: it carries the key
        ("counted", np.int32),  # head of the list of counted rows
        ("size", np.int32),  # how many they are
        ("over", np.int32),  # head of the list of rows over the cap
    ]
)
Groups = NDArray[np.void]


@njit(cache=True, nogil=True)
def _group_hash(rows: Rows, row: int) -> np.uint64:
    hashed: np.uint64 = stir(stir(mix(rows[row].user_id), rows[row].track_id), rows[row].started_at // DAY_MS)
    return hashed


@njit(cache=True, nogil=True)
def _same_group(rows: Rows, a: int, b: int) -> bool:
    same_day = rows[a].started_at // DAY_MS == rows[b].started_at // DAY_MS
    return bool(same_day and rows[a].user_id == rows[b].user_id and rows[a].track_id == rows[b].track_id)


@njit(cache=True, nogil=True)
def group_of(rows: Rows, groups: Groups, slots: Slots, row: int, used: int) -> int:
    """The group of a row; the number `used` when it is a new one, which is entered here. slots: as in `dedupe.entry`."""
    hashed = _group_hash(rows, row)
    slot = place_in(hashed, slots.size)
    while slots[slot] != 0:
        if tags_agree(slots[slot], hashed):
            group = number_in(slots[slot])
            if _same_group(rows, groups[group].witness, row):
                return int(group)
        slot = slot + 1 if slot + 1 < slots.size else 0
    slots[slot] = entry(hashed, used)
    groups[used].witness = row
    groups[used].counted = END
    groups[used].size = 0
    groups[used].over = END
    return used


@njit(cache=True, nogil=True)
def enter_groups(rows: Rows, groups: Groups, slots: Slots, used: int) -> None:
    """Fill an empty table of slots with the first `used` groups."""
    for group in range(used):
        enter(slots, _group_hash(rows, groups[group].witness), group)


@njit(cache=True, nogil=True)
def _before(rows: Rows, a: int, b: int) -> bool:
    if rows[a].started_at != rows[b].started_at:
        return bool(rows[a].started_at < rows[b].started_at)
    return bool(rows[a].event_id < rows[b].event_id)


@njit(cache=True, nogil=True)
def _without(rows: Rows, head: int, row: int) -> int:
    """The head of a list after `row` was taken out of it."""
    if head == row:
        return int(rows[row].following)
    at = head
    while rows[at].following != row:
        at = rows[at].following
    rows[at].following = rows[row].following
    return head


@njit(cache=True, nogil=True)
def _with(rows: Rows, head: int, row: int) -> int:
    """The head of a list after `row` was put in front of it."""
    rows[row].following = head
    return row


@njit(cache=True, nogil=True)
def place(rows: Rows, groups: Groups, group: int, row: int, cap: int) -> int:
    """Put a new row into its group; returns the row that is over the cap because of it (perhaps itself), or END."""
    if groups[group].size < cap:
        groups[group].counted = _with(rows, groups[group].counted, row)
        groups[group].size += 1
        return END
    latest = row
    at = groups[group].counted
    while at != END:
        if _before(rows, latest, at):
            latest = at
        at = rows[at].following
    if latest != row:
        groups[group].counted = _with(rows, _without(rows, groups[group].counted, latest), row)
    groups[group].over = _with(rows, groups[group].over, latest)
    return int(latest)


@njit(cache=True, nogil=True)
def withdraw(rows: Rows, groups: Groups, group: int, row: int, was_counted: bool) -> int:
    """Take a row out of its group; returns the row that now counts instead, or END."""
    if not was_counted:
        groups[group].over = _without(rows, groups[group].over, row)
        return END
    groups[group].counted = _without(rows, groups[group].counted, row)
    first = at = groups[group].over
    while at != END:
        if _before(rows, at, first):
            first = at
        at = rows[at].following
    if first == END:
        groups[group].size -= 1
        return END
    groups[group].over = _without(rows, groups[group].over, first)
    groups[group].counted = _with(rows, groups[group].counted, first)
    return int(first)
