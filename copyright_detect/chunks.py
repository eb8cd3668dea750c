"""What the event log carries: one second of an upload's sound as 16-bit PCM at 11,025 Hz, numbered and sealed.

The gateway decodes before the log, not the worker behind it. Any file format then streams through the same few lines; a
decoder, the one part that strangers' bytes can hang or crash, never runs inside a transaction; a chunk can be played
from wherever it is read; and 16-bit samples cannot be NaN. A second is 22 kB: 32 kB/s more than a podcast's MP3, paid in the
log alone. The digest seals samples and end mark, so a repeated chunk is told from one that contradicts the first.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec
import numpy as np
from numpy.typing import NDArray

from copyright_detect.records import SAMPLE_RATE
from shared.clock import Clock
from shared.errors import BadInput
from shared.ports import partition_of

CHUNK_SAMPLES = SAMPLE_RATE
MAX_SAMPLES = 10 * SAMPLE_RATE
MAX_CHUNKS = 24 * 3600
LONGEST_ID = 200
EARLIEST_MS = 1_577_836_800_000
"""2020; rights are looked up by the day of the first chunk, and a clock that was never set says 1970."""


class Chunk(msgspec.Struct, frozen=True, tag="chunk"):
    """Chunk `number` (from 0) of an upload. samples: int16, little-endian; sent_ms: event time; digest: of samples and `last`."""

    upload: str
    show: str
    number: int
    last: bool
    sent_ms: int
    digest: bytes
    samples: bytes


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Nothing but event time: lets uploads that stopped coming run out in a partition that hears nothing else."""

    sent_ms: int


Message = Chunk | Tick
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


def seal(samples: bytes, last: bool) -> bytes:
    """The digest of a chunk."""
    return sha256(samples + (b"\1" if last else b"\0")).digest()


def encode(message: Message) -> bytes:
    """A message as bytes for the log."""
    return _encoder.encode(message)


def open_message(message: bytes, latest_ms: int) -> Message:
    """A message of the log, checked; BadInput says why it cannot be one. latest_ms: later event times are refused."""
    try:
        found: Message = _decoder.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a chunk: {str(error)[:120]}") from None
    if not EARLIEST_MS <= found.sent_ms <= latest_ms:
        raise BadInput(f"sent_ms {found.sent_ms}: expected a time from 2020 up to now; set the sender's clock")
    if isinstance(found, Chunk):
        _check(found)
    return found


def _check(chunk: Chunk) -> None:
    """BadInput for a chunk that no upload could hold."""
    for name, value in (("upload", chunk.upload), ("show", chunk.show)):
        if not 1 <= len(value) <= LONGEST_ID:
            raise BadInput(f"{name} of {len(value)} characters; expected 1 to {LONGEST_ID}")
    if not 0 <= chunk.number < MAX_CHUNKS:
        raise BadInput(f"chunk number {chunk.number}; expected 0 to {MAX_CHUNKS - 1}")
    if len(chunk.samples) % 2 or len(chunk.samples) > 2 * MAX_SAMPLES:
        raise BadInput(f"{len(chunk.samples)} bytes of samples; expected an even number up to {2 * MAX_SAMPLES}")
    if chunk.digest != seal(chunk.samples, chunk.last):
        raise BadInput("digest does not fit the samples: damaged on the way; send the chunk again")


def cut(upload: str, show: str, blocks: Iterable[NDArray[np.float32]], clock: Clock) -> Iterator[Chunk]:
    """An upload's decoded blocks (float32[n], any n) as chunks of CHUNK_SAMPLES; the last one, perhaps empty, carries the end mark."""
    number, rest = 0, np.zeros(0, np.int16)
    for block in blocks:
        rest = np.concatenate([rest, to_pcm(block)])
        while rest.size > CHUNK_SAMPLES:  # what is left may be the last chunk
            yield _chunk(upload, show, number, rest[:CHUNK_SAMPLES], False, clock)
            number, rest = number + 1, rest[CHUNK_SAMPLES:]
    yield _chunk(upload, show, number, rest, True, clock)


def _chunk(upload: str, show: str, number: int, pcm: NDArray[np.int16], last: bool, clock: Clock) -> Chunk:
    samples = pcm.astype("<i2").tobytes()
    return Chunk(upload, show, number, last, clock(), seal(samples, last), samples)


def to_pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """float32[n] in -1..1 as int16[n]; louder is clipped."""
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)


def to_float(samples: bytes) -> NDArray[np.float32]:
    """The samples of a chunk as float32[n]."""
    return np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32767)


def partition_for(upload: str, partitions: int) -> int:
    """The partition of an upload: all its chunks go there."""
    return partition_of(int.from_bytes(sha256(upload.encode()).digest()[:8], "big"), partitions)
