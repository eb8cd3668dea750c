"""What the commands do: a run over somebody's files, one chart of the last run, the story of one event."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from rich.cells import set_cell_size

from charts.close import GLOBAL
from charts.files import IDS, Input, read_files
from charts.pipeline import Run, replay
from charts.rules import TIERS, Rules, parse_week
from charts.views import Views, current_run, names, open_stores, publish_names, set_current
from charts.why import why
from shared.bootstrap import Engines
from shared.clock import DEMO_NOW, WEEK_MS
from shared.errors import BadInput, NotFound
from shared.output import size_of

PARTITIONS = 1
"""A file on one machine is one partition: one process counts it anyway, and ids are compared across all its users."""
CHUNK_PLAYS = 400_000


def run_files(engines: Engines, path: str) -> dict[str, Any]:
    """Count the plays of a file or folder through the log, close what is due, and report every chart and every rejection.

    The same files give the same run, which goes on where an interrupted one stopped.
    """
    given = read_files(path)
    rules = Rules()
    run = Run(_digest(given, rules), engines.settings.home)
    _set_clock(engines)
    for column, texts in given.texts.items():
        publish_names(engines.lake, run, IDS[column], texts, ids=True)
    with engines.lake.alone(f"{run.dataset}/running"):  # two at once would both find an empty log, and fill it twice
        replay(engines, run, _chunks(given.plays), PARTITIONS, rules)
    set_current(run)
    return report(engines, run, rules, given)


def _set_clock(engines: Engines) -> None:
    """The synthetic world ends with 2026; whoever replays it on an older machine should not read «in the future»."""
    now = max(engines.clock(), DEMO_NOW + 6 * WEEK_MS)
    engines.clock = lambda: now


def _digest(given: Input, rules: Rules) -> str:
    """A name for a run: 12 hex digits over the rules, the bytes of the plays, and the texts behind their numbers."""
    digest = hashlib.sha256(repr(rules).encode())
    texts = [pa.record_batch({column: each}) for column, each in given.texts.items()]
    for batch in [given.plays, *texts]:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        digest.update(sink.getvalue())
    return digest.hexdigest()[:12]


def _chunks(plays: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield from (plays.slice(start, CHUNK_PLAYS) for start in range(0, plays.num_rows, CHUNK_PLAYS))


def report(engines: Engines, run: Run, rules: Rules, given: Input | None = None) -> dict[str, Any]:
    """Everything about a run as JSON: accounting, weeks, charts of every scope and week, corrections."""
    with open_views(engines, run, rules) as views:
        accounting = views.accounting()
        if given:
            accounting["read"] += given.unreadable_rows
            accounting["rejected"]["unreadable_row"] = given.unreadable_rows
        weeks = views.weeks()
        return {
            "rules": {
                "version": rules.version,
                "units_per_play": dict(zip(TIERS, rules.weights, strict=True)),
                "daily_cap": rules.daily_cap,
            },
            "plays": accounting,
            "weeks": [{**views.state(week), "days": views.days(week)} for week in weeks],
            "charts": views.charts(),
            "corrections": [correction for week in weeks for correction in views.corrections(week)],
            "state": {"path": str(run.folder), "size": size_of(run.folder)},
        }


@contextmanager
def open_views(engines: Engines, run: Run, rules: Rules) -> Iterator[Views]:
    """The views of a run, its files closed after the block."""
    stores = open_stores(run)
    if not stores:
        raise NotFound(f"{run.folder}: no charts yet; run `liner charts demo` or `liner charts run --plays FILE`")
    try:
        yield Views(engines, run, rules, stores)
    finally:
        for store in stores:
            store.close()


def show(engines: Engines, scope: str, week: str | None) -> dict[str, Any]:
    """One chart of the last run, the newest when no week is named."""
    with open_views(engines, current_run(engines.settings.home), Rules()) as views:
        weeks = views.weeks()
        if not weeks and week is None:
            raise NotFound("no play was counted in the last run, so there is no week; name one with --week")
        return views.chart(scope, parse_week(week) if week else weeks[-1])


def explain(engines: Engines, event: str) -> list[dict[str, Any]]:
    """Every arrival of an event of the last run, with its verdict, its ids as the input had them."""
    run = current_run(engines.settings.home)
    _set_clock(engines)
    known = {column: names(engines.lake, run, what) for column, what in IDS.items()}
    texts = {column: found for column, (found, are_ids) in known.items() if are_ids}
    events = texts.get("event_id", [])
    if events and event not in events:
        raise NotFound(f"event {event!r}: not in the log of the last run")
    try:
        arrivals = why(engines, run, events.index(event) if events else int(event), Rules())
    except ValueError:
        raise BadInput(f"event {event!r}: expected an integer, as the ids of the last run are") from None
    return [{**row, **{column: _as_given(row[column], found) for column, found in texts.items()}} for row in arrivals]


def _as_given(number: Any, texts: list[str]) -> Any:
    """The text behind a number, or behind each number of a list; null stays null."""
    if isinstance(number, list):
        return [_as_given(each, texts) for each in number]
    return None if number is None else texts[number]


def print_report(found: dict[str, Any]) -> None:
    """A run for a person: the accounting, and the newest global chart."""
    plays = found["plays"]
    print(f"{plays['read']:,} plays came, {plays['counted']:,} counted; rejected:")
    for reason, count in plays["rejected"].items():
        if count:
            print(f"  {reason:22} {count:>12,}")
    newest = [chart for chart in found["charts"] if chart["scope"] == GLOBAL][-1:]
    for chart in newest:
        print_chart(chart)
    print(f"state: {found['state']['path']} ({found['state']['size']})")


def print_chart(chart: dict[str, Any], places: int = 50) -> None:
    """One chart for a person. Units are shown whole; in the data they are sixths."""
    revision = f", revision {chart['revision']}" if chart["revision"] else ""
    print(f"\n{chart['scope']}, week of Friday {chart['week']} ({chart['state']}{revision})")
    if not chart["rows"]:
        print("  nobody listened")
    for row in chart["rows"][:places]:
        print("  " + line(row))


MARKS = {"new": "new", "re-entry": "re ", "up": "▲", "down": "▼", "same": "="}


def line(row: dict[str, Any]) -> str:
    """One place as text: rank, movement, artist, units, peak and weeks."""
    moved = "" if row["last_week"] is None else f"{abs(row['last_week'] - row['rank']) or '':>2}"
    place = f"{row['rank']:>3} {MARKS[row['status']] + moved:<4} {set_cell_size(row['artist'], 32)}"
    return f"{place} {row['units'] / 6:>10,.1f} units  peak {row['peak']:>2}  weeks {row['weeks']:>2}"
