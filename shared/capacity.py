"""Back-of-the-envelope estimates as code: a frozen dataclass of assumptions, a function that derives lines from it.

`liner SYSTEM capacity` prints the lines; every assumption is a flag, so a reader can ask «and with ten times the users?».
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from shared.output import human_bytes, print_json


@dataclass(frozen=True)
class Line:
    """One derived quantity: its name, value, unit («B» prints as kB, MB, …) and the arithmetic in words."""

    name: str
    value: float
    unit: str
    how: str


def add_capacity_verb(verbs: Any, assumptions: Any, estimate: Callable[[Any], list[Line]]) -> None:
    """Add the verb `capacity`, with one flag per field of the dataclass `assumptions` (each field has metadata `meaning`)."""
    parser = verbs.add_parser("capacity", help="the back-of-the-envelope estimate; every assumption is a flag")
    for field in fields(assumptions):
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=float, default=field.default, help=f"{field.metadata['meaning']} (%(default)g)")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=lambda arguments: _run(arguments, assumptions, estimate))


def _run(arguments: argparse.Namespace, assumptions: Any, estimate: Callable[[Any], list[Line]]) -> None:
    chosen = assumptions(**{field.name: getattr(arguments, field.name) for field in fields(assumptions)})
    lines = estimate(chosen)
    if arguments.json:
        print_json({"assumptions": asdict(chosen), "estimate": [asdict(line) for line in lines]})
        return
    print("Assumed")
    for field in fields(assumptions):
        print(
            f"  {amount(getattr(chosen, field.name), field.metadata.get('unit', '')):>12}  {field.metadata['meaning']}"
        )
    print("Follows")
    for line in lines:
        print(f"  {amount(line.value, line.unit):>12}  {line.name}: {line.how}")


def amount(value: float, unit: str) -> str:
    """A quantity for a person: `1.2 GB`, `340 k/s`, `12 h`."""
    if unit == "B":
        return human_bytes(value)
    for scale, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= scale * 10 or (scale >= 1e6 and abs(value) >= scale):
            return f"{value / scale:.3g}{letter}{unit}"
    return f"{value:.3g} {unit}".rstrip()
