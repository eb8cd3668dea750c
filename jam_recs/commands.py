"""`liner jam-recs`: demo, serve, loadtest, replay; evaluate, fairness, capacity."""

import argparse
from pathlib import Path
from typing import Any

from jam_recs import judging
from shared.console.serve import add_address
from shared.output import print_json


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="a party of four on a server that is killed in the middle of it")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium"))
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    serve = verbs.add_parser("serve", help="the rooms and their page, until interrupted")
    add_address(serve)
    serve.add_argument(
        "--numbered", action="store_true", help="tracks are mere numbers, nothing is recommended: for load"
    )
    serve.set_defaults(run=_serve)

    load = verbs.add_parser(
        "loadtest", help="rooms × members on a server process of its own; delivered rate, p50, p99, order"
    )
    load.add_argument("--rooms", type=int, default=500)
    load.add_argument("--members", type=int, default=6)
    load.add_argument("--rate", type=int, default=2_000, help="wishes a second, open loop (%(default)s)")
    load.add_argument("--seconds", type=int, default=10)
    load.add_argument("--stalled", type=int, default=0, help="rooms of which one member stops reading")
    load.add_argument("--json", action="store_true")
    load.set_defaults(run=_loadtest)

    replay = verbs.add_parser("replay", help="apply a log from its first op; print the state hash of every room")
    replay.add_argument("log", type=Path, nargs="?", metavar="LOG", help="rooms.log of a server (default: the demo's)")
    replay.add_argument("--json", action="store_true")
    replay.set_defaults(run=_replay)
    judging.add_verbs(verbs)


def _demo(arguments: argparse.Namespace) -> None:
    from jam_recs.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _serve(arguments: argparse.Namespace) -> None:
    from fastapi import FastAPI

    from jam_recs.process import numbered_library
    from jam_recs.server import tune_process
    from jam_recs.service import MAX_SOCKETS, router
    from shared.bootstrap import engines
    from shared.console.app import build_app
    from shared.console.serve import run_app

    with engines() as opened:
        print(f"http://{arguments.host}:{arguments.port}/jam-recs/  (Ctrl-C ends it)", flush=True)
        app: Any = FastAPI() if arguments.numbered else build_app(opened, "jam_recs")
        if arguments.numbered:
            app.include_router(router(opened, numbered_library()))
        tune_process()
        run_app(app, arguments.host, arguments.port, MAX_SOCKETS + 512)


def _loadtest(arguments: argparse.Namespace) -> None:
    from jam_recs.loadtest import loadtest, print_report

    report = loadtest(arguments.rooms, arguments.members, arguments.rate, arguments.seconds, arguments.stalled)
    if arguments.json:
        print_json(report)
    else:
        print_report(report)


def _replay(arguments: argparse.Namespace) -> None:
    from jam_recs.log import replay, state_hash
    from shared.settings import Settings

    path = arguments.log or Settings().home / "jam_recs" / "rooms.log"
    rooms, ops, snapshots = replay(path)
    hashes = {name: {"version": room.version, "hash": state_hash(room)} for name, room in rooms.items()}
    if arguments.json:
        print_json({"log": str(path), "ops": ops, "snapshots": snapshots, "rooms": hashes})
        return
    for name, found in hashes.items():
        print(f"{name}  version {found['version']:>7,}  {found['hash']}")
    print(f"{path}  {len(rooms):,} rooms, {ops:,} ops; {snapshots:,} snapshots equal the replay to the byte")
