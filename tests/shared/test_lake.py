"""Datasets are whole or absent: published in one rename, kept by version, and never half replaced."""

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from shared.errors import BadInput, Conflict, LinerError, NotFound
from shared.lake import ROW_GROUP_ROWS, Lake, read_shard, write_batches, write_shard

OLD = pa.table({"user_id": [1, 2, 3], "name": ["a", None, "ü"]})
NEW = pa.table({"user_id": [4, 5], "name": ["b", "c"]})


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def files_of(lake, name, version):
    return sorted(path.name for path in lake.folder(name, version).iterdir())


def test_what_is_published_is_read_back_with_its_record(lake):
    published = lake.publish_table("plays", "2026-W48", OLD, {"seed": 7})
    assert lake.dataset("plays") == lake.dataset("plays", "2026-W48") == published
    assert (published.table(), published.rows, published.details) == (OLD, 3, {"seed": 7})
    assert published.bytes == sum(Path(path).stat().st_size for path in published.paths)
    assert published.table(["name"]).column_names == ["name"]


def test_every_version_stays_and_the_newest_is_the_default(lake):
    for version, table in (("w1", OLD), ("w2", NEW), ("w1", NEW)):
        lake.publish_table("lists/weekly", version, table)
    assert lake.versions("lists/weekly") == ["w2", "w1"]
    assert lake.dataset("lists/weekly").version == "w1"
    assert lake.dataset("lists/weekly", "w2").table() == NEW


def test_what_was_never_published_is_not_found(lake):
    with pytest.raises(NotFound, match=r"no dataset 'plays' version any \(published: none\)"):
        lake.dataset("plays")
    lake.publish_table("plays", "v1", OLD)
    with pytest.raises(NotFound, match=r"version v2 \(published: v1\)"):
        lake.dataset("plays", "v2")


def test_shards_keep_their_order_and_may_be_none(lake):
    shards = [write_shard(lake.folder("plays", "v1"), index, OLD.slice(index, 1)) for index in (2, 0, 1)]
    assert lake.publish("plays", "v1", OLD.schema, shards).table()["user_id"].to_pylist() == [3, 1, 2]
    nothing = lake.publish("plays", "v2", OLD.schema, [])
    assert (nothing.rows, nothing.table()) == (0, OLD.schema.empty_table())


def test_publishing_again_changes_no_byte(lake):
    first = lake.publish_table("plays", "v1", OLD)
    manifest = (lake.root / "plays" / "manifest.json").read_bytes()
    assert lake.publish_table("plays", "v1", OLD) == first
    assert (lake.root / "plays" / "manifest.json").read_bytes() == manifest
    assert files_of(lake, "plays", "v1") == [Path(first.paths[0]).name]


def test_equal_rows_are_equal_bytes_however_they_were_batched(tmp_path):
    rows = ROW_GROUP_ROWS * 2 + 17
    table = pa.table({"id": pa.array(range(rows)), "name": [f"n{i % 99}" for i in range(rows)]})
    digests = {
        write_batches(tmp_path / str(size), 0, table.schema, table.to_batches(max_chunksize=size)).digest
        for size in (1009, ROW_GROUP_ROWS, rows)
    }
    assert digests == {write_shard(tmp_path, 0, table).digest}


def test_replacing_a_version_removes_what_nobody_names(lake):
    lake.publish_table("plays", "v1", OLD)
    (lake.folder("plays", "v1") / ".part-00000.99.tmp").write_bytes(b"left by a killed writer")
    write_shard(lake.folder("plays", "v1"), 123_456, OLD)
    new = lake.publish_table("plays", "v1", NEW)
    assert files_of(lake, "plays", "v1") == [Path(new.paths[0]).name]


def test_publishing_deletes_nothing_that_a_lake_did_not_write(lake):
    lake.publish_table("plays", "v1", OLD)
    foreign = ["notes.txt", "part-1.parquet", ".hidden", "passwd"]
    for name in foreign:
        (lake.folder("plays", "v1") / name).write_text("somebody else's")
    new = lake.publish_table("plays", "v1", NEW)
    assert files_of(lake, "plays", "v1") == sorted([*foreign, Path(new.paths[0]).name])


