"""One seed, one world: whatever the workers, the cut of the users, the interruptions and the CPU."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pyarrow as pa
import pytest

from shared.errors import BadInput
from shared.world import WORLD_VERSION, make_world, open_world
from shared.world.make import block_tables
from shared.world.schema import SCHEMAS

# Digests of the content of tiny-1. They are integers, strings and multiples of 1/64, so every CPU has the same.
# When a change of the world is meant, raise WORLD_VERSION and print new ones with `pytest -k content -vv`.
CONTENT = {
    "artists": "4717965ced75",
    "albums": "8b2cb018657c",
    "tracks": "f6d6b6f19242",
    "users": "3f6c3d020ccc",
    "plays": "6b7a6c33bd57",
    "playlists": "dbc42b20a002",
    "saves": "e433b7e8d09a",
    "shows": "3a45521cd5d1",
    "episodes": "39c65cb08a7e",
    "searches": "619304082833",
    "truth/scenes": "f045c89d883b",
    "truth/tracks": "cf36271de759",
    "truth/users": "298c06d4e8fe",
}


def digests(lake):
    return {name: lake.dataset(name).digest for name in SCHEMAS}


def content(table):
    """A digest of values alone, independent of how Parquet and Arrow lay them out."""
    digest = hashlib.sha256()
    for name in table.schema.names:
        column = table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32())
        primitive = (
            pa.types.is_primitive(column.type) and not pa.types.is_boolean(column.type) and not column.null_count
        )
        digest.update(column.to_numpy().tobytes() if primitive else repr(column.to_pylist()).encode())
    return digest.hexdigest()[:12]


@pytest.mark.parametrize("dataset", sorted(SCHEMAS))
def test_content_of_tiny(tiny_world, dataset):
    assert content(tiny_world.dataset(dataset).table()) == CONTENT[dataset]


@pytest.mark.parametrize("workers", [2, 4])
def test_same_files_for_any_number_of_workers(tiny_world, tmp_path, workers):
    assert digests(make_world(tmp_path, "tiny", seed=1, workers=workers)) == digests(tiny_world)


@pytest.mark.parametrize("cuts", [[0, 1250], [0, 1, 2, 500, 1249, 1250], [0, 137, 900, 1250]])
def test_any_cut_of_the_users_gives_the_same_rows(small, cuts):
    parts = [
        block_tables(1, small.users, small.catalogue.scenes, small.sampler, low, high) for low, high in pairwise(cuts)
    ]
    whole = block_tables(1, small.users, small.catalogue.scenes, small.sampler, 0, 1250)
    for name, table in whole.items():
        assert pa.concat_tables([part[name] for part in parts]).combine_chunks().equals(table.combine_chunks()), name


def test_another_seed_is_another_world(tiny_world, tmp_path):
    other = digests(make_world(tmp_path, "tiny", seed=2))
    assert all(other[name] != digest for name, digest in digests(tiny_world).items())


def test_a_complete_world_is_reused_untouched(tiny_world):
    before = {path: path.stat().st_mtime_ns for path in tiny_world.root.rglob("*.parquet")}
    again = make_world(tiny_world.root, "tiny", seed=1)
    assert {path: path.stat().st_mtime_ns for path in again.root.rglob("*.parquet")} == before


KILLED_AT_RENAME = """
import os, signal, sys
from pathlib import Path
from shared.world import make_world
out, left = sys.argv[1], int(sys.argv[2])
def hook(event, arguments):
    global left
    if event == "os.rename" and str(arguments[0]).startswith(out):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
make_world(Path(out), "tiny", 1, 1)
"""


def test_killed_while_it_writes_it_goes_on_where_it_stopped(tiny_world, tmp_path):
    """Killed just before its n-th rename, each time a little later: in the first block, in a later one, while it publishes."""
    for renames in (5, 16):
        command = [sys.executable, "-c", KILLED_AT_RENAME, str(tmp_path), str(renames)]
        done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        assert done.returncode == -signal.SIGKILL
        with pytest.raises(BadInput, match="not a complete world"):
            open_world(tmp_path)
    assert digests(make_world(tmp_path, "tiny", seed=1)) == digests(tiny_world)
    assert not (tmp_path / ".making").exists()


def test_finished_blocks_of_an_interrupted_make_are_not_made_again(tiny_world, tmp_path):
    lake = make_world(tmp_path, "tiny", seed=1)
    kept = lake.dataset("plays").paths[0]
    stamp = os.stat(kept).st_mtime_ns
    _as_if_interrupted(lake, "plays")
    assert digests(make_world(tmp_path, "tiny", seed=1)) == digests(tiny_world)
    assert os.stat(kept).st_mtime_ns == stamp


def _as_if_interrupted(lake, dataset):
    """Put block 0 back into `.making`, and take world.json and the other blocks' plays away."""
    making = lake.root / ".making"
    making.mkdir()
    wanted = {"world_version": WORLD_VERSION, "size": "tiny", "seed": 1}
    (making / "wanted.json").write_text(json.dumps(wanted))
    names = ("plays", "playlists", "saves", "truth/users")
    note = {name: list(lake.dataset(name).shards[0]) for name in names}
    (making / "00000.json").write_text(json.dumps(note))
    (lake.root / "world.json").unlink()
    for path in lake.dataset(dataset).paths[1:]:
        os.unlink(path)
