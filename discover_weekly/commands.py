"""`liner discover-weekly`: demo, run, evaluate, show, serve, capacity."""

import argparse
from typing import Any

from discover_weekly.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from shared.output import print_json


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="make the small world and this Monday's lists, and judge the models")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium"))
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    run = verbs.add_parser("run", help="the week on your own Parquet files")
    run.add_argument("--plays", required=True, help="file or folder: user_id, track_id, started_at, played_ms")
    run.add_argument(
        "--catalogue", required=True, help="file or folder: track_id, title, artist_ids, recording, released"
    )
    run.add_argument("--users", required=True, help="file or folder: user_id, country")
    run.add_argument("--week", required=True, help="ISO week, such as 2026-W48")
    run.add_argument("--out", required=True, help="folder of the lake to publish into")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)

    evaluate = verbs.add_parser("evaluate", help="popularity, iALS, EASE and their blend on your own interactions")
    evaluate.add_argument(
        "--interactions", required=True, help="CSV, TSV or Parquet: user_id,item_id[,weight][,timestamp]"
    )
    evaluate.add_argument("--test", help="the other file of a given split")
    evaluate.add_argument("--protocol", choices=("strong", "given"), help="given when --test is there, else strong")
    evaluate.add_argument(
        "--min-interactions", type=int, default=1, metavar="N", help="keep users and items with N and more"
    )
    evaluate.add_argument("--models", help="comma-separated: popularity,ials,ease,blend")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_evaluate)

    show = verbs.add_parser("show", help="one user's list of the current week")
    show.add_argument("user", type=int)
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_show)

    service = verbs.add_parser("serve", help="GET /discover-weekly/{user}")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "discover_weekly", "discover-weekly/0"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _demo(arguments: argparse.Namespace) -> None:
    from discover_weekly.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _run(arguments: argparse.Namespace) -> None:
    from discover_weekly.demo import run_files

    report = run_files(
        arguments.plays, arguments.catalogue, arguments.users, arguments.week, arguments.out, arguments.seed
    )
    if arguments.json:
        print_json(report)
    else:
        print("\n".join(f"{name:24} {value}" for name, value in report.items()))


def _evaluate(arguments: argparse.Namespace) -> None:
    from discover_weekly.evaluate import evaluate_files, print_table

    report = evaluate_files(
        arguments.interactions, arguments.test, arguments.protocol, arguments.min_interactions, arguments.models
    )
    if arguments.json:
        print_json(report)
    else:
        print_table(report)


def _show(arguments: argparse.Namespace) -> None:
    from discover_weekly.demo import print_list
    from discover_weekly.service import read_list
    from shared.bootstrap import engines

    with engines() as opened:
        found = read_list(opened, arguments.user)
    if arguments.json:
        print_json(found)
    else:
        print_list(found)
