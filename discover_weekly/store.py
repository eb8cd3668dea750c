"""The state that is served: one small value per user and week, under a pointer that flips last.

    discover_weekly/current              the week and digest that readers are given, `2026-W48@1f0c…`
    discover_weekly/2026-W48@1f0c…/7     the list of user 7: track ids, reasons, shares

A reader follows the pointer once and then reads one key, so nobody sees half of a week. The lake is the truth, these keys a copy;
they expire after ten weeks.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from shared.clock import WEEK_MS
from shared.errors import NotFound
from shared.lake import Dataset, read_shard
from shared.ports import Store

POINTER = "discover_weekly/current"
KEPT_MS = 10 * WEEK_MS
BATCH = 1000  # users in one atomic put


def put_lists(store: Store, lists: Dataset) -> None:
    """Copy published lists into the store, then let readers have them; a week made again later does not push out a newer one."""
    version = f"{lists.version}@{lists.digest}"
    for path in lists.paths:
        batch: dict[str, bytes] = {}
        for user, value in _by_user(read_shard(path)):
            batch[f"discover_weekly/{version}/{user}"] = value
            if len(batch) == BATCH:
                store.put(batch, KEPT_MS)
                batch = {}
        if batch:
            store.put(batch, KEPT_MS)
    current = store.get([POINTER])[0]
    while current is None or current.decode()[: len("2026-W48")] <= lists.version:
        if store.compare_and_set(POINTER, current, version.encode()):
            break
        current = store.get([POINTER])[0]  # another week was published meanwhile


def get_list(store: Store, user_id: int) -> tuple[str, list[dict[str, Any]]]:
    """The current week and the user's list; NotFound tells «no week is published» from «this user has no list»."""
    pointer = store.get([POINTER])[0]
    if pointer is None:
        raise NotFound("no week is published yet; run liner discover-weekly demo or run")
    version = pointer.decode()
    value = store.get([f"discover_weekly/{version}/{user_id}"])[0]
    if value is None:
        raise NotFound(f"week {version.split('@')[0]} has no list for user {user_id}")
    return version.split("@")[0], json.loads(value)


def _by_user(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """(user id, JSON of their rows) for a table sorted by user and rank."""
    columns = [table[name].to_pylist() for name in ("track_id", "reason_track_id", "reason_share")]
    users = table["user_id"].to_pylist()
    first = 0
    for row in range(1, len(users) + 1):
        if row == len(users) or users[row] != users[first]:
            rows = zip(*(column[first:row] for column in columns), strict=True)
            value = [
                {"track_id": track, "because_of": because, "share": round(share, 3)} for track, because, share in rows
            ]
            yield users[first], json.dumps(value).encode()
            first = row
