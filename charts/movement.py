"""Movement: last week, peak, weeks on the chart, streak, new and re-entries, from ranks alone.

«Last week» is the chart before this one, whatever the calendar says. Peak and weeks count every chart up to and
including this one; a streak is broken by an absence, the number of weeks is not. An entry is known again when only
capitals, spaces, apostrophes or Unicode forms differ: printed charts spell one artist «Breland» in one week and
«BRELAND» in the next, and a chart that believes them prints a false new entry.
"""

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple


class Movement(NamedTuple):
    """How one place came about. last_week: rank on the chart before, None when it was not on it; streak: charts in a row."""

    last_week: int | None
    peak: int
    weeks: int
    streak: int
    status: str  # new, re-entry, up, down, same


def movements(charts: Iterable[Sequence[tuple[int, Hashable]]]) -> list[list[Movement]]:
    """For each chart, in order of time, the movement of each of its (rank, entry), in the order given.

    An entry that stands twice on one chart counts once, with its better rank.
    """
    history: dict[Hashable, Movement] = {}
    previous: dict[Hashable, int] = {}
    result = []
    for chart in charts:
        best: dict[Hashable, int] = {}
        for rank, entry in chart:
            best[entry] = min(rank, best.get(entry, rank))
        now = {entry: _moved(rank, previous.get(entry), history.get(entry)) for entry, rank in best.items()}
        result.append([now[entry] for _, entry in chart])
        history |= now
        previous = best
    return result


def _moved(rank: int, last_week: int | None, before: Movement | None) -> Movement:
    if before is None:
        return Movement(None, rank, 1, 1, "new")
    peak, weeks = min(before.peak, rank), before.weeks + 1
    if last_week is None:
        return Movement(None, peak, weeks, 1, "re-entry")
    status = "same" if rank == last_week else "up" if rank < last_week else "down"
    return Movement(last_week, peak, weeks, before.streak + 1, status)


def same_entry(printed: str) -> str:
    """A printed name as a key: Unicode form, capitals, apostrophes and runs of spaces do not tell entries apart."""
    plain = unicodedata.normalize("NFKC", printed).replace("\u2019", "'").replace("\u2018", "'")
    return " ".join(plain.casefold().split())
