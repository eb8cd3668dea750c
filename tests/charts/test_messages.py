"""How plays are cut into messages: wherever a week may become final, so that no revision depends on how plays were batched."""

import pyarrow as pa

from charts.pipeline import messages
from charts.records import PLAYS
from charts.rules import Rules
from shared.batches import decode

FRIDAY = 1_794_528_000_000  # 2026-11-13 00:00 UTC, ms
HOUR = 3_600_000


def batch(*moments):
    rows = [{"event_id": n, "user_id": 1, "started_at": moment} for n, moment in enumerate(moments)]
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema([field.with_nullable(True) for field in PLAYS]))


def sizes(*moments):
    return [decode(message, PLAYS).num_rows for _, message in messages(batch(*moments), 1, Rules())]


def test_a_message_ends_where_a_week_becomes_final():
    assert sizes(FRIDAY, FRIDAY + HOUR, FRIDAY + 9 * 24 * HOUR + HOUR, FRIDAY + 2 * HOUR) == [1, 2, 1]


def test_also_when_the_play_that_does_it_comes_first():
    assert sizes(FRIDAY + 9 * 24 * HOUR + HOUR, FRIDAY + 2 * HOUR) == [1, 1]


def test_one_play_is_one_message_and_none_is_none():
    assert sizes(FRIDAY) == [1]
    assert sizes() == []
