"""The verbs that judge: `evaluate` on groups, `fairness` over sessions, and `capacity`."""

import argparse
from pathlib import Path
from typing import Any

from jam_recs.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.errors import BadInput
from shared.output import print_json

MOST_GROUPS = 5_000


def add_verbs(verbs: Any) -> None:
    """Add them."""
    evaluate = verbs.add_parser(
        "evaluate", help="every way to recommend to groups, on AGREE files; ties and leaks counted"
    )
    evaluate.add_argument("--groups", type=Path, required=True, metavar="DIR",
                          help="groupMember, userRatingTrain, groupRatingTrain, …Test and …Negative.txt")  # fmt: skip
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_evaluate)

    fair = verbs.add_parser("fairness", help="who gets how much over a whole session, by strategy")
    fair.add_argument(
        "--interactions", type=Path, help="file of `user TAB artist TAB plays`; default: what Discover Weekly counted"
    )
    fair.add_argument("--sessions", type=int, default=200, help="groups of each kind (%(default)s)")
    fair.add_argument("--seed", type=int, default=1)
    fair.add_argument("--json", action="store_true")
    fair.set_defaults(run=_fairness)
    add_capacity_verb(verbs, Assumptions, estimate)


def _evaluate(arguments: argparse.Namespace) -> None:
    from jam_recs.groups import evaluate_groups, print_table

    report = evaluate_groups(arguments.groups)
    if arguments.json:
        print_json(report)
    else:
        print_table(report)


def _fairness(arguments: argparse.Namespace) -> None:
    from jam_recs.fairness import fairness, print_table, published_plays, read_plays
    from shared.bootstrap import engines

    if not 2 <= arguments.sessions <= MOST_GROUPS:
        raise BadInput(f"--sessions {arguments.sessions}: expected 2 … {MOST_GROUPS}")
    with engines() as opened:
        plays = read_plays(arguments.interactions) if arguments.interactions else published_plays(opened.lake)
    report = fairness(plays, arguments.sessions, arguments.seed)
    if arguments.json:
        print_json(report)
    else:
        print_table(report)
