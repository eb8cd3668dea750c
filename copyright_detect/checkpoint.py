"""A detector's whole state as bytes, some tens of kilobytes: what a worker commits beside its offset, to go on bit for bit.

Bytes of arrays in MessagePack, no pickle. Peaks are kept as bits and counts of hits are counted again; zlib takes most of what is left.
"""

import zlib
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from copyright_detect.detector import Detector, Open
from copyright_detect.index import Index
from copyright_detect.peaks import STEP
from copyright_detect.records import BINS
from copyright_detect.verify import MEMORY, STEPS
from shared.errors import BadInput

FORMAT = 2


class Checkpoint(msgspec.Struct, array_like=True):
    """The state, arrays as bytes."""

    format: int
    tolerated: float
    steps: int
    matches: int
    samples: bytes  # float32
    power: bytes  # float32 (rows, BINS)
    peaks: bytes  # bits (MEMORY, BINS)
    rows: bytes  # int32 (MEMORY,)
    counts: bytes  # int32 (STEPS, BINS + 1)
    recent: tuple[bytes, bytes]  # int32: rows, bins
    hits: tuple[bytes, bytes]  # int64: frames of the upload, of the catalogue
    open: list[Open]
    closed: list[tuple[int, int]]


def save(detector: Detector) -> bytes:
    """The state of a detector."""
    votes, heard = detector.votes, detector.heard
    live = np.arange(votes.span[0], votes.span[1]) & (len(votes.frames) - 1)
    checkpoint = Checkpoint(
        format=FORMAT,
        tolerated=detector.tolerated,
        steps=detector.steps,
        matches=detector.matches,
        samples=detector.landmarks.samples.tobytes(),
        power=detector.landmarks.power.tobytes(),
        peaks=np.packbits(heard.peaks, axis=1).tobytes(),
        rows=heard.rows.tobytes(),
        counts=heard.counts.tobytes(),
        recent=(detector.recent[0].tobytes(), detector.recent[1].tobytes()),
        hits=(votes.frames[live].tobytes(), votes.references[live].tobytes()),
        open=detector.open,
        closed=sorted(detector.closed.items()),
    )
    return zlib.compress(msgspec.msgpack.encode(checkpoint), 1)


def load(index: Index, state: bytes) -> Detector:
    """A detector that goes on from a state; the index may have changed since."""
    try:
        saved = msgspec.msgpack.decode(zlib.decompress(state), type=Checkpoint)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadInput(
            f"checkpoint of {len(state):,} bytes: {error}; delete the partition's file: the log makes it again"
        ) from None
    if saved.format != FORMAT:
        raise BadInput(
            f"checkpoint: format {saved.format}, expected {FORMAT}; delete the partition's file: the log makes it again"
        )
    detector = Detector(index, saved.tolerated)
    detector.steps, detector.matches = saved.steps, saved.matches
    detector.landmarks.rows = saved.steps * STEP
    detector.landmarks.samples = _array(saved.samples, np.float32)
    detector.landmarks.power = _array(saved.power, np.float32).reshape(-1, BINS)
    detector.heard.peaks[:] = np.unpackbits(_array(saved.peaks, np.uint8)).reshape(MEMORY, BINS)
    detector.heard.rows[:] = _array(saved.rows, np.int32)
    detector.heard.counts[:] = _array(saved.counts, np.int32).reshape(STEPS, BINS + 1)
    detector.recent = _array(saved.recent[0], np.int32), _array(saved.recent[1], np.int32)
    detector.votes.add(_array(saved.hits[0], np.int64), _array(saved.hits[1], np.int64), 0)
    detector.open, detector.closed = saved.open, dict(saved.closed)
    return detector


def _array(data: bytes, kind: type) -> npt.NDArray[Any]:
    return np.frombuffer(data, kind).copy()
