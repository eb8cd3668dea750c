"""`liner copyright-detect`: demo, serve."""

import argparse
from pathlib import Path
from typing import Any

from shared.console.serve import add_address, serve


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser(
        "demo", help="a podcast with music under speech, through the log: alarm, decision, evidence"
    )
    demo.add_argument("--size", default="tiny", choices=("tiny", "small"), help="the world whose catalogue is indexed")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    service = verbs.add_parser("serve", help="upload a file or play the demo, and watch the alarm on the page")
    service.add_argument("--db", metavar="DB", help="hold files against this index; default: the demo's")
    add_address(service)
    service.set_defaults(run=_serve)


def _demo(arguments: argparse.Namespace) -> None:
    from copyright_detect.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _serve(arguments: argparse.Namespace) -> int:
    from copyright_detect.gateway import set_current_db
    from shared.settings import Settings

    if arguments.db:
        set_current_db(Settings().home / "copyright_detect", Path(arguments.db))
    return serve(arguments, "copyright_detect", "copyright-detect/")
