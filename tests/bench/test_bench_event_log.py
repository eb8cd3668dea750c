"""Plays through the event log: in bulk, in and out, with encoding and decoding; and how long a single live message takes.

SQLite syncs every append to disk; Kafka acknowledges when its replicas have it. «one a message» is the habit that batches replace.
"""

import os
from secrets import token_hex

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from shared.batches import MAX_RECORDS, decode, encode
from shared.bootstrap import engines
from shared.ports import partition_of
from shared.settings import Settings

RECORDS = {"tiny": 40_000, "small": 4_000_000, "full": 20_000_000}
PARTITIONS = 4
MESSAGES_AN_APPEND = 8
READ_BYTES = 8 << 20


@pytest.fixture(params=["SQLite", "Kafka"])
def log(request, tmp_path):
    url = "sqlite:" if request.param == "SQLite" else os.environ.get("LINER_TEST_KAFKA")
    if not url:
        pytest.skip("LINER_TEST_KAFKA names no server; `make cluster-test` starts one")
    with engines(Settings(home=tmp_path, log=url)) as opened:
        yield opened.log


@pytest.fixture(scope="module")
def plays(request):
    """Random plays, the worst case for compression: 35 bytes of columns each."""
    rows = RECORDS[request.config.getoption("--bench-size", "tiny")]
    rng = np.random.default_rng(1)
    draw = {
        "event_id": rng.integers(0, 1 << 62, rows),
        "user_id": rng.integers(0, 1 << 31, rows).astype(np.int32),
        "artist_id": rng.integers(0, 1 << 31, rows).astype(np.int32),
        "track_id": rng.integers(0, 1 << 31, rows).astype(np.int32),
        "ended_ms": rng.integers(1 << 40, 1 << 41, rows),
        "ms": rng.integers(0, 300_000, rows).astype(np.int32),
        "country": rng.integers(0, 200, rows).astype(np.int16),
        "tier": rng.integers(0, 3, rows).astype(np.int8),
    }
    return pa.table(draw)


def write(log, plays):
    """Encode and append everything to a new topic, several messages in flight; the topic's name."""
    topic = f"bench-{token_hex(6)}"
    log.create(topic, PARTITIONS)
    held = [[] for _ in range(PARTITIONS)]
    for number, message in enumerate(encode(plays)):
        partition = partition_of(number, PARTITIONS)
        held[partition].append(message)
        if len(held[partition]) == MESSAGES_AN_APPEND:
            log.append(topic, partition, held[partition])
            held[partition] = []
    for partition, messages in enumerate(held):
        log.append(topic, partition, messages)
    return topic


def read(log, topic, schema):
    """Read and decode every partition: records, and the sum of their milliseconds, which both ends must agree on."""
    records = total = 0
    for partition in range(PARTITIONS):
        offset, end = 0, log.end(topic, partition)
        while offset < end:
            for message in log.read(topic, partition, offset, READ_BYTES, timeout_ms=10_000):
                batch = decode(message.value, schema)
                records += batch.num_rows
                total += pc.sum(batch["ms"]).as_py()
                offset = message.offset + 1
    return records, total


def show_rate(benchmark, plays):
    benchmark.extra_info.update(records=plays.num_rows, bytes=plays.nbytes, records_a_message=MAX_RECORDS)
    if benchmark.stats:
        benchmark.extra_info["show"]["records/s"] = f"{plays.num_rows / benchmark.stats.stats.median / 1e6:.1f} M"


def test_event_log_in(measure, benchmark, log, plays):
    topic = measure("event-log-in", lambda: write(log, plays), ("pyarrow",))
    show_rate(benchmark, plays)
    assert read(log, topic, plays.schema) == (plays.num_rows, int(plays["ms"].to_numpy().sum()))


def test_event_log_out(measure, benchmark, log, plays):
    topic = write(log, plays)
    expected = (plays.num_rows, int(plays["ms"].to_numpy().sum()))
    assert measure("event-log-out", lambda: read(log, topic, plays.schema), ("pyarrow",)) == expected
    show_rate(benchmark, plays)


def test_event_log_live(benchmark, log):
    """One small message, from the call to the acknowledgement."""
    topic = f"bench-{token_hex(6)}"
    log.create(topic, 1)
    benchmark.group = "event-log-live"
    benchmark.pedantic(lambda: log.append(topic, 0, [b"one play" * 4]), rounds=300, warmup_rounds=20)
    if benchmark.stats:
        p50, p99 = np.percentile(benchmark.stats.stats.data, [50, 99]) * 1000
        benchmark.extra_info["show"] = {"p50": f"{p50:.1f} ms", "p99": f"{p99:.1f} ms"}
    assert log.end(topic, 0) >= 1


def test_event_log_one_play_a_message(measure, benchmark, log, plays):
    """What a message for every play costs; a tenth of the plays, or nobody would wait for it."""
    few = plays.slice(0, min(plays.num_rows, 100_000) // 10)
    messages = [repr(row).encode() for row in few.to_pylist()]
    topic = f"bench-{token_hex(6)}"
    log.create(topic, 1)
    measure("event-log-one-play-a-message", lambda: log.append(topic, 0, messages), ("pyarrow",))
    show_rate(benchmark, few)
    assert log.end(topic, 0) % len(messages) == 0
