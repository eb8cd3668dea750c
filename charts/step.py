"""The stream step, one kernel on columns: validate → dedupe → rules → integer counts. A batch in; what changed, out.

`Segment` is what one partition remembers of one chart week. It is a function of the *set* of plays that came, not of
their order: `step` on any split and any order of the same plays gives the same counts, and that is what makes a rerun,
a redelivery and a batch recount agree to the last unit. Every play gets one verdict; counted + rejected by reason = all
that came, and when a verdict is revised (a play displaced by an earlier one), the tallies move with it and the counts
by a negative delta.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from charts import caps, dedupe
from charts.caps import END
from charts.counts import count_changes
from charts.records import ROW, UNKNOWN, Ints, Plays, Rows, Verdict, columns
from charts.rules import TIERS, Rules, week_of, week_start
from shared.errors import LinerError

COUNTED, DUPLICATE, CONFLICT = int(Verdict.COUNTED), int(Verdict.DUPLICATE), int(Verdict.CONFLICTING_PAYLOAD)
TOO_SHORT, OVER_CAP = int(Verdict.TOO_SHORT), int(Verdict.OVER_DAILY_CAP)
PENDING = 255
SPARE = 1.125


@dataclass
class Segment:
    """The plays of one week, with the tables that find them by event id and by (user, track, day). Grows; never shrinks."""

    rows: Rows = field(default_factory=lambda: np.zeros(1, ROW))
    artists: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    slots: dedupe.Slots = field(default_factory=lambda: np.zeros(16, np.uint32))  # by event id
    groups: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, caps.GROUP))
    group_slots: dedupe.Slots = field(default_factory=lambda: np.zeros(16, np.uint32))
    used: Ints = field(default_factory=lambda: np.zeros(2, np.int64))  # rows, groups

    def reserve(self, plays: int, credits: int) -> None:
        """Make room for so many more plays and credits; the row after the last one holds the end of its credits."""
        rows, groups = self.used.tolist()
        if rows + plays > dedupe.LARGEST or int(self.rows["credit"][rows]) + credits >= 1 << 32:
            raise LinerError(f"a week of {rows + plays:,} plays in one partition is too large; use more partitions")
        _grow(self.rows, rows + plays + 1)
        _grow(self.artists, int(self.rows["credit"][rows]) + credits)
        _grow(self.groups, groups + plays)
        if rows + plays > self.slots.size * dedupe.FULLEST:
            self.slots = np.zeros(int((rows + plays) / dedupe.EMPTIEST), np.uint32)
            dedupe.enter_all(self.rows, self.artists, self.slots, rows)
        if groups + plays > self.group_slots.size * dedupe.FULLEST:
            self.group_slots = np.zeros(int((groups + plays) / dedupe.EMPTIEST), np.uint32)
            caps.enter_groups(self.rows, self.groups, self.group_slots, groups)


def _grow(column: NDArray[Any], needed: int) -> None:
    """Lengthen in place: realloc moves pages, not bytes. Views must not outlive this (refcheck cannot see numba's)."""
    if needed > column.size:
        column.resize(int(needed * SPARE), refcheck=False)


@dataclass(frozen=True)
class WeekDelta:
    """What a batch did to one week: the plays it added, and by how much each count moved (COUNTS; may be negative)."""

    added: Plays
    counts: pa.RecordBatch


@dataclass(frozen=True)
class Delta:
    """What a batch changed: tallies int64[verdicts], the new watermark, one WeekDelta per week that it touched."""

    tallies: Ints
    watermark: int
    weeks: dict[int, WeekDelta]


def step(segments: Mapping[int, Segment], batch: pa.RecordBatch, watermark: int, rules: Rules, now: int) -> Delta:
    """Admit a batch of PLAYS to the segments of its weeks, and say what changed. `segments` makes or loads a week that it lacks.

    watermark: the latest start of a play that this partition has seen, ms; now: the clock, only to refuse the far future.
    """
    plays, track_ms, missing, bad_credits = columns(batch)
    verdict, watermark = validate(plays, track_ms, missing, bad_credits, watermark, rules, now)
    tallies = np.bincount(verdict[verdict != PENDING], minlength=len(Verdict)).astype(np.int64)
    week = week_of(plays.started_at)
    weeks = {}
    for number in _distinct(week[verdict == PENDING]):
        chosen = np.flatnonzero((verdict == PENDING) & (week == number))
        weeks[number] = admit(segments[number], plays, chosen, tallies, number, rules)
    return Delta(tallies, watermark, weeks)


def _distinct(values: Ints) -> list[int]:
    """np.unique for a few distinct values in a long array, without sorting it."""
    found = []
    while values.size:
        found.append(int(values.min()))
        values = values[values != found[-1]]
    return found


def validate(
    plays: Plays,
    track_ms: Ints,
    missing: NDArray[np.bool_],
    bad_credits: NDArray[np.bool_],
    watermark: int,
    rules: Rules,
    now: int,
) -> tuple[NDArray[np.uint8], int]:
    """uint8[n]: the first reason against each play taken alone, PENDING where there is none; and the watermark after the batch."""
    credits = np.diff(plays.credit)
    verdict = np.full(len(plays.event_id), PENDING, np.uint8)
    beyond_the_track = 2 * plays.played_ms.astype(np.int64) > 3 * track_ms.astype(np.int64)
    too_long = (plays.played_ms > rules.longest_ms) | ((track_ms > 0) & beyond_the_track)
    for reason, found in (  # in reverse: the first reason is written last
        (Verdict.UNKNOWN_TIER, (plays.tier < 0) | (plays.tier >= len(TIERS))),
        (Verdict.UNKNOWN_COUNTRY, plays.country == UNKNOWN),
        (Verdict.IMPOSSIBLE_LENGTH, (plays.played_ms < 0) | too_long),
        (
            Verdict.IMPOSSIBLE_TIME,
            (plays.started_at < rules.earliest_ms) | (plays.started_at > now + rules.clock_skew_ms),
        ),
        (Verdict.BAD_CREDITS, bad_credits | (credits == 0) | (credits > rules.most_credits)),
        (Verdict.MISSING_ID, missing),
    ):
        verdict[found] = reason
    seen = np.maximum.accumulate(np.append(watermark, np.where(verdict == PENDING, plays.started_at, 0)))
    end_of_week = week_start(week_of(plays.started_at) + 1)
    verdict[(verdict == PENDING) & (seen[:-1] > end_of_week + rules.corrected_for_ms)] = Verdict.TOO_LATE
    return verdict, int(seen[-1])


def admit(segment: Segment, plays: Plays, chosen: Ints, tallies: Ints, week: int, rules: Rules) -> WeekDelta:
    """Enter the valid plays of one week, the rows `chosen`, into its segment; tallies is updated in place."""
    before = int(segment.used[0])
    segment.reserve(chosen.size, int(np.diff(plays.credit)[chosen].sum()))
    changed = np.empty(4 * chosen.size, np.int32)
    sign = np.empty(4 * chosen.size, np.int8)
    n = _admit(
        segment.rows, segment.artists, segment.slots, segment.groups, segment.group_slots, segment.used,
        plays, chosen, rules.counted_from_ms, rules.daily_cap, tallies, changed, sign,
    )  # fmt: skip
    counts = count_changes(
        segment.rows, segment.artists, changed[:n], sign[:n], week_start(week), np.array(rules.weights)
    )
    return WeekDelta(_added(segment, before), counts)


@njit(cache=True, nogil=True)
def _admit(
    rows: Rows, artists: Ints, slots: dedupe.Slots, groups: caps.Groups, group_slots: dedupe.Slots, used: Ints,
    plays: Plays, chosen: Ints, counted_from: int, cap: int, tallies: Ints, changed: Any, sign: Any,
) -> int:  # fmt: skip
    """The loop over plays; returns the number of entries in changed (rows) and sign (+1 counts now, -1 no longer)."""
    n = 0
    for i in chosen:
        row = used[0]
        rows[row].event_id = plays.event_id[i]
        rows[row].user_id = plays.user_id[i]
        rows[row].track_id = plays.track_id[i]
        rows[row].started_at = plays.started_at[i]
        rows[row].played_ms = plays.played_ms[i]
        rows[row].country = plays.country[i]
        rows[row].tier = plays.tier[i]
        rows[row].verdict = COUNTED
        rows[row + 1].credit = _credit(artists, rows[row].credit, plays.artists[plays.credit[i] : plays.credit[i + 1]])
        rival = dedupe.register(rows, artists, slots, row)
        if rival == dedupe.SAME:
            tallies[DUPLICATE] += 1
            continue
        used[0] += 1
        if rival == dedupe.LOST:
            rows[row].verdict = CONFLICT
            tallies[CONFLICT] += 1
            continue
        if rival >= 0:  # the newcomer wins: the payload that stood so far becomes the conflict
            was = rows[rival].verdict
            _judge(rows, tallies, rival, CONFLICT)
            if was != TOO_SHORT:
                group = caps.group_of(rows, groups, group_slots, rival, used[1])
                heir = caps.withdraw(rows, groups, group, rival, was == COUNTED)
                n = _change(changed, sign, n, rival, -1) if was == COUNTED else n
                if heir != END:
                    _judge(rows, tallies, heir, COUNTED)
                    n = _change(changed, sign, n, heir, 1)
        if rows[row].played_ms < counted_from:
            rows[row].verdict = TOO_SHORT
            tallies[TOO_SHORT] += 1
            continue
        group = caps.group_of(rows, groups, group_slots, row, used[1])
        used[1] += group == used[1]
        tallies[COUNTED] += 1
        n = _change(changed, sign, n, row, 1)
        over = caps.place(rows, groups, group, row, cap)
        if over != END:
            _judge(rows, tallies, over, OVER_CAP)
            n = _change(changed, sign, n, over, -1)
    return n


@njit(cache=True, nogil=True)
def _judge(rows: Rows, tallies: Ints, row: int, to: int) -> None:
    """Revise a verdict, and the tallies with it."""
    tallies[rows[row].verdict] -= 1
    tallies[to] += 1
    rows[row].verdict = to


@njit(cache=True, nogil=True)
def _change(changed: Any, sign: Any, n: int, row: int, by: int) -> int:
    changed[n] = row
    sign[n] = by
    return n + 1


@njit(cache=True, nogil=True)
def _credit(artists: Ints, start: int, credited: Ints) -> int:
    """Write the credits of a play from `start` on, sorted and each once (their order in the message means nothing); where they end."""
    end = start
    for artist in credited:
        at = end
        while at > start and artists[at - 1] > artist:
            at -= 1
        if at > start and artists[at - 1] == artist:
            continue
        for j in range(end, at, -1):
            artists[j] = artists[j - 1]
        artists[at] = artist
        end += 1
    return end


def _added(segment: Segment, start: int) -> Plays:
    """The rows from `start` on as Plays of their own, copied: the segment may grow under a view."""
    end = int(segment.used[0])
    rows = segment.rows[start : end + 1]
    first = int(rows["credit"][0])
    end_of_credits = int(rows["credit"][-1])
    return Plays(
        **{name: rows[name][:-1].copy() for name in Plays._fields[:-2]},
        credit=rows["credit"].astype(np.int64) - first,
        artists=segment.artists[first:end_of_credits].copy(),
    )
