"""Why was this play not counted? The log is the audit: the few plays that decide about one of them are judged again,
alone.

No verdict is stored. A play's fate depends on the plays of its own event id, and on those of its user, track and day;
they are fetched from the log with the plays that share their ids, and the same step says what becomes of them.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from charts.pipeline import Run
from charts.records import Verdict, columns
from charts.recount import read_plays
from charts.rules import Rules, week_of
from charts.step import PENDING, Segment, admit, validate
from shared.bootstrap import Engines
from shared.clock import from_ms
from shared.errors import NotFound

ANSWERS = {
    "counted": "it counts",
    "missing_id": "event, user or track id is missing or unreadable",
    "bad_credits": "no artist, an unreadable one, or too many",
    "impossible_time": "began before 2006 or in the future, or its time is unreadable",
    "impossible_length": "listened to for less than nothing, more than a day, or one and a half times the track; or unreadable",
    "unknown_country": "not an ISO 3166 country in capitals",
    "unknown_tier": "not paid, ad_funded or programmed",
    "too_late": "its week was closed for more than a year when it came",
    "duplicate": "the same play had come before",
    "conflicting_payload": "the same event id came with an earlier play, which stands",
    "too_short": "listened to for less than 30 seconds",
    "over_daily_cap": "ten plays of this track by this user began earlier that day",
}


def why(engines: Engines, run: Run, event_id: int, rules: Rules) -> list[dict[str, Any]]:
    """Every arrival of an event id, in log order, with its verdict; NotFound when it never came."""
    found = []
    for partition in range(engines.log.partitions(run.topic)):
        batches = list(read_plays(engines, run, partition))
        if batches:
            found += _explain(
                pa.Table.from_batches(batches).combine_chunks().to_batches()[0], event_id, rules, engines.clock()
            )
    if not found:
        raise NotFound(f"event {event_id}: not in the log of run {run.name!r}")
    return found


def _explain(batch: pa.RecordBatch, event_id: int, rules: Rules, now: int) -> list[dict[str, Any]]:
    """The verdict of each arrival of an event id in a partition's plays, after everything that came."""
    plays, track_ms, missing, bad_credits = columns(batch)
    alone, _ = validate(plays, track_ms, missing, bad_credits, 0, rules, now)
    named = batch.column("event_id").is_valid().to_numpy(zero_copy_only=False)
    arrivals = np.flatnonzero(named & (plays.event_id == event_id))
    related = np.isin(plays.user_id, plays.user_id[arrivals]) & np.isin(plays.track_id, plays.track_id[arrivals])
    deciding = np.flatnonzero(np.isin(plays.event_id, plays.event_id[related]) & (alone == PENDING))
    segments: dict[int, Segment] = defaultdict(Segment)
    row_of: dict[int, int] = {}
    for chosen in np.split(
        deciding, np.searchsorted(deciding, np.union1d(arrivals, arrivals + 1))
    ):  # each arrival by itself
        for week in np.unique(week_of(plays.started_at[chosen])).tolist():
            segment = segments[week]
            before = int(segment.used[0])
            of_week = chosen[week_of(plays.started_at[chosen]) == week]
            admit(segment, plays, of_week, np.zeros(len(Verdict), np.int64), week, rules)
            if segment.used[0] > before:  # of a chunk without an arrival nobody asks
                row_of[int(chosen[0])] = before
    answers = []
    for arrival in arrivals.tolist():
        verdict = int(alone[arrival])
        if verdict == PENDING:
            rows = segments[week_of(int(plays.started_at[arrival]))].rows
            verdict = int(rows[row_of[arrival]]["verdict"]) if arrival in row_of else int(Verdict.DUPLICATE)
        answers.append(_answer(batch.slice(arrival, 1), Verdict(verdict)))
    return answers


def _answer(play: pa.RecordBatch, verdict: Verdict) -> dict[str, Any]:
    moment = play.column("started_at")
    at = play.schema.get_field_index("started_at")
    row = play.set_column(at, "started_at", moment.cast(pa.int64())).to_pylist()[0]
    country = row["country"] and row["country"].decode("latin-1")
    started = _date(row["started_at"])
    name = verdict.name.lower()
    return {**row, "country": country, "started_at": started, "verdict": name, "because": ANSWERS[name]}


def _date(started_at: int | None) -> str | None:
    """A moment in ISO 8601; its ms as they came where there is no such year."""
    try:
        return None if started_at is None else from_ms(started_at).isoformat()
    except (OverflowError, ValueError):
        return f"{started_at} ms"
