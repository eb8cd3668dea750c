"""Listeners made to break a year in review, as own files of `wrapped.sources.OWN_PLAYS`."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOUR, MINUTE = 3_600_000, 60_000
EMPTY, ONE, TIES, LEAP, SPRING, AUTUMN, MOVED, FAR_EAST, FAR_WEST, SKIPPER, OLD_ONLY, NIGHT, HEAVY = range(100, 113)
LEVEL = {user: 1 + user % 3 for user in range(200, 230)}
"""Minutes of one artist by user: ten listeners are level at each of three places, in all buckets."""


def at(text: str) -> int:
    """Milliseconds of a UTC moment such as `2024-02-29 23:59`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def rows(year: int = 2024) -> list[tuple]:
    """(user, artist, track, started_ms, played_ms, genre, zone): a leap year, and something before and after it."""
    return [*little(year), *ties(year), *clocks(year), *borders(year), *nights(year)]


def little(year: int) -> list[tuple]:
    """Hardly anything to say: one play, none that counts, none of the year, a leap day, and plays skipped at the limit."""
    days = ("02-28 23:30", "02-29 00:00", "02-29 23:59", "03-01 00:00")
    morning = at(f"{year}-09-09 09:00")
    return [
        (ONE, "Ólafur", "Only", at(f"{year}-07-01 12:00"), 30_000, "ambient", "UTC"),
        (EMPTY, "Nobody", "Skipped", at(f"{year}-05-05 05:05"), 29_999, None, "UTC"),
        *((LEAP, "Leap", f"Day {day}", at(f"{year}-{day}"), 45_000, "jazz", "UTC") for day in days),
        *(
            (SKIPPER, "Skip", f"Song {n}", morning + n * MINUTE, 29_999 + n % 2, "pop", "Asia/Kolkata")
            for n in range(40)
        ),
        *((OLD_ONLY, "Past", "Song", at(f"{year - 1}-06-06 06:00") + n * HOUR, 60_000, "pop", "UTC") for n in range(5)),
    ]


def ties(year: int) -> list[tuple]:
    """Ten artists, ten tracks, the same plays and milliseconds each: only the name decides. And listeners who are level."""
    made = [
        (TIES, f"Artist {x}", f"Song {x}", at(f"{year}-{m:02d}-03 1{m % 3}:00"), 60_000, f"genre {x}", "UTC")
        for m in range(1, 13)
        for x in "JABIHCGDFE"
    ]
    for user, minutes in LEVEL.items():
        began = at(f"{year}-06-06 06:00") + user * HOUR  # the same listening at different moments
        made += [(user, "Level", "Song", began + n * 2 * MINUTE, MINUTE, "pop", "UTC") for n in range(minutes)]
    return made


def clocks(year: int) -> list[tuple]:
    """The hour from 02:00 to 03:00 does not exist, then exists twice."""
    zone = "Europe/Stockholm"
    return [
        row
        for minute in range(0, 240, 20)
        for row in (
            (SPRING, "Clock", "Forward", at(f"{year}-03-31 00:00") + minute * MINUTE, 31_000, "house", zone),
            (AUTUMN, "Clock", "Back", at(f"{year}-10-26 23:00") + minute * MINUTE, 31_000, "house", zone),
        )
    ]


def borders(year: int) -> list[tuple]:
    """New year at the edges of the map, and a flight over the date line."""
    begins, ends = at(f"{year}-01-01 00:00"), at(f"{year + 1}-01-01 00:00")
    made = []
    for hours, zone in (
        (-14, "Pacific/Kiritimati"),
        (-13, "Pacific/Honolulu"),
        (2, "Pacific/Honolulu"),
        (11, "Pacific/Honolulu"),
    ):
        made.append((MOVED, f"Flight {hours}", "New Year", begins + hours * HOUR, 40_000, "folk", zone))
        made.append((MOVED, f"Flight {hours}", "Old Year", ends + hours * HOUR, 40_000, "folk", zone))
    for user, zone in ((FAR_EAST, "Pacific/Kiritimati"), (FAR_WEST, "Etc/GMT+12")):
        made += [(user, "Edge", f"Hour {h}", begins + h * HOUR, 50_000, "pop", zone) for h in range(-16, 17, 2)]
    return made


def nights(year: int) -> list[tuple]:
    """One who listens at night."""
    evening = at(f"{year}-01-01 20:00")
    return [
        (NIGHT, f"Owl {n % 7}", f"Hoot {n % 20}", evening + n * 3 * 24 * HOUR, 90_000, f"g{n % 3}", "UTC")
        for n in range(100)
    ]


def heavy_rows(plays: int, year: int = 2024) -> list[tuple]:
    """One listener who never sleeps."""
    rng = np.random.default_rng(7)
    start = at(f"{year}-01-01 00:00")
    which, ms = rng.integers(0, 900, plays), rng.integers(20_000, 200_000, plays)
    step = 366 * 24 * HOUR // plays
    return [
        (
            HEAVY,
            f"Artist {int(k) % 31}",
            f"Song {int(k)}",
            start + n * step,
            int(ms[n]),
            f"genre {int(k) % 5}",
            "America/St_Johns",
        )
        for n, k in enumerate(which)
    ]


def write(folder: Path, made: list[tuple], files: int = 3, seed: int = 1) -> Path:
    """Shuffle the rows into some Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(seed).permutation(len(made))
    for number, part in enumerate(np.array_split(order, files)):
        columns = list(zip(*(made[row] for row in part), strict=True))
        names = ("user_id", "artist", "track", "started_at", "played_ms", "genre", "time_zone")
        arrays = [pa.array(column) for column in columns]
        arrays[3] = arrays[3].cast(pa.timestamp("ms", "UTC"))
        pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), folder / f"plays-{number}.parquet")
    return folder
