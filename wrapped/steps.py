"""A step of a run: one kernel over numbered shards, each done once, whoever is killed in between.

A worker writes its output aside, renames it into place, and last of all writes a small record `STEP/INDEX.json` with its result. The
next run of the same inputs finds the record and does not call the kernel again. Kernels are functions of their inputs, so what an
unbroken run would have written is, to the byte, what the broken and resumed one writes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from shared.kernels import resolve
from shared.lake import write_json
from shared.output import progress
from shared.ports import Engine, Json
from shared.threads import cores


def run_step(engine: Engine, kernel: str, shards: Sequence[str], arguments: Json, folder: Path) -> list[Json]:
    """The results of `kernel` over `shards` (`INDEX` or `INDEX=path`), in order; records lie under `folder`."""
    name = kernel.partition(":")[2]
    records = folder / name
    records.mkdir(parents=True, exist_ok=True)
    wrapped_arguments = {"kernel": kernel, "records": str(records), "arguments": arguments}
    at_once = 4 * cores()
    groups = [shards[at : at + at_once] for at in range(0, len(shards), at_once)]
    results: list[Json] = []
    for group in progress(groups, f"wrapped {name}", total=len(groups)):
        results += engine.map_shards("wrapped.steps:once", group, wrapped_arguments)
    return results


def once(shard: str, kernel: str, records: str, arguments: Json) -> Json:
    """In a worker: the recorded result of this shard, or the kernel's, recorded."""
    record = Path(records) / f"{shard.partition('=')[0]}.json"
    if record.exists():
        found: Json = json.loads(record.read_text())
        if "shard" not in found or Path(found["shard"][0]).exists():  # another run's publish may have swept it away
            return found
    result = resolve(kernel)(shard, **arguments)
    write_json(record, result)
    return result
