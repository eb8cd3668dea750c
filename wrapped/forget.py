"""Forgetting a user: out of every bucket and every year at once, and out of every later run, whatever its input still holds.

The ids of the forgotten are a dataset of their own, which `bucket.py:split` asks. A run and a forgetting hold one lock, so nobody can
be deleted between what a run reads and what it publishes. The standings of others count the forgotten until the year is run again;
then it is what it would have been without them.
"""

from shutil import rmtree

import pyarrow as pa
import pyarrow.compute as pc

from shared.lake import OURS, Dataset, Lake, locked, read_shard, write_shard
from shared.ports import partition_of

FORGOTTEN = "wrapped/forgotten"


def forgotten(lake: Lake) -> str | None:
    """The shard of their ids; None while there are none."""
    return lake.dataset(FORGOTTEN).paths[0] if lake.versions(FORGOTTEN) else None


def forget(lake: Lake, user: int) -> int:
    """Forget `user`; returns how many rows that took. Killed on the way, it is repeated."""
    with locked(lake.root / "wrapped"):
        known = forgotten(lake)
        ids = {user, *(read_shard(known)["user_id"].to_pylist() if known else [])}
        lake.publish_table(FORGOTTEN, "users", pa.table({"user_id": pa.array(sorted(ids), pa.int64())}))
        if (work := lake.root / "wrapped" / ".work").exists():
            rmtree(work)  # what killed runs left behind holds plays too
        lost = 0
        for name in ("wrapped/plays", "wrapped/years"):
            published = lake.versions(name)
            for path in (lake.root / name).glob("*/*"):
                if path.parent.name not in published and OURS.fullmatch(path.name):
                    path.unlink()  # likewise
            lost += sum(_purge(lake, lake.dataset(name, version), user) for version in published)
        return lost


def _purge(lake: Lake, dataset: Dataset, user: int) -> int:
    """Publish the version without the user's rows; all versions in turn, so that the newest stays the newest."""
    shards = list(dataset.shards)
    at = partition_of(user, len(shards))
    rows = read_shard(shards[at].path)
    theirs = pc.equal(rows["user_id"], user)
    lost, details = rows.filter(theirs), dict(dataset.details)
    if dataset.name == "wrapped/years":
        details |= {total: details[total] - (pc.sum(lost[total]).as_py() or 0) for total in ("plays", "ms")}
        details["users"] -= lost.num_rows
    elif lost.num_rows:
        rejected = details["rejected"]
        details["rejected"] = {**rejected, "forgotten": rejected.get("forgotten", 0) + lost.num_rows}
    shards[at] = write_shard(lake.folder(dataset.name, dataset.version), at, rows.filter(pc.invert(theirs)))
    lake.publish(dataset.name, dataset.version, dataset.schema, shards, details)
    return int(lost.num_rows)
