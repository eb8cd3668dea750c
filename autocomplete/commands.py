"""`liner autocomplete`: demo, build, suggest, evaluate, serve, capacity."""

import argparse
from pathlib import Path
from typing import Any

from autocomplete.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address
from shared.output import print_json


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="index the world's names and answer as you type")
    demo.add_argument("--size", default="small", choices=("tiny", "small", "medium"))
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)

    build = verbs.add_parser("build", help="an index of your own terms")
    build.add_argument("--terms", type=Path, required=True, help="TSV, CSV or Parquet: text,weight[,type][,id]")
    build.add_argument("--out", type=Path, required=True, help="folder of the index")
    build.add_argument("--json", action="store_true")
    build.set_defaults(run=_build)

    suggest = verbs.add_parser("suggest", help="the suggestions for one text")
    suggest.add_argument("--index", type=Path, required=True, help="folder of the index")
    suggest.add_argument("text", metavar="TEXT")
    suggest.add_argument("-k", type=int, default=5, help="how many (%(default)s)")
    suggest.add_argument("--json", action="store_true")
    suggest.set_defaults(run=_suggest)

    evaluate = verbs.add_parser("evaluate", help="success, rank and CPU time on recorded queries")
    evaluate.add_argument("--index", type=Path, required=True, help="folder of the index")
    evaluate.add_argument("--queries", type=Path, required=True, help="TSV or CSV: typed,wanted")
    evaluate.add_argument("--json", action="store_true")
    evaluate.set_defaults(run=_evaluate)

    serve = verbs.add_parser("serve", help="GET /autocomplete/suggest?q=…, and the page")
    serve.add_argument("--index", type=Path, help="folder of the index (default: the demo's)")
    add_address(serve)
    serve.set_defaults(run=_serve)
    add_capacity_verb(verbs, Assumptions, estimate)


def _demo(arguments: argparse.Namespace) -> None:
    from autocomplete.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _build(arguments: argparse.Namespace) -> None:
    from autocomplete.pipeline import build_from_file
    from shared.output import size_of

    built = build_from_file(arguments.terms, arguments.out)
    if arguments.json:
        print_json({"index": str(arguments.out), "terms": len(built), "bytes": built.bytes, "digest": built.digest})
    else:
        print(f"{arguments.out}  {len(built):,} terms, {size_of(arguments.out)}, digest {built.digest}")


def _suggest(arguments: argparse.Namespace) -> None:
    from autocomplete.demo import print_answer
    from autocomplete.index import load
    from autocomplete.service import as_json
    from autocomplete.suggest import Suggester

    answer = Suggester(load(arguments.index)).suggest(arguments.text, arguments.k)
    if arguments.json:
        print_json(as_json(answer))
    else:
        print_answer(answer)


def _evaluate(arguments: argparse.Namespace) -> None:
    from autocomplete.evaluate import evaluate_file, print_report
    from autocomplete.index import load
    from autocomplete.suggest import Suggester

    report = evaluate_file(Suggester(load(arguments.index)), arguments.queries)
    if arguments.json:
        print_json(report)
    else:
        print_report(report)


def _serve(arguments: argparse.Namespace) -> None:
    from autocomplete.index import verify
    from autocomplete.service import index_folder, keystroke_first
    from shared.bootstrap import engines
    from shared.console.app import build_app
    from shared.console.serve import run_app

    with engines() as opened:
        folder = arguments.index or index_folder(opened)
        verify(folder)  # every byte, once, before anybody is answered
        print(f"http://{arguments.host}:{arguments.port}/autocomplete/  (Ctrl-C ends it)", flush=True)
        run_app(keystroke_first(build_app(opened, "autocomplete"), folder), arguments.host, arguments.port)
