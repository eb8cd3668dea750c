"""Every cell of the kernel's years as rows, in the columns of the statement that answers the same question."""

from pathlib import Path

import wrapped
from shared.lake import Dataset, Lake
from shared.ports import Engine

SQL = Path(wrapped.__file__).parent / "sql"
STATEMENTS = sorted(path.stem for path in SQL.glob("*.sql") if path.stem != "reconcile")


def kernel_cells(years: list[dict]) -> dict[str, set[tuple]]:
    """For each statement, the rows it must return: one tuple a row."""
    cells: dict[str, set[tuple]] = {name: set() for name in STATEMENTS}
    for year in years:
        user = year["user_id"]
        totals = ("rows", "plays", "ms", "artists", "tracks", "genres", "first_day", "last_day", "history_day")
        cells["totals"].add((user, *(year[name] for name in totals)))
        for name in ("top_artists", "top_tracks", "top_genres"):
            ids, plays, ms = year[name][:5], year[name][5:10], year[name][10:]
            cells[name] |= {(user, at + 1, ids[at], plays[at], ms[at]) for at in range(5) if ids[at] >= 0}
        plays, ms = year["months"][:12], year["months"][12:]
        cells["months"] |= {(user, m, plays[m], ms[m], int(m == year["top_month"])) for m in range(12) if plays[m]}
        cells["clock"] |= {(user, at // 24, at % 24, count) for at, count in enumerate(year["clock"]) if count}
        if year["plays"]:
            cells["top_day"].add((user, *year["top_day"]))
            cells["streak"].add((user, *year["streak"]))
        if year["dry_spell"][0]:
            cells["dry_spell"].add((user, *year["dry_spell"]))
        new, new_plays, artist, artist_plays = year["discoveries"]
        if new:
            cells["discoveries"].add((user, new, new_plays, artist, artist_plays))
        cells["phases"] |= {(user, *phase) for phase in phases_by_hand(year["month_genre"])}
        if year["personality"] >= 0:
            cells["personality"].add((user, year["personality"]))
        listeners, ahead, level = (year["standings"][at : at + 5] for at in (0, 5, 10))
        cells["standings"] |= {
            (user, at + 1, listeners[at], ahead[at], level[at]) for at in range(5) if year["top_artists"][at] >= 0
        }
    return cells


def phases_by_hand(month_genre: list[int]) -> list[tuple[int, int, int]]:
    """(genre, first month, last month) of each maximal run."""
    runs: list[tuple[int, int, int]] = []
    for month, genre in enumerate(month_genre):
        if genre < 0:
            continue
        if runs and runs[-1][0] == genre and runs[-1][2] == month - 1:
            runs[-1] = (genre, runs[-1][1], month)
        else:
            runs.append((genre, month, month))
    return runs


def sql_cells(engine: Engine, lake: Lake, years: Dataset) -> dict[str, set[tuple]]:
    """The rows of each statement over the buckets that `years` was made from."""
    tables = {
        "plays": lake.dataset("wrapped/plays", years.details["buckets"]),
        "calendar": lake.dataset("wrapped/calendar", years.version),
    }
    answers = {}
    for name in STATEMENTS:
        rows = [tuple(row.values()) for row in engine.query((SQL / f"{name}.sql").read_text(), tables).to_pylist()]
        assert len(rows) == len(set(rows)), f"{name}: the same row twice"
        answers[name] = set(rows)
    return answers
