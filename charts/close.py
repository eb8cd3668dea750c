"""From counts to charts: provisional while the week runs, final when the stream's clock is 48 hours past it, corrected
after that.

A published chart is never changed, it gets a successor: revision 1 is the final chart, 2 and up are corrections, each
published with the difference to the one before. Charts are cut from the integer counts of all partitions with a total
order (units, then counted plays, then the smaller artist id), so two machines cut the same chart. Movement is not
stored: a correction of last week would falsify it.
"""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from operator import lt
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from charts.counts import add_counts
from charts.records import CHART, DIFF, NOWHERE, Ints, country_name
from charts.rules import Rules, is_final, week_name, week_of
from charts.store import PartitionStore
from shared.errors import Conflict, NotFound
from shared.lake import Lake

GLOBAL = "global"
SCOPES = [country_name(code) for code in range(NOWHERE)]


class Revision(NamedTuple):
    """One published state of one week: 1 is final, 2 and up are corrections; diff (DIFF) is against the one before."""

    week: int
    number: int
    chart: pa.Table
    diff: pa.Table


def daily_counts(stores: Sequence[PartitionStore], week: int) -> pa.RecordBatch:
    """COUNTS of a week over all partitions, by day, country and artist."""
    return add_counts([store.counts(week) for store in stores])


def weekly_counts(stores: Sequence[PartitionStore], week: int) -> pa.RecordBatch:
    """COUNTS of a week over all partitions and days, by country and artist."""
    return add_counts([store.counts(week) for store in stores], ("country", "artist_id"))


def cut(weekly: pa.RecordBatch, rules: Rules) -> pa.Table:
    """CHART of every scope that has plays: the global one first, then the countries by code. weekly: as of `weekly_counts`."""
    worldwide = add_counts([weekly], ("artist_id",))
    national = weekly.filter(pc.field("country") != NOWHERE)
    return pa.concat_tables([_leaders(worldwide, rules.places, [GLOBAL]), _leaders(national, rules.places, SCOPES)])


def _leaders(counts: pa.RecordBatch, places: int, scopes: list[str]) -> pa.Table:
    """CHART of the scopes, each named by its country_code's place in `scopes`."""
    columns = [counts[name].to_numpy() for name in ("country", "artist_id", "units", "plays")]
    top = _top(*columns, np.full((len(scopes), places), -1, np.int64))
    scope, rank = np.nonzero(top >= 0)
    taken = counts.take(pa.array(top[scope, rank]))
    names = pa.array(scopes, pa.string()).take(pa.array(scope))
    arrays = [names, pa.array(rank + 1), taken["artist_id"], taken["units"], taken["plays"]]
    return pa.table(arrays, names=CHART.names).cast(CHART)


@njit(cache=True, nogil=True)
def _top(country: Ints, artist: Ints, units: Ints, plays: Ints, top: Ints) -> Ints:
    """Fill top int64[scopes, places] with the rows that lead each country, in order; -1 stays where there are no more.

    The total order: units, then counted plays, then the smaller artist id (~ turns an order around).
    """
    places = top.shape[1]
    for row in range(artist.size):
        scope, at = country[row], places
        while at > 0:
            above = top[scope, at - 1]
            if above >= 0 and (units[above], plays[above], ~artist[above]) > (units[row], plays[row], ~artist[row]):
                break
            at -= 1
        for place in range(places - 1, at, -1):
            top[scope, place] = top[scope, place - 1]
        if at < places:
            top[scope, at] = row
    return top


def difference(before: pa.Table, after: pa.Table) -> pa.Table:
    """DIFF of two charts: every place that changed its rank, units or plays, entered (before is null) or left (after is null)."""
    keys = ["scope", "artist_id"]
    joined = before.join(after, keys=keys, join_type="full outer", left_suffix="_before", right_suffix="_after")
    same = pa.array(np.ones(joined.num_rows, bool))
    for name in ("rank", "units", "plays"):
        same = pc.and_(same, pc.fill_null(pc.equal(joined[f"{name}_before"], joined[f"{name}_after"]), False))
    order = [
        ("scope", "ascending"),
        ("rank_after", "ascending"),
        ("rank_before", "ascending"),
        ("artist_id", "ascending"),
    ]
    return joined.filter(pc.invert(same)).select(DIFF.names).sort_by(order).cast(DIFF)


def close_weeks(
    stores: Sequence[PartitionStore],
    lake: Lake,
    name: str,
    watermark: int,
    rules: Rules,
    stamps: dict[int, list[int]],
) -> list[Revision]:
    """Publish what is due in the datasets `name/charts/WEEK` and `name/corrections/WEEK`: finals, and corrections of closed weeks.

    Safe to be killed anywhere and run again: a revision is decided by what is published, and its difference goes first. One closer at
    a time: whoever finds another at work returns at once, and one that slept in the middle still holds the lock when it wakes.
    stamps: by week, up to which offset each partition was read when its counts last changed (`PartitionStore.weeks`). Equal stamps are
    equal counts, and who has read up to a stamp has counted what bears it. A cache of what is published, kept by the caller.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lake.alone(f"{name}/closing"))
        except Conflict:
            return []
        changed = [store.weeks() for store in stores]
        revisions = []
        for week in charted({week for weeks in changed for week in weeks}, watermark, rules):
            stamp = [weeks.get(week, -1) for weeks in changed]
            if is_final(week, watermark, rules) and stamps.get(week) != stamp:
                revisions += _publish(stores, lake, name, week, stamp, rules)
                stamps[week] = stamp
        return revisions


def charted(known: Collection[int], watermark: int, rules: Rules) -> list[int]:
    """The weeks that have a chart, ascending: those with a play, the one after each, so that an absence shows, and the quiet ones of
    the last year, which a play could still enter. One play of twenty years ago is not followed by a thousand charts of nobody.
    """
    now = week_of(watermark)
    recent = range(max(min(known, default=now + 1), week_of(watermark - rules.corrected_for_ms)), now + 1)
    return sorted({*known, *recent, *(week + 1 for week in known if week < now)})


def _publish(
    stores: Sequence[PartitionStore], lake: Lake, name: str, week: int, stamp: list[int], rules: Rules
) -> list[Revision]:
    last = published(lake, name, week)
    if last and last.details["stamp"] == stamp:
        return []
    counted = [store.next_offset() for store in stores]
    if last and last.details["rules"] == rules.version and any(map(lt, counted, last.details["stamp"])):
        return []  # a lost file was restored and has not yet counted again what is published
    before = last.table() if last else CHART.empty_table()
    chart = cut(weekly_counts(stores, week), rules)
    diff = difference(before, chart)
    unchanged = last is not None and diff.num_rows == 0
    number = (last.details["revision"] if last else 0) + (not unchanged)
    details = {"week": week_name(week), "revision": number, "rules": rules.version, "stamp": stamp}
    if last and not unchanged:
        lake.publish_table(f"{name}/corrections/{week_name(week)}", f"r{number}", diff, details)
    lake.publish_table(f"{name}/charts/{week_name(week)}", f"r{number}", chart, details)
    return [] if unchanged else [Revision(week, number, chart, diff)]


def published(lake: Lake, name: str, week: int, revision: int | None = None) -> Any:
    """The dataset of a week's newest revision (or that one), None when there is none."""
    try:
        return lake.dataset(f"{name}/charts/{week_name(week)}", None if revision is None else f"r{revision}")
    except NotFound:
        return None
