"""Records as messages: Arrow record batches, compressed, some thousands in each, so that the log's cost per message all but vanishes.

One event a message costs a client more than the event is worth (measured beside it in `tests/bench`). A message that does not decode
(torn, foreign, of another schema, or swollen) is BadInput: the caller quarantines it with its offset and goes on.
"""

from collections.abc import Iterator

import pyarrow as pa

from shared.errors import BadInput

MAX_RECORDS = 20_000  # at about 34 bytes a record, two thirds of Kafka's usual megabyte
OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def encode(table: pa.Table) -> Iterator[bytes]:
    """The rows in messages of at most MAX_RECORDS, in order; nothing for an empty table."""
    for batch in table.combine_chunks().to_batches(max_chunksize=MAX_RECORDS):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=OPTIONS) as writer:
            writer.write_batch(batch)
        yield sink.getvalue().to_pybytes()


def decode(message: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """The records of one message, validated; BadInput when it does not hold `schema`."""
    try:
        with pa.ipc.open_stream(message) as reader:
            if not reader.schema.equals(schema):
                raise BadInput(f"message of {len(message):,} bytes: other fields than expected; quarantine it")
            batch = reader.read_next_batch()
            if batch.num_rows > MAX_RECORDS:
                raise BadInput(
                    f"message of {batch.num_rows:,} records; expected at most {MAX_RECORDS:,}; quarantine it"
                )
            batch.validate(full=True)
            if next(iter(reader), None) is not None:
                raise BadInput(f"message of {len(message):,} bytes: more than one record batch; quarantine it")
    except (pa.ArrowException, OSError, EOFError, StopIteration, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"message of {len(message):,} bytes: not Arrow ({reason[:120]}); quarantine it") from error
    return batch
