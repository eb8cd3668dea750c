"""`liner ad-targeting`: demo, simulate, frontier, replay, ctr, serve, capacity."""

import argparse
from typing import Any

from ad_targeting.capacity import Assumptions, estimate
from ad_targeting.commands_prediction import add_prediction_verbs
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve

SCENARIOS = ("normal", "spike", "outage", "more", "fewer", "edit")


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="a simulated day under every policy, and the revenue–retention frontier")
    _add_day(demo)
    demo.set_defaults(run=_demo)

    simulate = verbs.add_parser("simulate", help="one scenario under every policy, beside the most that was possible")
    simulate.add_argument("--scenario", default="normal", choices=SCENARIOS)
    _add_day(simulate)
    simulate.set_defaults(run=_simulate)

    frontier = verbs.add_parser("frontier", help="revenue against retention for κ, reserves, caps and thinning")
    _add_day(frontier)
    frontier.set_defaults(run=_frontier)

    add_prediction_verbs(verbs)
    service = verbs.add_parser("serve", help="POST /ad-targeting/decide, and the page")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "ad_targeting", "ad-targeting/"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _add_day(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slots", type=_count, default=100_000, help="ad slots of the day (%(default)s)")
    parser.add_argument("--campaigns", type=_count, default=200, help="campaigns (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")


def _count(text: str) -> int:
    """An integer from 10 to 5,000,000, for argparse."""
    value = int(text)
    if not 10 <= value <= 5_000_000:
        raise argparse.ArgumentTypeError(f"{value}: expected 10 to 5,000,000")
    return value


def _demo(arguments: argparse.Namespace) -> None:
    from ad_targeting.demo import demo

    demo(arguments.slots, arguments.campaigns, arguments.seed, arguments.json)


def _simulate(arguments: argparse.Namespace) -> None:
    from ad_targeting.demo import simulate

    simulate(arguments.scenario, arguments.slots, arguments.campaigns, arguments.seed, arguments.json)


def _frontier(arguments: argparse.Namespace) -> None:
    from ad_targeting.demo import frontier

    frontier(arguments.slots, arguments.campaigns, arguments.seed, arguments.json)
