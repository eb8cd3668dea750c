"""The verbs that predict: `replay` (somebody's own auctions), `ctr` (their own clicks), `churn` (what ads do to staying)."""

import argparse
from typing import Any

from shared.output import print_json


def add_prediction_verbs(verbs: Any) -> None:
    """Add `replay`, `ctr` and `churn`."""
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

    churn = verbs.add_parser("churn", help="what one more ad an hour does to staying: by lot, and as it seems without")
    churn.add_argument("--listeners", type=_listeners, default=100_000, help="free listeners of a world (%(default)s)")
    churn.add_argument("--worlds", type=_worlds, default=1, help="worlds whose intervals are counted (%(default)s)")
    churn.add_argument("--seed", type=int, default=1)
    churn.add_argument("--json", action="store_true")
    churn.set_defaults(run=_churn)


def _listeners(text: str) -> int:
    return _whole(text, 10_000, 2_000_000)


def _worlds(text: str) -> int:
    return _whole(text, 1, 1_000)


def _whole(text: str, least: int, most: int) -> int:
    """An integer from least to most, for argparse."""
    value = int(text)
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{value}: expected {least:,} to {most:,}")
    return value


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


def _churn(arguments: argparse.Namespace) -> None:
    from ad_targeting.churn_worlds import print_report, report

    found = report(arguments.seed, arguments.listeners, arguments.worlds)
    if arguments.json:
        print_json(found)
    else:
        print_report(found)
