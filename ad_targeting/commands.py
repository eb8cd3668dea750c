"""`liner ad-targeting`: demo, simulate, frontier, replay, ctr, churn, serve, capacity."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from ad_targeting.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from shared.output import print_json

SCENARIOS = ("normal", "spike", "outage", "more", "fewer", "edit")
"""A normal day; a context's traffic fivefold for three hours; the largest country away for six hours; 30 % more and fewer breaks than
yesterday; budgets edited at noon."""


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    _day_verb(verbs, "demo", "a simulated day under every policy, and the revenue–retention frontier")
    simulate = _day_verb(verbs, "simulate", "one scenario under every policy, beside the most that was possible")
    simulate.add_argument("--scenario", default="normal", choices=SCENARIOS)
    simulate.add_argument("--caps", action="store_true", help="keep frequency caps and category separation")
    _day_verb(verbs, "frontier", "revenue against retention for κ, reserves, caps and thinning")

    replay = _verb(verbs, "replay", "pace one campaign through your own second-price auctions", _replay)
    replay.add_argument("--train", required=True, help="yesterday: lines of `click market_price pctr …`, no header")
    replay.add_argument("--log", required=True, help="the day to bid in, in the same layout")
    replay.add_argument("--budget-share", default="1/4,1/8,1/16,1/32", help="budgets as shares of the log's cost")

    ctr = _verb(verbs, "ctr", "predict clicks on your own table, trained on one file and judged on another", _ctr)
    ctr.add_argument("--train", required=True, help="CSV with a header; empty cells are allowed")
    ctr.add_argument("--test", required=True, help="CSV with the same columns")
    ctr.add_argument("--label", default="click", help="the column of 0 and 1")

    churn = _verb(verbs, "churn", "what one more ad an hour does to staying: by lot, and as it seems without", _churn)
    churn.add_argument("--listeners", type=whole(10_000, 2_000_000), default=100_000, help="free listeners of a world")
    churn.add_argument("--worlds", type=whole(1, 1_000), default=1, help="worlds whose intervals are counted")
    churn.add_argument("--seed", type=int, default=1)

    service = verbs.add_parser("serve", help="POST /ad-targeting/decide, and the page")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "ad_targeting", "ad-targeting/"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _verb(verbs: Any, name: str, meaning: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=meaning)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)
    return parser


def _day_verb(verbs: Any, name: str, meaning: str) -> argparse.ArgumentParser:
    parser = _verb(verbs, name, meaning, partial(_day, name))
    parser.add_argument("--slots", type=whole(10, 5_000_000), default=100_000, help="ad slots of the day (%(default)s)")
    parser.add_argument("--campaigns", type=whole(10, 5_000), default=200, help="campaigns (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def whole(least: int, most: int) -> Callable[[str], int]:
    """An integer from least to most, for argparse."""

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value}: expected {least:,} to {most:,}")
        return value

    return parse


def _day(name: str, arguments: argparse.Namespace) -> None:
    from ad_targeting import demo

    day = arguments.slots, arguments.campaigns, arguments.seed, arguments.json
    if name == "simulate":
        demo.simulate(arguments.scenario, arguments.caps, *day)
    else:
        (demo.demo if name == "demo" else demo.frontier)(*day)


def _replay(arguments: argparse.Namespace) -> None:
    from ad_targeting.replay_files import print_table, replay_files

    report = replay_files(arguments.train, arguments.log, arguments.budget_share)
    (print_json if arguments.json else print_table)(report)


def _ctr(arguments: argparse.Namespace) -> None:
    from ad_targeting.ctr_files import ctr_files, print_quality

    report = ctr_files(arguments.train, arguments.test, arguments.label)
    (print_json if arguments.json else print_quality)(report)


def _churn(arguments: argparse.Namespace) -> None:
    from ad_targeting.churn_worlds import print_report, report

    found = report(arguments.seed, arguments.listeners, arguments.worlds)
    (print_json if arguments.json else print_report)(found)
