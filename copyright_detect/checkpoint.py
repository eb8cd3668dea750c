"""A detector's whole state as bytes, some tens of kilobytes: what a worker commits beside its offset, to go on bit for bit.

Bytes of arrays in MessagePack, no pickle. Peaks are kept as bits and counts of hits are counted again; zlib takes most of what is left.
"""

import zlib

import msgspec
import numpy as np

from copyright_detect.detector import Detector, Open
from copyright_detect.index import Index
from copyright_detect.peaks import STEP
from copyright_detect.records import BINS
from copyright_detect.verify import MEMORY, STEPS
from copyright_detect.vote import add
from shared.errors import BadInput

FORMAT = 2
REMEDY = "delete the partition's file: the log makes it again"


class Checkpoint(msgspec.Struct, array_like=True):
    """The state, arrays as bytes."""

    format: int
    tolerated: float
    steps: int
    matches: int
    arrays: list[bytes]  # of KINDS
    open: list[Open]
    closed: list[tuple[int, int]]


KINDS = ("f4", "f4", "u1", "i4", "i4", "i4", "i4", "i8", "i8")
"""Samples; power (rows, BINS); peaks as bits (MEMORY, BINS); rows (MEMORY,); counts (STEPS, BINS + 1); rows and bins of recent peaks;
frames of hits in the upload and in the catalogue."""


def save(detector: Detector) -> bytes:
    """The state of a detector."""
    votes, heard, stream = detector.votes, detector.heard, detector.landmarks
    live = np.arange(votes.span[0], votes.span[1]) & (len(votes.frames) - 1)
    arrays: list[np.ndarray] = [stream.samples, stream.power, np.packbits(heard.peaks, axis=1), heard.rows]
    arrays += [heard.counts, *detector.recent, votes.frames[live], votes.references[live]]
    data, closed = [array.tobytes() for array in arrays], sorted(detector.closed.items())
    state = Checkpoint(FORMAT, detector.tolerated, detector.steps, detector.matches, data, detector.open, closed)
    return zlib.compress(msgspec.msgpack.encode(state), 1)


def load(index: Index, state: bytes) -> Detector:
    """A detector that goes on from a state; the index may have changed since."""
    try:
        saved = msgspec.msgpack.decode(zlib.decompress(state), type=Checkpoint)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadInput(f"checkpoint of {len(state):,} bytes: {error}; {REMEDY}") from None
    if saved.format != FORMAT:
        raise BadInput(f"checkpoint: format {saved.format}, expected {FORMAT}; {REMEDY}")
    arrays = [np.frombuffer(data, kind).copy() for data, kind in zip(saved.arrays, KINDS, strict=True)]
    detector = Detector(index, saved.tolerated)
    detector.steps, detector.matches = saved.steps, saved.matches
    detector.landmarks.rows = saved.steps * STEP
    detector.landmarks.samples, detector.landmarks.power = arrays[0], arrays[1].reshape(-1, BINS)
    detector.heard.peaks[:] = np.unpackbits(arrays[2]).reshape(MEMORY, BINS)
    detector.heard.rows[:] = arrays[3]
    detector.heard.counts[:] = arrays[4].reshape(STEPS, BINS + 1)
    detector.recent = arrays[5], arrays[6]
    add(detector.votes, arrays[7], arrays[8], 0)
    detector.open, detector.closed = saved.open, dict(saved.closed)
    return detector
