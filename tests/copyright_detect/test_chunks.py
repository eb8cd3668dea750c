"""Chunks: what is cut comes back, and what is no chunk is refused with its reason."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect.chunks import (
    CHUNK_SAMPLES,
    MAX_CHUNKS,
    MAX_SAMPLES,
    Chunk,
    Tick,
    cut,
    encode,
    open_message,
    partition_for,
    seal,
    to_float,
    to_pcm,
)
from shared.clock import DEMO_NOW, fixed_clock
from shared.errors import BadInput

NOW = DEMO_NOW
GOOD = Chunk("u", "s", 0, False, NOW, seal(b"\1\0", False), b"\1\0")


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 3 * CHUNK_SAMPLES), max_size=5))
def test_blocks_of_any_size_give_the_same_chunks(cuts):
    samples = np.random.default_rng(1).uniform(-1, 1, 2 * CHUNK_SAMPLES + 17).astype(np.float32)
    blocks = np.split(samples, sorted(min(each, samples.size) for each in cuts))
    chunks = list(cut("u", "s", blocks, fixed_clock(NOW)))
    assert chunks == list(cut("u", "s", [samples], fixed_clock(NOW)))
    assert [(chunk.number, chunk.last) for chunk in chunks] == [(0, False), (1, False), (2, True)]
    heard = np.concatenate([to_float(chunk.samples) for chunk in chunks])
    assert np.abs(heard - samples).max() <= 0.51 / 32767


@pytest.mark.parametrize("samples", [0, 1, CHUNK_SAMPLES, CHUNK_SAMPLES + 1])
def test_exactly_the_last_chunk_carries_the_end(samples):
    chunks = list(cut("u", "s", [np.zeros(samples, np.float32)], fixed_clock(NOW)))
    assert [chunk.last for chunk in chunks] == [False] * (math.ceil(samples / CHUNK_SAMPLES) - 1) + [True]
    assert all(open_message(encode(chunk), NOW) == chunk for chunk in chunks)


def test_louder_than_full_scale_is_clipped():
    assert to_pcm(np.array([2.0, -3.0, 1.0, 0.0], np.float32)).tolist() == [32767, -32767, 32767, 0]


def test_a_tick_is_a_message():
    assert open_message(encode(Tick(NOW)), NOW) == Tick(NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"upload": ""}, "upload of 0 characters"),
        ({"show": "x" * 201}, "show of 201 characters"),
        ({"number": -1}, "chunk number -1"),
        ({"number": MAX_CHUNKS}, f"chunk number {MAX_CHUNKS}"),
        ({"sent_ms": NOW + 1}, f"sent_ms {NOW + 1}"),
        ({"sent_ms": 0}, "sent_ms 0"),
        ({"samples": b"\1"}, "1 bytes of samples"),
        ({"samples": bytes(2 * MAX_SAMPLES + 2)}, f"{2 * MAX_SAMPLES + 2} bytes"),
        ({"samples": b"\2\0"}, "digest does not fit"),
        ({"last": True}, "digest does not fit"),
    ],
)
def test_a_chunk_that_cannot_be_is_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        open_message(encode(msgspec.structs.replace(GOOD, **change)), NOW)


@pytest.mark.parametrize("message", [b"", b"hello", b"\x80", encode(GOOD)[:-1], b"\x91" * 10_000, b'{"type":"chunk"}'])
def test_bytes_that_are_no_chunk_are_refused(message):
    with pytest.raises(BadInput, match="not a chunk"):
        open_message(message, NOW)


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=80), at=st.integers(0, 60))
def test_no_bytes_whatever_raise_anything_else(junk, at):
    message = encode(GOOD)
    for bytes_ in (junk, message[:at] + junk + message[at + len(junk) :]):
        try:
            found = open_message(bytes_, NOW)
        except BadInput:
            continue
        assert isinstance(found, Chunk | Tick)


def test_an_upload_stays_in_its_partition():
    assert [partition_for(f"upload-{n}", 4) for n in range(8)] == [partition_for(f"upload-{n}", 4) for n in range(8)]
    assert {partition_for(f"upload-{n}", 4) for n in range(64)} == {0, 1, 2, 3}
