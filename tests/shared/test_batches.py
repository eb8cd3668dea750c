"""Records come back from messages as they went in; whatever else arrives is refused, and never crashes the reader."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.batches import MAX_RECORDS, encode
from shared.batches import decode as decode_message
from shared.errors import BadInput

PLAYS = pa.table(
    {
        "event": pa.array(range(100), pa.int64()),
        "country": pa.array([None if i % 7 == 0 else f"Ä{i % 5}" for i in range(100)]),
        "ms": pa.array([i * 1000 for i in range(100)], pa.int32()),
    }
)


def decode(message):
    return decode_message(message, PLAYS.schema)


@pytest.mark.parametrize("rows", [0, 1, MAX_RECORDS, MAX_RECORDS + 1, 2 * MAX_RECORDS + 5])
def test_rows_come_back_in_messages_of_bounded_size(rows):
    table = PLAYS.take(pa.array(np.arange(rows) % 100))
    batches = [decode(message) for message in encode(table)]
    assert [batch.num_rows for batch in batches] == [
        min(MAX_RECORDS, rows - start) for start in range(0, rows, MAX_RECORDS)
    ]
    assert pa.Table.from_batches(batches, PLAYS.schema) == table.combine_chunks()


def test_equal_rows_give_equal_messages():
    assert list(encode(PLAYS)) == list(encode(pa.concat_tables([PLAYS.slice(0, 3), PLAYS.slice(3)])))


def test_another_schema_is_refused():
    (message,) = encode(pa.table({"event": [1], "country": ["DE"]}))
    with pytest.raises(BadInput, match="other fields"):
        decode(message)


def test_a_message_of_too_many_records_is_refused():
    batch = PLAYS.take(pa.array(np.zeros(MAX_RECORDS + 1, np.int64))).combine_chunks().to_batches()[0]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, PLAYS.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(BadInput, match="at most 20,000"):
        decode(sink.getvalue().to_pybytes())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(junk):
    with pytest.raises(BadInput, match="quarantine"):
        decode(junk)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_torn_or_mended_message_is_refused_or_is_still_a_valid_batch(data):
    (message,) = encode(PLAYS)
    torn = bytearray(message[: data.draw(st.integers(0, len(message)), "length")])
    for where in data.draw(st.lists(st.integers(0, max(len(torn) - 1, 0)), max_size=4), "flipped") if torn else []:
        torn[where] ^= data.draw(st.integers(1, 255), "by")
    try:
        batch = decode(bytes(torn))
    except BadInput as error:
        assert "quarantine" in str(error)  # noqa: PT017
    else:
        assert batch.schema == PLAYS.schema
        batch.validate(full=True)


def test_a_second_batch_in_a_message_is_refused_not_lost():
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, PLAYS.schema) as writer:
        writer.write_table(PLAYS, max_chunksize=50)
    with pytest.raises(BadInput, match="more than one record batch"):
        decode(sink.getvalue().to_pybytes())
