"""A generator of exports that go wrong in every way we know, the slow, obvious reader that says what each must come to, and ours."""

import json
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from shared.cli import main
from shared.clock import fixed_clock, to_ms
from wrapped.importer.importer import import_year
from wrapped.importer.report import year_of

ZONE = "Europe/Stockholm"
YEAR = 2025
NOW = fixed_clock(to_ms(datetime(2026, 6, 1, tzinfo=UTC)))
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
NAMES = [
    "Björk",
    "Сплин",
    "宇多田ヒカル",
    "فيروز",
    "[:SITD:]",
    "{}",
    "311",
    "!!!",
    "Sigur Rós",
    "Bjo\u0308rk",
    "  The Knife ",
]


def new(end: datetime, ms, artist, track, **more) -> dict:
    """A row of the new format, with what an export has besides."""
    return {
        "ts": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ms_played": ms,
        "master_metadata_track_name": track,
        "master_metadata_album_artist_name": artist,
        "spotify_track_uri": "spotify:track:x",
        "episode_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "ip_addr": "203.0.113.77",
        "username": "secret-name",
        "skipped": False,
        **more,
    }


def old(end: datetime, ms, artist, track) -> dict:
    """The same play as the old format has it: to the minute."""
    return {"endTime": end.strftime("%Y-%m-%d %H:%M"), "artistName": artist, "trackName": track, "msPlayed": ms}


def listening(seed: int, count: int) -> list[tuple]:
    """(end, ms, artist, track) of believable plays around both ends of the year."""
    rng = np.random.default_rng(seed)
    end = datetime(YEAR - 1, 12, 30, tzinfo=UTC)
    made = []
    for _ in range(count):
        end += timedelta(seconds=int(rng.integers(20, 2 * 367 * 86_400 // count)))
        ms = int(rng.choice([0, 29_999, 30_000, *rng.integers(1_000, 400_000, 9)]))
        made.append((end, ms, NAMES[int(rng.integers(len(NAMES)))], f"Song {int(rng.integers(6))}"))
    return made


BROKEN = {
    "broken_row": [None, 5, "text", [1, 2], True],
    "no_track": [
        {"ts": "2025-02-02T10:00:00Z", "ms_played": 40_000},
        *(
            {**new(datetime(2025, 2, 2, tzinfo=UTC), 40_000, a, t)}
            for a, t in ((None, "x"), ("x", ""), (" \t", "x"), ({"a": 1}, "x"), ("x", ["y"]))
        ),
    ],
    "bad_time": [
        {**new(datetime(2025, 2, 2, tzinfo=UTC), 40_000, "A", "T"), "ts": ts}
        for ts in (
            None,
            "",
            "yesterday",
            "2025-13-01T00:00:00Z",
            "1999-01-01T00:00:00Z",
            "2031-01-01T00:00:00Z",
            {"a": 1},
        )
    ],
    "bad_duration": [
        new(datetime(2025, 2, 2, tzinfo=UTC), ms, "A", "T") for ms in (None, -1, 86_400_001, 1.5, "long", [30_000])
    ],
    "podcast": [
        new(
            datetime(2025, 3, 3, tzinfo=UTC),
            900_000,
            None,
            None,
            episode_name="E",
            spotify_episode_uri="spotify:episode:x",
        )
    ],
    "audiobook": [
        new(datetime(2025, 3, 3, tzinfo=UTC), 900_000, None, None, audiobook_title="B", audiobook_uri="spotify:show:x")
    ],
}


def write_export(folder: Path, seed: int, count: int = 300) -> Counter:
    """An export of four overlapping files with everything that breaks; returns how often each reason must be counted."""
    rng = np.random.default_rng(seed)
    plays = listening(seed, count)
    half = count // 2
    first = [new(*play) for play in plays[: half + 20]]
    second = [new(*play) for play in plays[half - 20 :]]
    minute = [old(*play) for play in plays[half:]]
    expected: Counter = Counter()
    for reason, rows in BROKEN.items():
        for row in rows:
            first.insert(int(rng.integers(len(first) + 1)), row)
            expected[reason] += 1
    folder.mkdir(parents=True)
    dump(folder / "Streaming_History_Audio_2024-2025_0.json", first)
    dump(folder / "endsong_1.json", second)
    dump(folder / "StreamingHistory_music_0.json", minute)
    dump(folder / "Streaming_History_Video_2025.json", second[:7])
    dump(
        folder / "StreamingHistory_podcast_0.json",
        [{"endTime": "2025-01-01 00:00", "podcastName": "P", "episodeName": "E", "msPlayed": 9}],
    )
    dump(folder / "Userdata.json", {"username": "secret-name"})
    expected.update(video=7, podcast=1)
    return expected


def dump(path: Path, rows) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def zipped(folder: Path, target: Path) -> Path:
    """The folder as an export comes: below one more folder, with what a Mac adds."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"Spotify Account Data/{path.name}")
            archive.writestr(f"__MACOSX/._{path.name}", b"\x00\x05\x16\x07")
    return target


def by_hand(plays: list[tuple], zone: str = ZONE, year: int = YEAR) -> dict:
    """What distinct (end, ms, artist, track) come to, with datetimes and dictionaries only."""
    artists: dict[str, list[int]] = {}
    tracks: dict[tuple[str, str], list[int]] = {}
    clock = [[0] * 24 for _ in range(7)]
    months = Counter()
    days = set()
    for end, ms, artist, track in set(plays):
        start = (end - timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
        if start.year != year or ms < 30_000:
            continue
        artist = artist.strip().replace("o\u0308", "ö")
        for table, key in ((artists, artist), (tracks, (track, artist))):
            entry = table.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += ms
        clock[start.weekday()][start.hour] += 1
        months[start.month] += 1
        days.add(start.date())
    streak = max((sum(1 for _ in _run(day, days)) for day in days), default=0)

    def top(table):
        return sorted(((-plays, -ms, key) for key, (plays, ms) in table.items()))[:5]

    return {
        "plays": sum(entry[0] for entry in artists.values()),
        "minutes": sum(entry[1] for entry in artists.values()) // 60_000,
        "distinct_artists": len(artists),
        "distinct_tracks": len(tracks),
        "top_artists": [{"name": key, "plays": -plays, "minutes": -ms // 60_000} for plays, ms, key in top(artists)],
        "top_tracks": [(key[0], key[1], -plays, -ms // 60_000) for plays, ms, key in top(tracks)],
        "clock": clock,
        "longest_streak_days": streak,
    }


def _run(day, days):
    while day in days:
        yield day
        day += timedelta(days=1)


GOOD = json.dumps([new(NOON + timedelta(hours=n), 40_000, "Björk", "T") for n in range(3)], ensure_ascii=False)


def read(path, year=YEAR, zone=ZONE):
    """The year of an export as JSON."""
    return year_of(import_year(path, year, zone, NOW), year, zone)


def run(capsys, *arguments):
    """`liner wrapped import`: exit code, standard output and error."""
    code = main(["wrapped", "import", *map(str, arguments)])
    return code, *capsys.readouterr()


def rejected(found):
    """The reasons that occurred."""
    return {name: count for name, count in found["rows"]["rejected"].items() if count}
