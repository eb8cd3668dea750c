"""What `liner wrapped import` says: the year, where every row went, and what was broken, by file, index and field.

Values are never repeated: an export holds addresses, devices and a name, and none of them is needed to find a broken row.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from shared.clock import system_clock
from shared.output import print_json
from wrapped.cards.facts import Names, facts
from wrapped.demo import check_place, print_facts, write_cards
from wrapped.importer.importer import Imported, import_year
from wrapped.importer.rows import MOST_LISTED
from wrapped.pipeline import reviews_table

MOST_SHOWN = 20


def import_and_report(path: Path, year: int, zone: str, card: Path | None, folder: Path | None, as_json: bool) -> None:
    """Import, draw what was asked for, print the year."""
    if card:
        check_place(card, folder=False)
    if folder:
        check_place(folder, folder=True)
    began = system_clock()
    imported = import_year(path, year, zone, system_clock)
    report = year_of(imported, year, zone)
    if card:
        write_cards(report, "summary", card)
    if folder:
        write_cards(report, "all", folder)
    for problem in imported.problems[:MOST_SHOWN]:
        where = problem.file if problem.row < 0 else f"{problem.file}: row {problem.row}"
        print(
            f"liner: {where}{', field ' + problem.field if problem.field else ''}: {problem.problem}", file=sys.stderr
        )
    if len(imported.problems) > MOST_SHOWN:
        print(f"liner: … and more broken rows; --json lists {MOST_LISTED:,}, and counts all", file=sys.stderr)
    if as_json:
        print_json(report)
        return
    print_facts(report)
    rows = report["rows"]
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in rows["rejected"].items() if count) or "none"
    print(
        f"\n  {rows['read']:,} rows read = {rows['loaded']:,} loaded + {rows['read'] - rows['loaded']:,} rejected ({rejected})"
    )
    print(f"  in {(system_clock() - began) / 1000:.1f} s; nothing left this machine")
    for place in (card, folder):
        if place:
            print(f"  {place.absolute()}")


def year_of(imported: Imported, year: int, zone: str) -> dict[str, Any]:
    """The JSON of an import."""

    def track(at: int) -> tuple[str, str]:
        return imported.titles[at], imported.artists[imported.title_artists[at]]

    record = reviews_table(np.zeros(1, np.int64), imported.reviews).to_pylist()[0]
    said = facts(year, record, Names(lambda at: imported.artists[at], track, str))
    rows = {
        "read": imported.read,
        "loaded": imported.read - sum(imported.rejected.values()),
        "rejected": imported.rejected,
    }
    if said["interval"]:
        said["interval"]["timezone"] = zone
    problems = [
        {"file": file, "index": row, "field": field, "problem": problem}
        for file, row, field, problem in imported.problems
    ]
    return {**said, "timezone": zone, "rows": rows, "problems": problems[:MOST_LISTED]}
