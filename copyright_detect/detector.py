"""Interface under construction."""

import numpy as np
import numpy.typing as npt

from copyright_detect.index import Index
from copyright_detect.records import Event


class Detector:
    """Listens to one upload. Chunks of any size give the same events, bit for bit."""

    def __init__(self, index: Index) -> None: ...

    def push(self, samples: npt.NDArray[np.float32]) -> list[Event]:
        """Hear more samples (float32, SAMPLE_RATE)."""
        raise NotImplementedError

    def finish(self) -> list[Event]:
        """The upload is over: close what is open."""
        raise NotImplementedError

    def state(self) -> bytes:
        """A checkpoint."""
        raise NotImplementedError

    @classmethod
    def restore(cls, index: Index, state: bytes) -> "Detector":
        """Go on from a checkpoint, bit for bit."""
        raise NotImplementedError
