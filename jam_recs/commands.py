"""`liner jam-recs`: demo, serve, loadtest, replay; evaluate, fairness, capacity."""

import argparse
from pathlib import Path
from typing import Any


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    replay = verbs.add_parser("replay", help="read a log and print the state hash of every room")
    replay.add_argument("log", type=Path, metavar="LOG")
    replay.add_argument("--json", action="store_true")
    replay.set_defaults(run=_replay)


def _replay(arguments: argparse.Namespace) -> None:
    raise NotImplementedError(arguments.log)
