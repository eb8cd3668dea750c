"""Make a world: catalogue and users at once, then block after block of users, each block a shard of every per-user dataset.

Threads work on blocks side by side: kernels and Parquet writing leave the interpreter's lock, and all threads share one catalogue,
so memory stays bounded whatever the size. A finished block is noted in `.making/`, so an interrupted make goes on where it stopped.
`world.json` is written last: without it a directory is no world.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from shared.errors import BadInput, LinerError
from shared.lake import Lake, Shard, write_json, write_shard
from shared.output import progress
from shared.threads import cores
from shared.world import WORLD_VERSION, read_world_json
from shared.world.catalogue import Scenes, make_catalogue
from shared.world.playlists import playlists_table
from shared.world.plays import make_plays, plays_table
from shared.world.podcasts import podcast_tables
from shared.world.sampler import Sampler, make_sampler
from shared.world.saves import saves_table
from shared.world.schema import SCHEMAS
from shared.world.searches import searches_table
from shared.world.sizes import Size, size_named
from shared.world.tables import catalogue_tables
from shared.world.users import Users, make_tastes, make_users, true_users_table, users_table

PER_BLOCK = ("plays", "playlists", "saves", "truth/users")
VERSION = "world"
"""Every dataset of a world has this one lake version."""


def make_world(out: Path, size: str = "tiny", seed: int = 1, workers: int | None = None) -> Lake:
    """Make the world of that size and seed in `out`, or reuse it when it is complete.

    An older WORLD_VERSION is replaced; another size or seed in the same directory is BadInput.
    """
    plan = size_named(size)
    if seed < 0 or seed >= 1 << 63:
        raise BadInput(f"world seed {seed}: expected an integer from 0 to 2**63 - 1")
    out = Path(out).absolute()
    wanted = {"world_version": WORLD_VERSION, "size": size, "seed": seed}
    lake = Lake(out)
    with _locked(out):
        if not _complete(out, wanted):
            _make(lake, plan, seed, workers or cores(), wanted)
    return lake


def block_tables(seed: int, users: Users, scenes: Scenes, sampler: Sampler, low: int, high: int) -> dict[str, pa.Table]:
    """All per-user datasets of users low..high; any cut of the users gives the same rows."""
    tastes = make_tastes(seed, users, scenes, low, high)
    plays = make_plays(seed, users, tastes, sampler, low, high)
    return {
        "plays": plays_table(plays),
        "playlists": playlists_table(seed, plays, sampler, low, high),
        "saves": saves_table(seed, plays, sampler.duration_ms),
        "truth/users": true_users_table(users, tastes, low, high),
    }


def _make(lake: Lake, size: Size, seed: int, workers: int, wanted: dict[str, Any]) -> None:
    making = lake.root / ".making"
    _begin(making, wanted)
    catalogue = make_catalogue(size, seed)
    sampler, users = make_sampler(catalogue), make_users(size, seed)

    def make_block(block: int) -> dict[str, Shard]:
        note = making / f"{block:05d}.json"
        if note.exists():
            return {name: Shard(*record) for name, record in json.loads(note.read_text()).items()}
        low, high = block * size.block_users, min((block + 1) * size.block_users, size.users)
        tables = block_tables(seed, users, catalogue.scenes, sampler, low, high)
        shards = {name: write_shard(lake.folder(name, VERSION), block, table) for name, table in tables.items()}
        write_json(note, {name: list(shard) for name, shard in shards.items()})
        return shards

    with ThreadPoolExecutor(workers) as pool:
        blocks = [pool.submit(make_block, block) for block in range(size.blocks)]
        tables = {**catalogue_tables(catalogue, seed), **podcast_tables(size, seed), "users": users_table(users)}
        tables["searches"] = searches_table(seed, users, catalogue, tables)
        try:
            for done in progress(as_completed(blocks), f"world {size.name}-{seed}", total=size.blocks):
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    shards = [block.result() for block in blocks]
    for name, table in tables.items():
        lake.publish_table(name, VERSION, table, wanted)
    for name in PER_BLOCK:
        lake.publish(name, VERSION, SCHEMAS[name], [block[name] for block in shards], wanted)
    digests = {name: lake.dataset(name, VERSION).digest for name in SCHEMAS}
    write_json(lake.root / "world.json", {**wanted, "datasets": digests})
    shutil.rmtree(making)


def _complete(out: Path, wanted: dict[str, Any]) -> bool:
    """Whether `out` already is the world that is wanted; BadInput when it is another one of this version."""
    path = out / "world.json"
    if not path.exists():
        return False
    found = read_world_json(path)
    if found.get("world_version") != WORLD_VERSION:
        return False
    if any(found.get(key) != value for key, value in wanted.items()):
        raise BadInput(
            f"{out}: holds the world {found.get('size')}-{found.get('seed')}, not {wanted['size']}-{wanted['seed']}; "
            "give another --out or delete it"
        )
    return True


def _begin(making: Path, wanted: dict[str, Any]) -> None:
    """Keep the notes of an interrupted make of the same world; throw away those of another, and the old world.json."""
    (making.parent / "world.json").unlink(missing_ok=True)
    header = making / "wanted.json"
    if not header.exists() or json.loads(header.read_text()) != wanted:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        write_json(header, wanted)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One maker at a time; a second one waits and finds the world complete."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".world.lock").open("w")
    except OSError as error:
        raise LinerError(f"{out}: cannot make a world there ({error.strerror}); give another --out") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
