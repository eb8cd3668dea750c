"""`liner wrapped`: demo, run, import, show, card, forget, serve, capacity."""

import argparse
import re
from pathlib import Path
from typing import Any

from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from wrapped.capacity import Assumptions, estimate

ZONE_HELP = "IANA name of the time zone the days and hours are counted in, such as Europe/Stockholm"


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="the year of every user of the small world, and one user's story")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium", "large"))
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    run = verbs.add_parser("run", help="the year on a world, or on your own Parquet")
    run.add_argument(
        "--plays",
        type=Path,
        required=True,
        help="a world's folder, or Parquet: user_id, artist, track, started_at, played_ms[, genre, time_zone]",
    )
    run.add_argument("--year", type=_year, required=True)
    run.add_argument("--out", type=Path, required=True, help="folder of the lake to publish into")
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)

    own = verbs.add_parser(
        "import", help="your own year, from a Spotify export or a list of scrobbles; nothing leaves this machine"
    )
    own.add_argument("path", type=Path, help="the export as zip or folder, or one .json, .csv or .jsonl file")
    own.add_argument("--year", type=_year, required=True)
    own.add_argument("--timezone", default="UTC", help=ZONE_HELP + " (%(default)s)")
    own.add_argument("--card", type=Path, help="write the summary card here, as .png or .svg")
    own.add_argument("--story", type=Path, help="write every card into this folder, as PNG")
    own.add_argument("--json", action="store_true")
    own.set_defaults(run=_import)

    for verb, what in (("show", "what a user's published year says"), ("card", "draw a user's cards")):
        parser = verbs.add_parser(verb, help=what)
        parser.add_argument("user", type=_user)
        parser.add_argument("--year", type=_year, help="default: the newest that was published")
        parser.add_argument("--lake", type=Path, help="the --out of a run; default: LINER_HOME's")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=_show if verb == "show" else _card)
    parser.add_argument("--name", default="summary", help="which card; `all` for the whole story (%(default)s)")
    parser.add_argument("--out", type=Path, help=".png or .svg file, or a folder for `all` (card.png, or cards)")

    gone = verbs.add_parser("forget", help="delete a user from all that was published and from every later run")
    gone.add_argument("user", type=_user)
    gone.add_argument("--lake", type=Path, help="the --out of a run; default: LINER_HOME's")
    gone.add_argument("--json", action="store_true")
    gone.set_defaults(run=_forget)

    service = verbs.add_parser("serve", help="the page of stories, on this machine only")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "wrapped", "wrapped/"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _year(text: str) -> int:
    if not text.isdigit() or not 2006 <= int(text) <= 2050:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a year from 2006 to 2050")
    return int(text)


def _user(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,19}", text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a user_id, a whole number of 64 bits")
    return int(text)


def _demo(arguments: argparse.Namespace) -> None:
    from wrapped.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _run(arguments: argparse.Namespace) -> None:
    from wrapped.demo import run_files

    run_files(arguments.plays, arguments.year, arguments.out, arguments.json)


def _import(arguments: argparse.Namespace) -> None:
    from wrapped.importer.report import import_and_report

    import_and_report(
        arguments.path, arguments.year, arguments.timezone, arguments.card, arguments.story, arguments.json
    )


def _show(arguments: argparse.Namespace) -> None:
    from wrapped.demo import show

    show(arguments.user, arguments.year, arguments.lake, arguments.json)


def _forget(arguments: argparse.Namespace) -> None:
    from wrapped.demo import forget_user

    forget_user(arguments.user, arguments.lake, arguments.json)


def _card(arguments: argparse.Namespace) -> None:
    from wrapped.demo import write_user_cards

    out = arguments.out or Path("cards" if arguments.name == "all" else "card.png")
    write_user_cards(arguments.user, arguments.year, arguments.lake, arguments.name, out, arguments.json)
