"""`liner world`: make a world, describe one, print the schema of all."""

import argparse
from pathlib import Path
from typing import Any


def add_verbs(groups: Any) -> None:
    """Add `world make`, `world describe` and `world schema` to argparse's sub-parsers."""
    world = groups.add_parser("world", help="the synthetic world that demos and tests run on")
    verbs = world.add_subparsers(metavar="VERB", required=True)

    make = verbs.add_parser("make", help="make a world, or reuse the one that is there")
    make.add_argument("--size", choices=("tiny", "small", "medium", "large"), default="small")
    make.add_argument("--seed", type=int, default=1)
    make.add_argument("--out", type=Path, metavar="DIR", help="default: LINER_HOME/world/SIZE-SEED")
    make.add_argument(
        "--workers", type=int, metavar="N", help="threads; the world is the same for any number (default: all cores)"
    )
    make.add_argument("--json", action="store_true")
    make.set_defaults(run=run_make)

    describe = verbs.add_parser("describe", help="numbers, and plots in DIR/describe/*.svg")
    describe.add_argument("dir", type=Path, metavar="DIR")
    describe.add_argument("--json", action="store_true")
    describe.set_defaults(run=run_describe)

    schema = verbs.add_parser("schema", help="every dataset: field, type, unit, meaning")
    schema.add_argument("--json", action="store_true")
    schema.set_defaults(run=run_schema)


def run_make(arguments: argparse.Namespace) -> None:
    """Make the world and say where it lies."""
    from shared.errors import BadInput
    from shared.output import human_bytes, print_json
    from shared.settings import Settings
    from shared.world import make_world
    from shared.world.schema import SCHEMAS

    if arguments.workers is not None and arguments.workers < 1:
        raise BadInput(f"--workers {arguments.workers}: expected at least 1")
    out = arguments.out or Settings().home / "world" / f"{arguments.size}-{arguments.seed}"
    lake = make_world(out, arguments.size, arguments.seed, arguments.workers)
    datasets = {name: lake.dataset(name) for name in SCHEMAS}
    if arguments.json:
        rows = {name: {"rows": d.rows, "bytes": d.bytes, "digest": d.digest} for name, d in datasets.items()}
        print_json({"path": str(lake.root), "size": arguments.size, "seed": arguments.seed, "datasets": rows})
        return
    for name, dataset in datasets.items():
        print(f"{name:<14}{dataset.rows:>13,} rows {human_bytes(dataset.bytes):>10}")
    print(f"{lake.root}  {human_bytes(sum(dataset.bytes for dataset in datasets.values()))}")


def run_describe(arguments: argparse.Namespace) -> None:
    """Print the numbers of a world and draw its plots."""
    from shared.output import print_json
    from shared.world import open_world
    from shared.world.describe import describe, draw_plots

    lake = open_world(arguments.dir)
    numbers = describe(lake)
    plots = [str(path) for path in draw_plots(numbers, lake.root / "describe")]
    if arguments.json:
        print_json({"path": str(lake.root), **numbers, "plots": plots})
        return
    for name, value in numbers.items():
        if isinstance(value, int | float):
            print(f"{name:<32}{value:>14,}")
    print("\n".join(plots))


def run_schema(arguments: argparse.Namespace) -> None:
    """Print every dataset's fields from the Arrow schemas."""
    from shared.output import print_json
    from shared.world.schema import SCHEMAS, described

    if arguments.json:
        print_json({name: described(name) for name in SCHEMAS})
        return
    for name in SCHEMAS:
        print(f"\n{name}")
        for field in described(name):
            unit = f" [{field['unit']}]" if field["unit"] else ""
            print(f"  {field['field']:<18}{field['type']:<28}{field['meaning']}{unit}")
