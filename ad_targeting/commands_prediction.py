"""The verbs on somebody's own files: `replay` (auctions), `ctr` (clicks)."""

import argparse
from typing import Any

from shared.output import print_json


def add_prediction_verbs(verbs: Any) -> None:
    """Add `replay` and `ctr`."""
    replay = verbs.add_parser("replay", help="pace one campaign through your own second-price auctions")
    replay.add_argument("--train", required=True, help="yesterday: lines of `click market_price pctr …`, no header")
    replay.add_argument("--log", required=True, help="the day to bid in, in the same layout")
    replay.add_argument("--budget-share", default="1/4,1/8,1/16,1/32", help="budgets as shares of the log's cost")
    replay.add_argument("--json", action="store_true")
    replay.set_defaults(run=_replay)

    ctr = verbs.add_parser("ctr", help="predict clicks on your own table, trained on one file and judged on another")
    ctr.add_argument("--train", required=True, help="CSV with a header; empty cells are allowed")
    ctr.add_argument("--test", required=True, help="CSV with the same columns")
    ctr.add_argument("--label", default="click", help="the column of 0 and 1")
    ctr.add_argument("--json", action="store_true")
    ctr.set_defaults(run=_ctr)


def _replay(arguments: argparse.Namespace) -> None:
    from ad_targeting.replay_files import print_table, replay_files

    report = replay_files(arguments.train, arguments.log, arguments.budget_share)
    if arguments.json:
        print_json(report)
    else:
        print_table(report)


def _ctr(arguments: argparse.Namespace) -> None:
    from ad_targeting.ctr_files import ctr_files

    report = ctr_files(arguments.train, arguments.test, arguments.label)
    if arguments.json:
        print_json(report)
    else:
        print("\n".join(f"{name:8} {value:.4f}" for name, value in report.items() if value is not None))
