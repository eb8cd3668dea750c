"""The house's own verbs: `world`, `tour`, `capacity`, `console`, `cluster check`, `bench`, `clean`, `completion`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Groups = Any  # argparse's sub-parser action has no public name


def add_verbs(groups: Groups, build_parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the verbs that belong to no system."""
    from shared.console.serve import add_address, serve
    from shared.world import commands as world

    world.add_verbs(groups)

    tour = groups.add_parser("tour", help="run every system's demo on one world")
    tour.set_defaults(run=run_tour)

    console = groups.add_parser("console", help="the web console, on this machine only")
    add_address(console)
    console.set_defaults(run=serve)

    cluster = groups.add_parser("cluster", help="the engines of cluster mode").add_subparsers(
        required=True, metavar="VERB"
    )
    check = cluster.add_parser("check", help="one line per engine: version and round trip")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=run_cluster_check)

    bench = groups.add_parser("bench", help="run the benchmarks and render their tables into the READMEs")
    bench.add_argument("--size", choices=("tiny", "small", "full"), default="small")
    bench.add_argument("--only", metavar="EXPRESSION", help="pytest -k expression")
    bench.add_argument("--render", action="store_true", help="render the recorded results, run nothing")
    bench.add_argument("--check", action="store_true", help="fail when a README disagrees with the recorded results")
    bench.set_defaults(run=run_bench)

    clean = groups.add_parser("clean", help="delete everything under LINER_HOME")
    clean.set_defaults(run=run_clean)

    completion = groups.add_parser("completion", help="print the shell completion script")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    completion.set_defaults(run=lambda arguments: run_completion(arguments, build_parser()))


def run_tour(_: argparse.Namespace) -> int:
    """Run each system's demo in a process of its own and write the page that shows what each did."""
    from shared.tour import tour

    return tour()


def run_cluster_check(arguments: argparse.Namespace) -> int:
    """Ask each engine of cluster mode for its version; exit code 1 when one that is configured does not answer."""
    from dataclasses import asdict

    from shared.clock import system_clock
    from shared.cluster_check import check
    from shared.output import print_json
    from shared.settings import Settings

    reports = check(Settings(), system_clock)
    if arguments.json:
        print_json({"engines": [asdict(report) for report in reports]})
    else:
        for report in reports:
            print(report)
    return 0 if all(report.ok for report in reports) else 1


def run_bench(arguments: argparse.Namespace) -> int:
    """Run `pytest tests/bench`, record the results, render the READMEs."""
    from shared.bench import render
    from shared.bench.run import run

    root = Path.cwd()
    if not (arguments.render or arguments.check):
        run(root, arguments.size, arguments.only)
    return render.render(root, check_only=arguments.check)


def run_clean(_: argparse.Namespace) -> int:
    """Delete LINER_HOME and say how much that was."""
    import shutil

    from shared.output import size_of
    from shared.settings import Settings

    home = Settings().home.absolute()
    if home.exists():
        print(f"deleted {home} ({size_of(home)})")
        shutil.rmtree(home)
    else:
        print(f"{home} does not exist; nothing to delete")
    return 0


def run_completion(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print the completion script: `liner completion bash > ~/.local/share/bash-completion/completions/liner`."""
    import shtab

    print(shtab.complete(parser, shell=arguments.shell))
    return 0
