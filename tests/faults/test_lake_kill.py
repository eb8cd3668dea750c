"""kill −9 at a random point of a publish: the old version stays whole, the new one is whole or absent, and a rerun heals.

The publish runs traced in a process of its own, forked from a warmed one. A first run lists the lines of `shared/lake.py` and `pathlib`
after which something on disk was different, a file opened and not yet written among them; a second one dies right after one of these.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_lake_kill.py
"""

import hashlib
import os
import random
import re
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from shared.lake import Lake, write_shard
from tests.processes import forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "4"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)
NAME = "lists/weekly"
OLD = pa.table({"user_id": [1, 2, 3], "track": ["a", None, "ü"]})
NEW = pa.table({"user_id": [1, 4, 5], "track": ["a", "b", "c"]})  # the first row, thus the first shard, is that of OLD
BEFORE = {"first": [], "next": ["w1"], "again": ["w1", "w2"]}  # what stands when NEW is published as w2

TRACED = re.compile(r"shared\.lake$|pathlib\b")  # modules

processes = forked(__name__)


def publish(lake, version, table):
    shards = [write_shard(lake.folder(NAME, version), row, table.slice(row, 1)) for row in range(table.num_rows)]
    return lake.publish(NAME, version, table.schema, shards, {"rows": table.num_rows})


def prepare(root, before):
    lake = Lake(root)
    for version in before:
        publish(lake, version, OLD)
    return lake


def publish_traced(root, fatal, report):
    """Publish NEW as w2 and die before the line `fatal`; 0: live, and report the lines before which the disk had changed."""
    lines, changes, before = 0, [], on_disk(root)

    def at_each_line(frame, event, _):
        nonlocal lines, before
        if not TRACED.match(frame.f_globals["__name__"]):
            return None
        if event != "line":
            return at_each_line
        lines += 1
        if lines == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        if fatal == 0 and before != (now := on_disk(root)):
            changes.append(lines)
            before = now
        return at_each_line

    sys.settrace(at_each_line)
    publish(Lake(root), "w2", NEW)
    sys.settrace(None)
    report.send(changes)


def on_disk(root):
    """Every file and folder: path, inode, size, time."""
    paths = [f"{folder}/{name}" for folder, _, names in os.walk(root) for name in ("", *names)]
    return sorted((path, found.st_ino, found.st_size, found.st_mtime_ns) for path in paths for found in [os.stat(path)])


def run_apart(root, fatal):
    """`publish_traced` in a process of its own: its exit code, and what it reported if it lived."""
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=publish_traced, args=(root, fatal, sender))
    process.start()
    sender.close()
    process.join()
    return process.exitcode, receiver.recv() if process.exitcode == 0 else None


def check_whole(dataset, *tables):
    """The dataset is one of the tables, and every shard has the bytes that its record names."""
    assert dataset.table() in tables
    for shard in dataset.shards:
        content = Path(shard.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()[:16]) == (shard.bytes, shard.digest)


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module", params=BEFORE.values(), ids=BEFORE)
def unbroken(request, tmp_path_factory):
    """What stood before, the lake after a publish that nothing interrupted, and the lines at which its disk had changed."""
    lake = prepare(tmp_path_factory.mktemp("unbroken") / "lake", request.param)
    exit_code, changes = run_apart(lake.root, 0)
    assert exit_code == 0
    return request.param, lake, changes


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_and_rerun(tmp_path, unbroken, seed):
    before, whole, changes = unbroken
    lake = prepare(tmp_path / "lake", before)
    fatal = random.Random(seed).choice(changes)
    exit_code, _ = run_apart(lake.root, fatal)
    assert exit_code == -signal.SIGKILL, f"seed {seed}: line {fatal} was not reached"

    versions = lake.versions(NAME)
    assert versions in (before, sorted({*before, "w2"}))
    for version in versions:
        check_whole(lake.dataset(NAME, version), *([OLD, NEW] if version == "w2" else [OLD]))

    assert publish(lake, "w2", NEW).digest == whole.dataset(NAME).digest
    for version in lake.versions(NAME):
        check_whole(lake.dataset(NAME, version), NEW if version == "w2" else OLD)
    assert files(lake.root) == files(whole.root)
