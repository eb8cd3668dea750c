"""Listeners made to break a year in review, as own files of `wrapped.sources.OWN_PLAYS`."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOUR = 3_600_000
EMPTY, ONE, TIES, LEAP, SPRING, AUTUMN, MOVED, FAR_EAST, FAR_WEST, SKIPPER, OLD_ONLY, NIGHT, HEAVY = range(100, 113)


def at(text: str) -> int:
    """Milliseconds of a UTC moment such as `2024-02-29 23:59`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def rows(year: int = 2024) -> list[tuple]:
    """(user, artist, track, started_ms, played_ms, genre, zone): a leap year, and something before and after it."""
    made: list[tuple] = [(ONE, "Ólafur", "Only", at(f"{year}-07-01 12:00"), 30_000, "ambient", "UTC")]
    made.append((EMPTY, "Nobody", "Skipped", at(f"{year}-05-05 05:05"), 29_999, None, "UTC"))
    for day in range(1, 13):  # ten artists, ten tracks, the same plays and milliseconds each: only the name decides
        for name in "JABIHCGDFE":
            made.append(
                (
                    TIES,
                    f"Artist {name}",
                    f"Song {name}",
                    at(f"{year}-{day:02d}-03 1{day % 3}:00"),
                    60_000,
                    f"genre {name}",
                    "UTC",
                )
            )
    for text in ("02-28 23:30", "02-29 00:00", "02-29 23:59", "03-01 00:00"):
        made.append((LEAP, "Leap", f"Day {text}", at(f"{year}-{text}"), 45_000, "jazz", "UTC"))
    for minute in range(0, 240, 20):  # the hour 02:00 to 03:00 does not exist, then exists twice
        made.append(
            (
                SPRING,
                "Clock",
                "Forward",
                at(f"{year}-03-31 00:00") + minute * 60_000,
                31_000,
                "house",
                "Europe/Stockholm",
            )
        )
        made.append(
            (AUTUMN, "Clock", "Back", at(f"{year}-10-26 23:00") + minute * 60_000, 31_000, "house", "Europe/Stockholm")
        )
    for hours, zone in (
        (-14, "Pacific/Kiritimati"),
        (-13, "Pacific/Honolulu"),
        (2, "Pacific/Honolulu"),
        (11, "Pacific/Honolulu"),
    ):
        made.append(
            (MOVED, f"Flight {hours}", "New Year", at(f"{year}-01-01 00:00") + hours * HOUR, 40_000, "folk", zone)
        )
        made.append(
            (MOVED, f"Flight {hours}", "Old Year", at(f"{year + 1}-01-01 00:00") + hours * HOUR, 40_000, "folk", zone)
        )
    for user, zone in ((FAR_EAST, "Pacific/Kiritimati"), (FAR_WEST, "Etc/GMT+12")):
        for hours in range(-16, 17, 2):
            made.append((user, "Edge", f"Hour {hours}", at(f"{year}-01-01 00:00") + hours * HOUR, 50_000, "pop", zone))
    for n in range(40):
        made.append(
            (
                SKIPPER,
                "Skip",
                f"Song {n}",
                at(f"{year}-09-09 09:00") + n * 60_000,
                29_999 + n % 2,
                "pop",
                "Asia/Kolkata",
            )
        )
    for n in range(5):
        made.append((OLD_ONLY, "Past", "Song", at(f"{year - 1}-06-06 06:00") + n * HOUR, 60_000, "pop", "UTC"))
    for n in range(100):
        evening = at(f"{year}-01-01 20:00") + n * 3 * 24 * HOUR
        made.append((NIGHT, f"Owl {n % 7}", f"Hoot {n % 20}", evening, 90_000, f"g{n % 3}", "UTC"))
    return made


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
