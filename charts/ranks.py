"""Anybody's printed charts as CSV (`chart_week,rank,entry`), checked line by line, and given back with their movement."""

import csv
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from charts.movement import movements, same_entry
from shared.errors import BadInput

COLUMNS = ("chart_week", "rank", "entry")


class Place(NamedTuple):
    """One line of the file."""

    chart_week: str  # ISO date
    rank: int
    entry: str


def read_ranks(path: str | Path) -> list[Place]:
    """The places of a file, in its order; BadInput names the first line that is none. Further columns are ignored."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise BadInput(f"{path}: no column {missing[0]!r}; expected a header with {', '.join(COLUMNS)}")
            places = [_place(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not readable as UTF-8 CSV ({error})") from error
    if not places:
        raise BadInput(f"{path}: no rows; expected one a place")
    return places


def _place(path: str | Path, line: int, row: dict[str, str | None]) -> Place:
    week, rank, entry = ((row[name] or "").strip() for name in COLUMNS)
    try:
        week = date.fromisoformat(week).isoformat()
    except ValueError:
        raise BadInput(
            f"{path}: line {line}, field 'chart_week': got {week!r}; expected a date such as 2026-11-20"
        ) from None
    if not (rank.isascii() and rank.isdigit() and len(rank) <= 6 and int(rank)):
        raise BadInput(
            f"{path}: line {line}, field 'rank': got {rank[:40]!r}; expected a whole number from 1 to 999999"
        )
    if not entry:
        raise BadInput(f"{path}: line {line}, field 'entry': empty; expected what stands at this rank")
    return Place(week, int(rank), entry)


def with_movement(places: list[Place]) -> list[dict[str, object]]:
    """Every place with last_week, peak, weeks, streak and status, by week and rank."""
    ordered = sorted(places, key=lambda place: (place.chart_week, place.rank))
    charts = [list(chart) for _, chart in groupby(ordered, key=lambda place: place.chart_week)]
    moved = movements([[(place.rank, same_entry(place.entry)) for place in chart] for chart in charts])
    return [
        {**place._asdict(), **movement._asdict()}
        for chart, movements_of_chart in zip(charts, moved, strict=True)
        for place, movement in zip(chart, movements_of_chart, strict=True)
    ]
