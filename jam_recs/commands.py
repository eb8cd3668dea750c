"""`liner jam-recs`: demo, serve, loadtest, replay; evaluate, fairness, capacity."""

import argparse
from pathlib import Path
from typing import Any

from jam_recs.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address
from shared.errors import BadInput
from shared.output import print_json

MOST_GROUPS = 5_000


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""

    def verb(name: str, run: Any, text: str) -> Any:
        parser = verbs.add_parser(name, help=text)
        parser.set_defaults(run=run)
        if run is not _serve:
            parser.add_argument("--json", action="store_true")
        return parser

    demo = verb("demo", _demo, "a party of four on a server that is killed in the middle of it")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium"))
    demo.add_argument("--seed", type=int, default=1)

    serve = verb("serve", _serve, "the rooms and their page, until interrupted")
    add_address(serve)

    load = verb("loadtest", _loadtest, "rooms × members on a server of its own; delivered rate, p50, p99, order")
    load.add_argument("--rooms", type=int, default=500)
    load.add_argument("--members", type=int, default=6)
    load.add_argument("--rate", type=int, default=2_000, help="wishes a second, open loop (%(default)s)")
    load.add_argument("--seconds", type=int, default=10)
    load.add_argument("--stalled", type=int, default=0, help="rooms of which one member stops reading")

    replay = verb("replay", _replay, "apply a log's ops; print the state hash of every room")
    replay.add_argument("log", type=Path, nargs="?", metavar="LOG", help="rooms.log of a server (default: the demo's)")

    evaluate = verb("evaluate", _evaluate, "every way to recommend to groups, on AGREE files; ties and leaks counted")
    evaluate.add_argument("--groups", type=Path, required=True, metavar="DIR",
                          help="groupMember, userRatingTrain, groupRatingTrain, …Test and …Negative.txt")  # fmt: skip

    fair = verb("fairness", _fairness, "who gets how much over a whole session, by strategy")
    fair.add_argument("--interactions", type=Path, help="lines of `user TAB artist TAB plays`; else Discover Weekly's")
    fair.add_argument("--sessions", type=int, default=200, help="groups of each kind (%(default)s)")
    fair.add_argument("--seed", type=int, default=1)
    add_capacity_verb(verbs, Assumptions, estimate)


def _demo(arguments: argparse.Namespace) -> None:
    from jam_recs.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _serve(arguments: argparse.Namespace) -> None:
    from jam_recs.server import tune_process
    from jam_recs.service import MAX_SOCKETS
    from shared.bootstrap import engines
    from shared.console.app import build_app
    from shared.console.serve import run_app

    with engines() as opened:
        print(f"http://{arguments.host}:{arguments.port}/jam-recs/  (Ctrl-C ends it)", flush=True)
        app = build_app(opened, "jam_recs")
        tune_process()
        run_app(app, arguments.host, arguments.port, MAX_SOCKETS + 512)


def _loadtest(arguments: argparse.Namespace) -> None:
    from jam_recs.loadtest import as_text, loadtest

    _show(arguments, loadtest(arguments.rooms, arguments.members, arguments.rate, arguments.seconds, arguments.stalled),
          as_text)  # fmt: skip


def _replay(arguments: argparse.Namespace) -> None:
    from jam_recs.log import replay, state_hash
    from shared.settings import Settings

    path = arguments.log or Settings().home / "jam_recs" / "rooms.log"
    rooms, ops, snapshots = replay(path)
    hashes = {name: {"version": room.version, "hash": state_hash(room)} for name, room in rooms.items()}
    report = {"log": str(path), "ops": ops, "snapshots": snapshots, "rooms": hashes}
    lines = [f"{name}  version {found['version']:>7,}  {found['hash']}" for name, found in hashes.items()]
    lines.append(f"{path}  {len(rooms):,} rooms, {ops:,} ops; {snapshots:,} snapshots equal the replay to the byte")
    _show(arguments, report, lambda _: "\n".join(lines))


def _evaluate(arguments: argparse.Namespace) -> None:
    from jam_recs.groups import as_text, evaluate_groups

    _show(arguments, evaluate_groups(arguments.groups), as_text)


def _fairness(arguments: argparse.Namespace) -> None:
    from jam_recs.fairness import as_text, fairness, published_plays, read_plays
    from shared.bootstrap import engines

    if not 2 <= arguments.sessions <= MOST_GROUPS:
        raise BadInput(f"--sessions {arguments.sessions}: expected 2 … {MOST_GROUPS}")
    with engines() as opened:
        plays = read_plays(arguments.interactions) if arguments.interactions else published_plays(opened.lake)
    _show(arguments, fairness(plays, arguments.sessions, arguments.seed), as_text)


def _show(arguments: argparse.Namespace, report: dict[str, Any], as_text: Any) -> None:
    """A report as one JSON object, or for a person."""
    if arguments.json:
        print_json(report)
    else:
        print(as_text(report))
