"""`liner`: finds the systems, adds their verbs, and imports nothing heavy before a verb runs.

A system's `commands.py` has `add_verbs(verbs)`, which adds sub-parsers and sets `run=function` on each; `run(arguments)` returns
an exit code or None. Exit codes: 0 done, 1 a check or an engine failed, 2 bad input, 130 interrupted. With `--json`, standard
output is one JSON object.
"""

import argparse
import sys
from collections.abc import Sequence

from shared import systems
from shared.errors import LinerError


def build_parser() -> argparse.ArgumentParser:
    """The whole command line: one sub-command per system, and the house's own."""
    from shared import commands

    parser = argparse.ArgumentParser(
        prog="liner",
        description="Eight interview questions about a music-streaming service, each a small working system.",
    )
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for system in systems.installed():
        group = groups.add_parser(system.verb, help=system.title, description=system.answer)
        systems.load(system.commands)(group.add_subparsers(metavar="VERB", required=True))
    commands.add_verbs(groups, build_parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected failure is one line on standard error."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except LinerError as error:
        print(f"liner: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "liner: interrupted; what was published before still stands, run the same command to resume",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:  # a full disk, a folder that may not be written
        print(
            f"liner: {error.filename or 'input or output'}: {error.strerror or error}; nothing was published",
            file=sys.stderr,
        )
        return 1
