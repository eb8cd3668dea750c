"""`liner copyright-detect`: demo, serve, index, remove, scan, explain, evaluate, capacity."""

import argparse
from pathlib import Path
from typing import Any

from copyright_detect.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from shared.output import print_json


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    demo = verbs.add_parser("demo", help="a podcast with music, through the log: alarm, decision, evidence")
    demo.add_argument("--size", default="tiny", choices=("tiny", "small"), help="the world whose catalogue is indexed")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=_demo)
    service = verbs.add_parser("serve", help="upload a file or play the demo, and watch the alarm on the page")
    service.add_argument("--db", metavar="DB", help="hold files against this index; default: the demo's")
    add_address(service)
    service.set_defaults(run=_serve)
    _add_own_files(verbs)
    add_capacity_verb(verbs, Assumptions, estimate)


def _add_own_files(verbs: Any) -> None:
    """The verbs for somebody's own audio."""
    index = verbs.add_parser("index", help="an index of the audio files under a folder")
    index.add_argument("folder", metavar="DIR", type=Path)
    index.add_argument("--rights", type=Path, metavar="FILE", help="CSV of claims and licences, kept beside the index")
    index.set_defaults(run=_index)

    remove = verbs.add_parser("remove", help="take a reference out of an index")
    remove.add_argument("reference", metavar="REFERENCE")
    remove.set_defaults(run=_remove)

    what = "what of the index is in these files, from when to when"
    scan = verbs.add_parser("scan", help=what, description=f"{what}; exit code 1: some were not heard, 2: none was")
    scan.add_argument("files", metavar="FILE", nargs="+", type=Path)
    scan.add_argument("--show", default="", metavar="ID", help="the show they are of: its licences then count")
    scan.set_defaults(run=_scan)

    explain = verbs.add_parser("explain", help="why a file matches a reference, or why not")
    explain.add_argument("file", metavar="FILE", type=Path)
    explain.add_argument("reference", metavar="REFERENCE")
    explain.set_defaults(run=_explain)

    evaluate = verbs.add_parser("evaluate", help="recall, bounds and false alarms on your own music and speech")
    evaluate.add_argument("--music", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--speech", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--filler", type=Path, metavar="DIR", help="more music, always indexed and never asked for")
    evaluate.add_argument("--clips", type=int, default=100, help="clips per cell (%(default)s)")
    evaluate.add_argument("--hours", type=float, default=5.0, help="hours of mixes with unindexed music (%(default)s)")
    evaluate.add_argument("--seed", type=int, default=1)
    evaluate.set_defaults(run=_evaluate)
    for verb in (index, remove, scan, explain):
        verb.add_argument("--db", type=Path, required=True, help="folder of the index")
    for verb in (index, remove, scan, explain, evaluate):
        verb.add_argument("--json", action="store_true")


def _demo(arguments: argparse.Namespace) -> None:
    from copyright_detect.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _serve(arguments: argparse.Namespace) -> int:
    from copyright_detect.gateway import set_current_db
    from shared.settings import Settings

    if arguments.db:
        set_current_db(Settings().home / "copyright_detect", Path(arguments.db))
    return serve(arguments, "copyright_detect", "copyright-detect/")


def _index(arguments: argparse.Namespace) -> None:
    from copyright_detect.audio import show
    from copyright_detect.index import open_index
    from copyright_detect.records import SAMPLE_RATE
    from copyright_detect.rights_file import import_rights, read_rights
    from copyright_detect.scan import index_folder
    from shared.output import size_of

    if arguments.rights:
        read_rights(arguments.rights)  # what cannot be read at all stops here, before anything is written
    refused = index_folder(arguments.folder, arguments.db, [arguments.rights] if arguments.rights else [])
    index, rejected = open_index(arguments.db), []
    if arguments.rights:
        rights, rows = import_rights(arguments.rights, arguments.db)
        rows += rights.unknown(index.references)
        rejected = [f"{show(arguments.rights)} row {row}: {reason}" for row, reason in sorted(rows)]
    seconds = sum(index.reference(name).samples for name in index.references) / SAMPLE_RATE
    if arguments.json:
        counts = {"references": len(index.references), "seconds": round(seconds, 3), "version": index.version}
        print_json({"db": show(arguments.db), **counts, "refused": refused, "rights_rejected": rejected})
        return
    size = size_of(arguments.db)
    print(f"{show(arguments.db)}  {len(index.references):,} references, {seconds / 60:.1f} minutes, {size}")
    for line in refused + rejected:
        print(f"  without effect: {line}")


def _remove(arguments: argparse.Namespace) -> None:
    from copyright_detect.index import open_index, remove_reference

    remove_reference(arguments.db, arguments.reference)
    left = len(open_index(arguments.db).references)
    if arguments.json:
        print_json({"removed": arguments.reference, "references": left})
    else:
        print(f"removed {arguments.reference}; {left:,} references left")


def _scan(arguments: argparse.Namespace) -> int:
    from copyright_detect.rights_file import open_rights
    from copyright_detect.scan import print_scan, scan
    from shared.clock import from_ms, system_clock

    rights = open_rights(arguments.db)
    rows = list(scan(arguments.files, arguments.db, rights, arguments.show, from_ms(system_clock()).date()))
    report = {"files": rows}
    if arguments.json:
        print_json(report)
    else:
        print_scan(report)
    failed = sum(row["error"] is not None for row in rows)
    return 0 if not failed else 2 if failed == len(rows) else 1


def _explain(arguments: argparse.Namespace) -> None:
    from copyright_detect.scan import explain

    report = explain(arguments.file, arguments.reference, arguments.db)
    if arguments.json:
        print_json(report)
        return
    print(f"{report['file']}, {report['seconds']:.1f} s: {report['because']}")
    print(f"  {report['hits']:,} hits, {report['hits_on_one_line']:,} of them on one line")
    print(f"  peaks a second: {report['peaks_per_second']} heard, {report['reference_peaks_per_second']} stored")


def _evaluate(arguments: argparse.Namespace) -> None:
    from copyright_detect.evaluate import evaluate, print_report, read_folder

    music, speech = read_folder(arguments.music), read_folder(arguments.speech)
    filler = read_folder(arguments.filler) if arguments.filler else {}
    report = evaluate(music, list(speech.values()), filler, arguments.clips, arguments.hours, arguments.seed)
    if arguments.json:
        print_json(report)
    else:
        print_report(report)