def test_a_failure_before_the_rename_leaves_the_old(lake):
    old = lake.publish_table("plays", "v1", OLD)

    def batches():
        yield from NEW.to_batches()
        raise LinerError("the source went away")

    with pytest.raises(LinerError, match="went away"):
        write_batches(lake.folder("plays", "v1"), 0, NEW.schema, batches())
    assert lake.dataset("plays") == old
    assert lake.dataset("plays").table() == OLD
    assert files_of(lake, "plays", "v1") == [Path(old.paths[0]).name], "the half-written file is gone"


FILL_THE_DISK = """
import resource, sys
import numpy as np, pyarrow as pa
from shared.errors import LinerError
from shared.lake import Lake
root, limit, rows, details = sys.argv[1], *map(int, sys.argv[2:])
table = pa.table({"value": np.random.default_rng(1).integers(0, 1 << 62, rows)})
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    Lake(root).publish_table("plays", "v1", table, {"note": "x" * details})
except LinerError as error:
    print(error)
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    ("rows", "details", "message"), [(100_000, 0, "could not write shard 0"), (10, 200_000, "could not be written")]
)
def test_a_full_disk_leaves_the_old(lake, rows, details, message):
    """The process may write no file above 100 kB: first the shard does not fit, then the manifest."""
    old = lake.publish_table("plays", "v1", OLD)
    command = [sys.executable, "-c", FILL_THE_DISK, str(lake.root), "100000", str(rows), str(details)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert message in done.stdout
    assert "File too large" in done.stdout
    assert lake.dataset("plays") == old
    assert lake.dataset("plays").table() == OLD
    assert not [name for name in files_of(lake, "plays", "v1") if name.endswith(".tmp")]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "only the child was limited"


@pytest.mark.parametrize("bytes_left", [0, 3, 100, -1])
def test_a_torn_shard_is_bad_input_that_names_it(lake, bytes_left):
    path = lake.publish_table("plays", "v1", OLD).paths[0]
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:bytes_left])
    with pytest.raises(BadInput) as caught:
        lake.dataset("plays").table()
    assert path in str(caught.value)
    with pytest.raises(BadInput):
        read_shard(path + ".absent")


@pytest.mark.parametrize("text", ["", "{", '{"format": 99, "versions": []}', "\x00"])
def test_a_torn_or_foreign_manifest_is_bad_input_that_names_it(lake, text):
    lake.publish_table("plays", "v1", OLD)
    (lake.root / "plays" / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=r"plays/manifest\.json"):
        lake.dataset("plays")


@pytest.mark.parametrize("name", ["..", "../up", "a/../../up", "/absolute", "", "a//b", ".hidden", "a\\b", "a/."])
def test_names_that_lead_out_of_the_lake_are_refused(lake, name):
    """Only the folder is asked for and nothing is written: a test of a hole must not fall into it."""
    for refused in ((name, "v1"), ("plays", name)):
        with pytest.raises(BadInput, match="plain words"):
            lake.folder(*refused)


def test_a_version_is_one_word(lake):
    assert lake.folder("a/b", "v1") == lake.root / "a" / "b" / "v1"
    with pytest.raises(BadInput, match="plain words"):
        lake.folder("plays", "a/b")


def test_publishers_of_different_versions_lose_nothing(lake):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: lake.publish_table("plays", f"v{i:02d}", OLD.slice(0, i % 4)), range(24)))
    assert sorted(lake.versions("plays")) == [f"v{i:02d}" for i in range(24)]
    assert all(lake.dataset("plays", f"v{i:02d}").table() == OLD.slice(0, i % 4) for i in range(24))


def test_of_two_publishers_of_one_version_the_slower_is_told(lake):
    """Its shards went when the faster one published; it must not name files that are not there."""
    slow = write_shard(lake.folder("plays", "v1"), 0, OLD)
    lake.publish_table("plays", "v1", NEW)
    with pytest.raises(Conflict, match="somebody else published this version"):
        lake.publish("plays", "v1", OLD.schema, [slow])
    assert lake.dataset("plays").table() == NEW
