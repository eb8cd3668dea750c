"""What `liner charts demo` shows: a chart week of the synthetic world through the log, live; its closing; a correction;
and a recount.

Phones send some plays twice, and those of some listeners were offline until the week was closed. Nothing of that may
show in the chart but a numbered correction, and the recount of the whole log in SQL has to agree to the last unit.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import sleep
from typing import Any

import numpy as np
import pyarrow as pa
from rich.cells import set_cell_size

from charts.close import GLOBAL
from charts.pipeline import Consumer, Run, send
from charts.recount import recount, streamed
from charts.rules import HOUR_MS, Rules, parse_week, week_start
from charts.run import line, print_report, report
from charts.views import Views, publish_names, set_current
from charts.world import world_plays
from shared.bootstrap import Engines, engines
from shared.clock import DAY_MS, DEMO_NOW, WEEK_MS, fixed_clock, from_ms
from shared.errors import CheckFailed
from shared.lake import Lake
from shared.output import print_json, print_next
from shared.partition import free_run
from shared.settings import Settings

WEEK = "2026-11-13"
"""The last chart week that is over when the demo's clock stands on Monday, 2026-11-23."""
EARLIER_WEEKS = 4
STEP_MS = 4 * HOUR_MS
PARTITIONS = 4
SHOWN = 15
FRAME_SECONDS = 0.25  # of the replay that the page shows


def demo(size: str, seed: int, as_json: bool) -> None:
    """Make the world, replay the week, close it, correct it, recount it, and say where everything lies."""
    from shared.world import make_world

    with engines(clock=fixed_clock(DEMO_NOW)) as opened:
        world = make_world(opened.settings.home / "world" / f"{size}-{seed}", size, seed)
        run, rules = free_run(Run, opened), Rules()
        publish_artists(opened, run, world)
        set_current(run)
        start = week_start(parse_week(WEEK))
        plays = world_plays(world, start - EARLIER_WEEKS * WEEK_MS, DEMO_NOW)
        with frames(quiet=as_json) as show:
            replay_live(opened, run, plays, rules, show)
        found = report(opened, run, rules)
        found["recount"] = compare_with_recount(opened, run, rules)
    if as_json:
        print_json(found)
        return
    print_corrections(found["corrections"])
    print_report({**found, "charts": []})
    print(
        f"recount of the whole log in SQL: {found['recount']['plays']:,} plays, {found['recount']['counts']:,} counts, all equal"
    )
    print_next("liner charts capacity --listeners 1e9", "liner console", "charts/README.md")


def replay_in_background(settings: Settings, done: Callable[[], None]) -> None:
    """Replay the tiny world's week for the page, slowly enough to watch; `done` is called at the end, however it ends."""
    from shared.world import make_world

    try:
        with engines(settings, fixed_clock(DEMO_NOW)) as opened:
            world = make_world(settings.home / "world" / "tiny-1", "tiny", 1)
            run, rules = free_run(Run, opened), Rules()
            publish_artists(opened, run, world)
            plays = world_plays(world, week_start(parse_week(WEEK)) - EARLIER_WEEKS * WEEK_MS, DEMO_NOW)

            def pause(chart: dict[str, Any], _: int) -> None:
                if chart["rows"]:
                    set_current(run)
                sleep(FRAME_SECONDS)

            replay_live(opened, run, plays, rules, pause)
    finally:
        done()


def publish_artists(engines: Engines, run: Run, world: Lake) -> None:
    """Keep the names of the world's artists beside the run's charts."""
    names = world.dataset("artists").table(["name"])["name"].combine_chunks()
    publish_names(engines.lake, run, "artists", names, ids=False)


