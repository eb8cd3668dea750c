"""A recorded group as a picture: one bar a contestant, ours in a colour of its own. The same results give the same bytes."""

import re
from typing import Any

from shared.output import human_seconds
from shared.svg import row_plot

NUMBER = re.compile(r"[\d,]*\.?\d+")


def picture(title: str, result: dict[str, Any], column: str) -> str:
    """An SVG of `column` (`median`, or one that is shown), as recorded; the contestants that lack it are left out.

    Ours are those whose names begin with «ours» or «linernotes».
    """
    # «normal: ours», «normal: greedy»: what all begin with is the group's and not the contestant's
    heads, rows = {row["contestant"].partition(": ")[0] for row in result["rows"]}, []
    for row in result["rows"]:
        text = human_seconds(row["median_s"]) if column == "median" else str(row.get("show", {}).get(column, ""))
        value = row["median_s"] if column == "median" else number(text)
        if value is not None:
            name = row["contestant"].partition(": ")[2] if len(heads) == 1 else row["contestant"]
            rows.append((name or row["contestant"], value, text.split(" (")[0]))
    ours = frozenset(name for name, _, _ in rows if name.startswith(("ours", "linernotes")))
    return row_plot(title, sorted(rows, key=lambda row: (row[0] not in ours, row[1], row[0])), ours)


def number(text: str) -> float | None:
    """The first number in a cell: `2,719 µs` → 2719.0; None where there is none."""
    found = NUMBER.search(text)
    return float(found[0].replace(",", "")) if found else None
