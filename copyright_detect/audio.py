"""Interface under construction."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt


def decode(
    source: str | Path | BinaryIO, max_seconds: float = 12 * 3600.0, max_bytes: int = 8 << 30
) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks of mono float32 at SAMPLE_RATE; BadInput in one line when it is no audio or passes a limit."""
    raise NotImplementedError