def replay_live(
    engines: Engines, run: Run, plays: pa.RecordBatch, rules: Rules, show: Callable[[dict[str, Any], int], None]
) -> None:
    """Four weeks of history at once, then the week in steps of four hours, then what phones had kept back."""
    engines.log.create(run.topic, PARTITIONS)
    consumer = Consumer(engines.log, run, rules, engines.clock)
    consumer.assign(range(PARTITIONS))
    views = Views(engines, run, rules, [own.store for own in consumer.owned.values()])
    week, start = parse_week(WEEK), week_start(parse_week(WEEK))
    started = plays.column("started_at").cast(pa.int64()).to_numpy()
    offline = (plays.column("user_id").to_numpy() % 25 == 7) & (started // DAY_MS == (start + 6 * DAY_MS) // DAY_MS)
    repeated = plays.column("event_id").to_numpy() % 40 == 3
    edges = [int(started[0]), *range(start, DEMO_NOW + 1, STEP_MS)]
    for begin, end in pairwise(edges):
        inside = (started >= begin) & (started < end)
        again = (started >= begin - STEP_MS) & (started < end - STEP_MS) & repeated
        for chosen in (inside & ~offline, again & ~offline):
            send(engines.log, run, plays.take(pa.array(np.flatnonzero(chosen))), PARTITIONS, rules)
        consumer.drain(engines)
        if end > start:
            show(views.chart(GLOBAL, week), end)
    send(engines.log, run, plays.take(pa.array(np.flatnonzero(offline))), PARTITIONS, rules)
    consumer.drain(engines)
    show(views.chart(GLOBAL, week), DEMO_NOW)
    consumer.revoke(range(PARTITIONS))


@contextmanager
def frames(quiet: bool) -> Iterator[Callable[[dict[str, Any], int], None]]:
    """A function that shows the chart at a moment: in place on a terminal, else a line whenever the state or the leader changes."""
    if quiet:
        yield lambda *_: None
    elif sys.stdout.isatty():
        from rich.live import Live
        from rich.text import Text

        with Live(auto_refresh=False) as live:
            yield lambda chart, now: live.update(Text("\n".join(_title(chart, now, SHOWN))), refresh=True)
    else:
        said: list[str] = []

        def say(chart: dict[str, Any], now: int) -> None:
            head, *places = _title(chart, now, 3)
            key = f"{chart['state']} {chart['revision']} {[row['artist_id'] for row in chart['rows'][:3]]}"
            if said[-1:] != [key]:
                said.append(key)
                print("\n".join([head, *places]), flush=True)

        yield say


def _title(chart: dict[str, Any], now: int, places: int) -> list[str]:
    moment = from_ms(now).strftime("%a %d %b %H:%M")
    return [
        f"{moment}   chart week {chart['week']}: {chart['state']}, revision {chart['revision']}",
        *map(line, chart["rows"][:places]),
    ]


def print_corrections(corrections: list[dict[str, Any]], places: int = 8) -> None:
    """The global part of each published difference."""
    for correction in corrections:
        rows = [row for row in correction["rows"] if row["scope"] == GLOBAL]
        changed = f"{len(correction['rows'])} places of all charts changed, {len(rows)} of them global"
        print(f"\nweek {correction['week']}, revision {correction['revision']}: {changed}")
        for row in rows[:places]:
            ranks = f"{row['rank_before'] or '–'} → {row['rank_after'] or '–'}"
            units = f"{(row['units_before'] or 0) / 6:,.1f} → {(row['units_after'] or 0) / 6:,.1f}"
            print(f"  {set_cell_size(row['artist'], 32)} rank {ranks:<9} units {units}")


def compare_with_recount(engines: Engines, run: Run, rules: Rules) -> dict[str, int]:
    """Recount the log in SQL; CheckFailed unless verdicts and counts are those of the stream."""
    verdicts, counts = recount(engines, run, rules)
    if streamed(run, engines, rules) != (verdicts, counts):
        raise CheckFailed("stream and recount disagree; liner charts why EVENT_ID says how a play was judged")
    units = sum(row["units"] for row in counts)
    return {"plays": sum(verdicts.values()), "counts": len(counts), "units": units}
