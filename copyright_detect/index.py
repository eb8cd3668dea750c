"""Interface under construction."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt


class Index:
    """What a detector asks: a snapshot of the segments, memory-mapped."""

    version: str
    references: list[str]

    def refresh(self) -> bool:
        """Take up additions and removals; True if there were any."""
        raise NotImplementedError

    def peaks(self, name: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """(frames from the reference's beginning, bins) of its stored peaks."""
        raise NotImplementedError

    def seconds(self, name: str) -> float:
        """Its length."""
        raise NotImplementedError

    def source(self, name: str) -> str | None:
        """The file it was read from, if it was a file."""
        raise NotImplementedError


def open_index(path: str | Path) -> Index:
    """The index in a folder."""
    raise NotImplementedError


def add_references(
    path: str | Path,
    references: Iterable[tuple[str, npt.NDArray[np.float32]]],
    sources: dict[str, str] | None = None,
) -> int:
    """Index audio (mono float32 at SAMPLE_RATE) under names; creates the index. Visible to readers at once when it returns."""
    raise NotImplementedError


def remove_reference(path: str | Path, name: str) -> None:
    """Take a reference out; NotFound when there is none of that name."""
    raise NotImplementedError
