"""A small week written by hand: forty songs, six users, every play chosen."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from discover_weekly.records import PLAYS, TRACKS, USERS

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def play(user, track, minutes_before=60, played_ms=180_000):
    return {
        "user_id": user,
        "track_id": track,
        "started_at": int(MONDAY.timestamp() * 1000) - minutes_before * 60_000,
        "played_ms": played_ms,
    }


HEALTHY = [play(u, t, 60 + t) for u in range(6) for t in range(u, u + 8)]


def write_files(folder, plays, tracks=40, users=6, spoil_tracks=None):
    """Write plays, catalogue and users; return the three paths."""
    catalogue = [
        {
            "track_id": t,
            "title": f"Song {t}",
            "artist_ids": [t // 2],
            "recording": f"REC{t}",
            "released": date(2025, 1, 1),
        }
        for t in range(tracks)
    ]
    if spoil_tracks:
        spoil_tracks(catalogue)
    people = [{"user_id": u, "country": "SE" if u % 2 else "BR"} for u in range(users)]
    paths = []
    for name, rows, schema in (("plays", plays, PLAYS), ("tracks", catalogue, TRACKS), ("users", people, USERS)):
        paths.append(folder / f"{name}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), paths[-1])
    return paths
