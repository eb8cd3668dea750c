"""`liner charts`: demo, run, show, why, movement, serve, capacity."""

import argparse
from typing import Any

from charts.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from shared.output import print_json


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="a simulated chart week, live: provisional, final, corrected")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium"))
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    run = verbs.add_parser("run", help="the charts of your own plays or scrobbles")
    run.add_argument("--plays", required=True, metavar="FILE|DIR", help="Parquet or CSV; columns in charts/README.md")
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)

    show = verbs.add_parser("show", help="one chart of the last run")
    show.add_argument("--scope", default="global", help="global, or a country such as SE")
    show.add_argument("--week", help="the Friday it begins on, such as 2026-11-20; default: the newest")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_show)

    why = verbs.add_parser("why", help="why a play was not counted, or that it was")
    why.add_argument("event_id")
    why.add_argument("--json", action="store_true")
    why.set_defaults(run=_why)

    movement = verbs.add_parser("movement", help="last week, peak, weeks and status of any chart's history")
    movement.add_argument("--ranks", required=True, metavar="FILE", help="CSV with the columns chart_week,rank,entry")
    movement.add_argument("--json", action="store_true")
    movement.set_defaults(run=_movement)

    service = verbs.add_parser("serve", help="GET /charts/{scope}/{week}, and the page")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "charts", "charts/"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _demo(arguments: argparse.Namespace) -> None:
    from charts.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _run(arguments: argparse.Namespace) -> None:
    from charts.run import print_report, run_files
    from shared.bootstrap import engines
    from shared.clock import system_clock

    with engines(clock=system_clock) as opened:
        report = run_files(opened, arguments.plays)
    if arguments.json:
        print_json(report)
    else:
        print_report(report)


def _show(arguments: argparse.Namespace) -> None:
    from charts.run import print_chart, show
    from shared.bootstrap import engines

    with engines() as opened:
        chart = show(opened, arguments.scope, arguments.week)
    if arguments.json:
        print_json(chart)
    else:
        print_chart(chart)


def _why(arguments: argparse.Namespace) -> None:
    from charts.run import explain
    from shared.bootstrap import engines
    from shared.clock import system_clock

    with engines(clock=system_clock) as opened:
        arrivals = explain(opened, arguments.event_id)
    if arguments.json:
        print_json({"event_id": arguments.event_id, "arrivals": arrivals})
    for arrival in [] if arguments.json else arrivals:
        print(
            f"{arrival['started_at']}  user {arrival['user_id']}  track {arrival['track_id']}: {arrival['verdict']}, {arrival['because']}"
        )


def _movement(arguments: argparse.Namespace) -> None:
    from charts.ranks import read_ranks, with_movement

    rows = with_movement(read_ranks(arguments.ranks))
    if arguments.json:
        print_json({"rows": rows})
        return
    for row in rows:
        last = "–" if row["last_week"] is None else row["last_week"]
        place = f"{row['chart_week']}  {row['rank']:>3}  last {last:>3}  peak {row['peak']:>3}  weeks {row['weeks']:>3}"
        print(f"{place}  {row['status']:8}  {row['entry']}")
