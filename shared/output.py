"""What commands print: JSON that is one object and nothing else, sizes of folders, progress on stderr, the three «next» commands."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output; NaN is an error, not a token that other readers refuse."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def short(path: Path) -> Path:
    """A path as a person would type it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def size_of(path: Path) -> str:
    """Bytes under a path, for a person: `12.3 MB`."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return human_bytes(sum(file.stat().st_size for file in files))


def human_bytes(count: float) -> str:
    """`1234567` → `1.2 MB`, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if abs(count) < 1000 or unit == "PB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable: PB returns")


def human_seconds(value: float) -> str:
    """A duration for a person: `1.23 ms`."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def progress(items: Sequence[T] | Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar on standard error; silent when that is no terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)


def print_next(capacity_change: str, page: str, first_file: str) -> None:
    """How each demo ends: change an assumption, open the page, read the first file."""
    print("\nNext:")
    print(f"  {capacity_change:<58} change an assumption")
    print(f"  {page:<58} open the page")
    print(f"  {'less ' + first_file:<58} read the first file")
