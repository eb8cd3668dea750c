"""What a year says, in words and numbers that can be printed: one JSON object, for the command line, the page and the cards.

Ids become names, days become dates, and what is too little to be said is left out: no personality below 50 plays, no discoveries where
less than 90 days before the year are known, no phases without genres, no standing where nobody else listens.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from wrapped.personality import NAMES, formula
from wrapped.records import MONTHS, TOP

MINUTE_MS = 60_000
LEAST_HISTORY_DAYS = 90
EPOCH = date(1970, 1, 1)
Year = Mapping[str, Any]
Json = dict[str, Any]


class Names(NamedTuple):
    """How ids are called."""

    artist: Callable[[int], str]
    track: Callable[[int], tuple[str, str]]  # title, artist
    genre: Callable[[int], str]


def facts(year: int, record: Year, names: Names) -> Json:
    """Everything worth saying about one row of `wrapped.records.YEARS`."""
    return {
        "year": year,
        "interval": _interval(record),
        "minutes": record["ms"] // MINUTE_MS,
        "ms": record["ms"],
        "plays": record["plays"],
        "distinct_artists": record["artists"],
        "distinct_tracks": record["tracks"],
        "distinct_genres": record["genres"],
        "top_artists": _top_artists(record, names),
        "top_tracks": _top_tracks(record, names),
        "top_genres": [{"name": names.genre(at), **counts} for at, counts in _ranked(record["top_genres"])],
        "top_month": f"{year}-{record['top_month'] + 1:02d}" if record["top_month"] >= 0 else None,
        "months": record["months"][:MONTHS],
        "longest_streak_days": record["streak"][0],
        "streak": _run(record["streak"]),
        "dry_spell": _run(record["dry_spell"]),
        "most_played_day": _day(record["top_day"]),
        "clock": [record["clock"][24 * weekday : 24 * weekday + 24] for weekday in range(7)],
        "skipped": {"plays": record["rows"] - record["plays"], "of": record["rows"]},
        "discoveries": _discoveries(year, record, names),
        "phases": _phases(record, names),
        "personality": _personality(record),
    }


def phases(month_genre: Sequence[int]) -> list[tuple[int, int, int]]:
    """(genre, first month, last month) of every maximal run of months with one top genre; a month without one (-1) ends a run."""
    starts = [m for m in range(MONTHS) if m == 0 or month_genre[m] != month_genre[m - 1]]
    ends = [*starts[1:], MONTHS]
    return [(month_genre[low], low, high - 1) for low, high in zip(starts, ends, strict=True) if month_genre[low] >= 0]


def _phases(record: Year, names: Names) -> list[Json]:
    runs = phases(record["month_genre"])
    return [{"genre": names.genre(genre), "from": first + 1, "to": last + 1} for genre, first, last in runs]


def day_of(number: int) -> str:
    """`2026-03-01` of days since 1970-01-01."""
    return (EPOCH + timedelta(days=number)).isoformat()


def _interval(record: Year) -> Json | None:
    """What the numbers cover: first and last day with a row of the year, and since when anything is known."""
    if record["first_day"] < 0:
        return None
    days = {"from": "first_day", "to": "last_day", "history_from": "history_day"}
    return {name: day_of(record[column]) for name, column in days.items()}


def _ranked(cells: Sequence[int]) -> list[tuple[int, Json]]:
    """(id, plays and minutes) of a top list, best first."""
    rows = zip(cells[:TOP], cells[TOP : 2 * TOP], cells[2 * TOP :], strict=True)
    return [(at, {"plays": plays, "minutes": ms // MINUTE_MS}) for at, plays, ms in rows if at >= 0]


def _top_artists(record: Year, names: Names) -> list[Json]:
    """With the standing among all listeners of the artist, where there are others."""
    listeners, ahead, level = (record["standings"][at : at + TOP] for at in (0, TOP, 2 * TOP))
    found = []
    for place, (artist, counts) in enumerate(_ranked(record["top_artists"])):
        standing = {"listeners": listeners[place], "ahead": ahead[place], "level": level[place]}
        found.append(
            {"name": names.artist(artist), **counts, **({"standing": standing} if listeners[place] > 1 else {})}
        )
    return found


def _top_tracks(record: Year, names: Names) -> list[Json]:
    found = []
    for track, counts in _ranked(record["top_tracks"]):
        title, artist = names.track(track)
        found.append({"name": title, "artist": artist, **counts})
    return found


def _run(cells: Sequence[int]) -> Json | None:
    days, first = cells
    return {"days": days, "from": day_of(first), "to": day_of(first + days - 1)} if days else None


def _day(cells: Sequence[int]) -> Json | None:
    day, plays, ms = cells
    return {"date": day_of(day), "plays": plays, "minutes": ms // MINUTE_MS} if plays else None


def _discoveries(year: int, record: Year, names: Names) -> Json | None:
    artists, plays, top, top_plays = record["discoveries"]
    if not artists or record["history_day"] > (date(year, 1, 1) - EPOCH).days - LEAST_HISTORY_DAYS:
        return None
    return {"artists": artists, "plays": plays, "top": {"name": names.artist(top), "plays": top_plays}}


def _personality(record: Year) -> Json | None:
    if record["personality"] < 0:
        return None
    name, line = NAMES[record["personality"]]
    counts = (record["plays"], record["tracks"], sum(record["top_artists"][TOP : 2 * TOP]), record["night_plays"])
    return {"name": name, "line": line, "formula": formula(*counts)}
