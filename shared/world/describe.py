"""What a world looks like, in numbers and four plots: popularity, the day by country, repeats, session lengths.

One pass over the shards, one at a time; a shard holds all plays of its users, so nothing but counts crosses from one to the next.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from shared.clock import DAY_MS
from shared.lake import Dataset, Lake, read_shard
from shared.output import progress
from shared.svg import Axis, bar_plot, line_plot
from shared.world.countries import COUNTRIES, SPAN_START_DAY, ZONES, zone_offsets

HOUR_MS = 3_600_000
SESSION_PAUSE_MS = 30 * 60_000
LONGEST = 60
COLUMNS = ("user_id", "track_id", "started_at", "played_ms", "plan")


def describe(lake: Lake) -> dict[str, Any]:
    """Numbers of a world, plain JSON: counts, shares, and the data of the plots."""
    plays, tracks, users = lake.dataset("plays"), lake.dataset("tracks").table(), lake.dataset("users").table()
    country = np.array(users["country"].to_pylist())
    zone = np.array([ZONES.index(name) for name in users["time_zone"].to_pylist()])
    duration = tracks["duration_ms"].to_numpy()
    totals = _totals(plays, zone, country, duration)
    listens, sessions = totals["listens"], totals["sessions"]
    by_rank = np.sort(listens)[::-1]
    return {
        "users": users.num_rows,
        "tracks": tracks.num_rows,
        **{name: lake.dataset(name).rows for name in ("artists", "albums", "plays", "playlists", "saves")},
        "gini_of_track_plays": round(gini(listens), 4),
        "share_of_top_1_percent_tracks": _share(by_rank[: max(tracks.num_rows // 100, 1)].sum(), plays.rows),
        "share_of_tracks_never_played": _share((listens == 0).sum(), tracks.num_rows),
        "share_of_repeats": _share(totals["repeats"].sum(), plays.rows),
        "share_of_plays_skipped": _share(totals["skipped"], plays.rows),
        "share_of_plays_below_30_seconds": _share(totals["short"], plays.rows),
        "share_of_plays_by_premium": _share(totals["premium"], plays.rows),
        "plays_per_session": round(float((sessions * np.arange(LONGEST + 1)).sum() / max(sessions.sum(), 1)), 2),
        "popularity": [[rank, int(by_rank[rank - 1])] for rank in _ranks(tracks.num_rows)],
        "hours": {code: totals["hours"][n].tolist() for n, code in enumerate(c.code for c in COUNTRIES)},
        "repeats_by_play_number": [_share(r, n) for r, n in zip(totals["repeats"], totals["numbered"], strict=True)],
        "session_lengths": sessions.tolist(),
    }


def draw_plots(numbers: dict[str, Any], folder: Path) -> list[Path]:
    """Write the four plots of `describe`'s numbers; returns their paths."""
    busiest = sorted(numbers["hours"], key=lambda code: (-sum(numbers["hours"][code]), code))[:5]
    days = {
        code: [(hour, 100 * n / max(sum(counts), 1)) for hour, n in enumerate(counts)]
        for code, counts in numbers["hours"].items()
    }
    repeats = [(2.0**k, 100 * share) for k, share in enumerate(numbers["repeats_by_play_number"])]
    plots = {
        "popularity": line_plot(
            "Plays of a track by its rank",
            Axis("rank", log=True),
            Axis("plays", log=True),
            {"tracks": numbers["popularity"]},
        ),
        "day": line_plot(
            "The listening day",
            Axis("local hour", low=0, high=23),
            Axis("% of plays", low=0),
            {code: days[code] for code in busiest},
        ),
        "repeats": line_plot(
            "How much is a repeat",
            Axis("the user's n-th play", log=True),
            Axis("% repeats", low=0, high=100),
            {"repeats": repeats},
        ),
        "sessions": bar_plot(
            "Plays per session",
            f"plays ({LONGEST}: and more)",
            Axis("sessions"),
            [("" if n % 5 else str(n), count) for n, count in enumerate(numbers["session_lengths"]) if n],
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in plots.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    return [folder / f"{name}.svg" for name in plots]


def gini(counts: NDArray[np.int64]) -> float:
    """Gini coefficient of non-negative counts: 0 when all are equal, near 1 when one has everything."""
    ordered = np.sort(counts).astype(np.float64)
    ranks = np.arange(1, ordered.size + 1)
    return float((2 * ranks - ordered.size - 1) @ ordered / max(ordered.size * ordered.sum(), 1))


def _share(part: int, whole: int) -> float:
    return round(int(part) / max(int(whole), 1), 4)


def _ranks(count: int) -> list[int]:
    """About sixty ranks from 1 to count, evenly apart on a logarithmic axis."""
    return sorted({int(round(rank)) for rank in np.geomspace(1, count, 60)})


def _totals(
    plays: Dataset, zone: NDArray[np.int64], country: NDArray[np.str_], duration: NDArray[np.int32]
) -> dict[str, Any]:
    """Counts: listens [tracks], hours [country, 24], sessions [LONGEST + 1], repeats and plays by log2 of the play number."""
    listens = np.zeros(duration.size, np.int64)
    hours = np.zeros((len(COUNTRIES), 24), np.int64)
    sessions = np.zeros(LONGEST + 1, np.int64)
    repeats, numbered = np.zeros(24, np.int64), np.zeros(24, np.int64)
    skipped = short = premium = 0
    home = np.array([[c.code for c in COUNTRIES].index(code) for code in country])
    for path in progress(plays.paths, "describe"):
        table = read_shard(path, COLUMNS)
        user, track, started, played = (table[name].cast("int64").to_numpy() for name in COLUMNS[:4])
        listens += np.bincount(track, minlength=listens.size)
        day = started // DAY_MS - SPAN_START_DAY
        local = started + zone_offsets()[zone[user], np.clip(day, 0, None)] * 60_000
        hours += np.bincount(home[user] * 24 + local // HOUR_MS % 24, minlength=hours.size).reshape(hours.shape)
        sessions += np.bincount(np.minimum(_session_lengths(user, started, played), LONGEST), minlength=sessions.size)
        magnitude = _play_number_magnitude(user)
        numbered += np.bincount(magnitude, minlength=24)
        repeats += np.bincount(magnitude[_is_repeat(user, track)], minlength=24)
        skipped += int((played < duration[track]).sum())
        short += int((played < 30_000).sum())
        premium += pc.sum(pc.equal(table["plan"].cast("string"), "premium")).as_py() or 0
    used = int(np.flatnonzero(numbered)[-1]) + 1 if numbered.any() else 0
    counts = {"skipped": skipped, "short": short, "premium": premium}
    return {
        "listens": listens,
        "hours": hours,
        "sessions": sessions,
        "repeats": repeats[:used],
        "numbered": numbered[:used],
        **counts,
    }


def _session_lengths(
    user: NDArray[np.int64], started: NDArray[np.int64], played: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Plays in each run without a pause of half an hour; rows are sorted by user, then time."""
    if not user.size:
        return np.zeros(0, np.int64)
    pause = started[1:] - (started + played)[:-1] >= SESSION_PAUSE_MS
    begins = np.flatnonzero(np.concatenate(([True], pause | (user[1:] != user[:-1]))))
    return np.diff(np.append(begins, user.size))


def _play_number_magnitude(user: NDArray[np.int64]) -> NDArray[np.int64]:
    """floor(log2(n)) for each user's n-th play, n from 1."""
    number = np.arange(user.size) - np.searchsorted(user, user) + 1
    return np.frexp(number.astype(np.float64))[1].astype(np.int64) - 1


def _is_repeat(user: NDArray[np.int64], track: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the user has played the track before."""
    _, first = np.unique(user << 32 | track, return_index=True)
    repeat = np.ones(user.size, np.bool_)
    repeat[first] = False
    return repeat
