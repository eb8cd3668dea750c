"""The synthetic world: one seed, one world; a directory of it is a lake (`shared.lake`).

    from shared.world import make_world, open_world
    lake = make_world(Path("world"), "small", seed=1)
    lake.dataset("plays").paths

Datasets and their fields: `shared.world.schema`, or `liner world schema`. Hidden truth lies under `truth/`: evaluations may
read it, algorithms never.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import BadInput

if TYPE_CHECKING:  # `liner --help` comes through here and imports no Arrow
    from shared.lake import Lake

WORLD_VERSION = 2
"""Goes up with every change that changes a byte of any world."""


def make_world(out: Path, size: str = "tiny", seed: int = 1, workers: int | None = None) -> "Lake":
    """Make the world of a size and seed in `out`, or reuse it when it is complete there; see `shared.world.make`."""
    from shared.world import make  # numba and pyarrow load only when a world is made

    return make.make_world(out, size, seed, workers)


def open_world(path: Path) -> "Lake":
    """The lake of a complete world; BadInput when the directory is none, or of another WORLD_VERSION."""
    record = Path(path) / "world.json"
    command = f"liner world make --out {path}"
    if not record.exists():
        raise BadInput(f"{path}: not a complete world; make one with `{command}`")
    found = read_world_json(record)
    if found.get("world_version") != WORLD_VERSION:
        raise BadInput(
            f"{path}: a world of version {found.get('world_version')!r}, this program reads version {WORLD_VERSION}; "
            f"make it again with `{command} --size {found.get('size')} --seed {found.get('seed')}`"
        )
    from shared.lake import Lake

    return Lake(path)


def read_world_json(path: Path) -> dict[str, Any]:
    """The content of a world.json; BadInput when it is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: not the record of a world; make it again with `liner world make --out {path.parent}`")
    return found
