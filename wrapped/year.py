"""One pass over a user's year: every statistic from one read of the rows, however many statistics there are.

A bucket holds whole users, so nothing has to be merged: rows go into two small hash tables (artists, tracks) and three dense ones
(days, clock, month × genre) that fit in the first cache levels, and what the cards need is read off them. The cost is two probes a
row, not one query a statistic. Tables are cleared by the keys that were used, so a light user never pays for a heavy neighbour.

All results are integers. Every «top» has a total order: plays descending, then milliseconds descending, then id ascending, and ids
are given in the order of names (`bucket.py`), so that the last tie is broken by name, as a person would expect.
"""

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from wrapped.records import CLOCK_CELLS, MONTHS, TOP

COUNTED_MS = 30_000
NIGHT_BEGINS, NIGHT_ENDS = 20, 6
NONE = -1

Array = np.ndarray[Any, Any]


class Plays(NamedTuple):
    """The rows of whole users, user after user; all arrays have one entry a row."""

    local_day: Array  # int32, days since 1970-01-01 on the listener's calendar, at the start of the play
    local_hour: Array  # int8, 0..23
    artist: Array  # int32, ids in the order of names
    track: Array  # int32, ids in the order of (name, artist)
    genre: Array  # int16, -1: unknown
    ms: Array  # int32, milliseconds listened
    counted: Array  # bool, whether it counts as a play (30 s)


class Calendar(NamedTuple):
    """The year as days: `month[d - first_day]` is 0..11, `weekday[d - first_day]` is 0 (Monday) .. 6."""

    first_day: int
    month: Array  # int8 [365 or 366]
    weekday: Array  # int8 [365 or 366]


class Reviews(NamedTuple):
    """What the year comes to, one row a user; -1 stands for «nothing to say»."""

    rows: Array  # int64 [U], all plays that began in the year, counted or not
    plays: Array  # int64 [U], those that count
    ms: Array  # int64 [U], milliseconds of those
    artists: Array  # int64 [U], distinct, likewise the next two
    tracks: Array
    genres: Array
    first_day: Array  # int64 [U], the covered interval: first and last local day with a row of the year
    last_day: Array
    history_day: Array  # int64 [U], the earliest local day known at all; discoveries are judged against it
    top_artists: Array  # int64 [U, 3, 5]: ids, plays, ms; likewise the next two
    top_tracks: Array
    top_genres: Array
    months: Array  # int64 [U, 2, 12]: plays, ms
    month_genre: Array  # int64 [U, 12]: the top genre of each month
    top_month: Array  # int64 [U], 0..11
    top_day: Array  # int64 [U, 3]: day, plays, ms
    clock: Array  # int64 [U, 168]: plays by weekday × hour
    streak: Array  # int64 [U, 2]: days, first day of the longest run of days with a play
    dry_spell: Array  # int64 [U, 2]: days, first day of the longest run without one, between two plays
    discoveries: Array  # int64 [U, 4]: new artists, their plays, the most played of them, its plays
    night_plays: Array  # int64 [U], from 20:00 to 06:00


class ArtistTotals(NamedTuple):
    """One row per (user, artist) of the year: what the second shuffle ranks (`percentile.py`)."""

    artist: Array  # int32 [N]
    user: Array  # int32 [N], index of the user in this call
    ms: Array  # int64 [N]


SHAPES: dict[str, tuple[int, ...]] = dict.fromkeys(Reviews._fields, ())
SHAPES |= {
    "top_artists": (3, TOP),
    "top_tracks": (3, TOP),
    "top_genres": (3, TOP),
    "months": (2, MONTHS),
    "month_genre": (MONTHS,),
}
SHAPES |= {"top_day": (3,), "clock": (CLOCK_CELLS,), "streak": (2,), "dry_spell": (2,), "discoveries": (4,)}
"""Of each field of a review, for one user. The kernel writes a user's fields into one row of integers, end to end."""
_ENDS = np.cumsum([prod(shape) for shape in SHAPES.values()]).tolist()
WIDTH = _ENDS[-1]
_AT = dict(zip(SHAPES, [0, *_ENDS], strict=False))
ROWS, PLAYS, MS, ARTISTS, TRACKS, GENRES = (
    _AT[name] for name in ("rows", "plays", "ms", "artists", "tracks", "genres")
)
FIRST_DAY, LAST_DAY, HISTORY_DAY = _AT["first_day"], _AT["last_day"], _AT["history_day"]
TOP_ARTISTS, TOP_TRACKS, TOP_GENRES = _AT["top_artists"], _AT["top_tracks"], _AT["top_genres"]
MONTH_PLAYS, MONTH_MS, MONTH_GENRE, TOP_MONTH = (
    _AT["months"],
    _AT["months"] + MONTHS,
    _AT["month_genre"],
    _AT["top_month"],
)
TOP_DAY, CLOCK, STREAK, DRY_SPELL = _AT["top_day"], _AT["clock"], _AT["streak"], _AT["dry_spell"]
DISCOVERIES, NIGHT_PLAYS = _AT["discoveries"], _AT["night_plays"]


def review(starts: Array, plays: Plays, calendar: Calendar, genres: int) -> tuple[Reviews, ArtistTotals]:
    """Review every user: rows `starts[u] : starts[u + 1]` are user u's (`starts` is int64 [U + 1]); `genres` is how many there are."""
    rows = len(plays.ms)
    cells = np.zeros((len(starts) - 1, WIDTH), np.int64)
    for at in (FIRST_DAY, LAST_DAY, HISTORY_DAY, TOP_MONTH, TOP_DAY, STREAK + 1, DRY_SPELL + 1, DISCOVERIES + 2):
        cells[:, at] = NONE
    for at, width in ((TOP_ARTISTS, TOP), (TOP_TRACKS, TOP), (TOP_GENRES, TOP), (MONTH_GENRE, MONTHS)):
        cells[:, at : at + width] = NONE
    totals = ArtistTotals(np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows, np.int64))
    found = _review(starts, plays, calendar, max(genres, 1), cells, totals)
    fields = {
        name: cells[:, _AT[name] : _AT[name] + prod(shape)].reshape(len(cells), *shape)
        for name, shape in SHAPES.items()
    }
    return Reviews(**fields), ArtistTotals(*(column[:found] for column in totals))


class _Table(NamedTuple):
    """Open addressing with linear probing; `used[:n]` lists the filled slots, by which it is read and cleared."""

    key: Array  # int32, -1: empty
    plays: Array  # int64
    ms: Array  # int64
    known: Array  # bool, played before the year
    used: Array  # int32


@njit(cache=True, nogil=True)
def _table(slots):  # type: ignore[no-untyped-def]
    return _Table(
        np.full(slots, NONE, np.int32),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.bool_),
        np.empty(slots, np.int32),
    )


@njit(cache=True, nogil=True)
def _slots_for(rows):  # type: ignore[no-untyped-def]
    slots = 16
    while slots < 2 * rows:
        slots *= 2
    return slots


@njit(cache=True, nogil=True)
def _slot(table, used, mask, key):  # type: ignore[no-untyped-def]
    """The slot of `key`, taken if it was free, and how many are used then."""
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(33)) & mask
    while table.key[slot] != key:
        if table.key[slot] == NONE:
            table.key[slot] = key
            table.used[used] = slot
            return slot, used + 1
        slot = (slot + 1) & mask
    return slot, used


@njit(cache=True, nogil=True)
def _clear(table, used):  # type: ignore[no-untyped-def]
    for entry in range(used):
        slot = table.used[entry]
        table.key[slot] = NONE
        table.plays[slot] = 0
        table.ms[slot] = 0
        table.known[slot] = False


@njit(cache=True, nogil=True)
def _rank(top, key, plays, ms):  # type: ignore[no-untyped-def]
    """Insert into top [3 × k] (k ids, k plays, k ms) if it belongs there: plays descending, ms descending, id ascending."""
    k = len(top) // 3
    place = k
    while place > 0:
        above = place - 1
        if top[above] != NONE and (
            top[k + above] > plays
            or (
                top[k + above] == plays and (top[2 * k + above] > ms or (top[2 * k + above] == ms and top[above] < key))
            )
        ):
            break
        place = above
    if place < k:
        for below in range(k - 1, place, -1):
            top[below], top[k + below], top[2 * k + below] = top[below - 1], top[k + below - 1], top[2 * k + below - 1]
        top[place], top[k + place], top[2 * k + place] = key, plays, ms


@njit(cache=True, nogil=True)
def _review(starts, plays, calendar, genres, cells, totals):  # type: ignore[no-untyped-def]
    days = len(calendar.month)
    largest = np.max(starts[1:] - starts[:-1]) if len(starts) > 1 else 0
    artists, tracks = _table(_slots_for(largest)), _table(_slots_for(largest))
    by_day = np.zeros((2, days), np.int64)  # plays, ms
    by_genre = np.zeros((2, MONTHS, genres), np.int64)  # plays, ms
    found = 0
    for user in range(len(starts) - 1):
        first, last = starts[user], starts[user + 1]
        mask = _slots_for(last - first) - 1
        row = cells[user]
        by_day[:] = 0
        by_genre[:] = 0
        seen_artists, seen_tracks = _count(first, last, mask, plays, calendar, artists, tracks, by_day, by_genre, row)
        before = found
        found = _read_artists(artists, seen_artists, row, totals, found)
        totals.user[before:found] = user
        for entry in range(seen_tracks):
            slot = tracks.used[entry]
            _rank(row[TOP_TRACKS : TOP_TRACKS + 3 * TOP], tracks.key[slot], tracks.plays[slot], tracks.ms[slot])
        row[TRACKS] = seen_tracks
        _read_genres(by_genre, row)
        _read_days(by_day, calendar, row)
        _clear(artists, seen_artists)
        _clear(tracks, seen_tracks)
    return found


@njit(cache=True, nogil=True)
def _count(first, last, mask, plays, calendar, artists, tracks, by_day, by_genre, row):  # type: ignore[no-untyped-def]
    """Add one user's rows to the tables; how many artists (known ones too) and tracks they hold."""
    seen_artists = seen_tracks = 0
    for at in range(first, last):
        day = plays.local_day[at]
        if row[HISTORY_DAY] == NONE or day < row[HISTORY_DAY]:
            row[HISTORY_DAY] = day
        d = day - calendar.first_day
        if d >= len(calendar.month):
            continue
        if d < 0:
            if plays.counted[at]:
                slot, seen_artists = _slot(artists, seen_artists, mask, plays.artist[at])
                artists.known[slot] = True
            continue
        row[ROWS] += 1
        if row[FIRST_DAY] == NONE or day < row[FIRST_DAY]:
            row[FIRST_DAY] = day
        row[LAST_DAY] = max(row[LAST_DAY], day)
        if not plays.counted[at]:
            continue
        ms, hour, month, genre = np.int64(plays.ms[at]), plays.local_hour[at], calendar.month[d], plays.genre[at]
        slot, seen_artists = _slot(artists, seen_artists, mask, plays.artist[at])
        artists.plays[slot] += 1
        artists.ms[slot] += ms
        slot, seen_tracks = _slot(tracks, seen_tracks, mask, plays.track[at])
        tracks.plays[slot] += 1
        tracks.ms[slot] += ms
        by_day[0, d] += 1
        by_day[1, d] += ms
        if genre >= 0:
            by_genre[0, month, genre] += 1
            by_genre[1, month, genre] += ms
        row[CLOCK + 24 * calendar.weekday[d] + hour] += 1
        row[NIGHT_PLAYS] += hour >= NIGHT_BEGINS or hour < NIGHT_ENDS
    return seen_artists, seen_tracks


@njit(cache=True, nogil=True)
def _read_artists(artists, seen, row, totals, found):  # type: ignore[no-untyped-def]
    """Top artists, discoveries, and the user's artist totals, written from `found` on."""
    new = np.array([NONE, 0, 0])
    for entry in range(seen):
        slot = artists.used[entry]
        key, plays, ms = artists.key[slot], artists.plays[slot], artists.ms[slot]
        if plays == 0:
            continue
        _rank(row[TOP_ARTISTS : TOP_ARTISTS + 3 * TOP], key, plays, ms)
        if not artists.known[slot]:
            _rank(new, key, plays, ms)
            row[DISCOVERIES] += 1
            row[DISCOVERIES + 1] += plays
        totals.artist[found], totals.ms[found] = key, ms
        found += 1
        row[ARTISTS] += 1
    row[DISCOVERIES + 2], row[DISCOVERIES + 3] = new[0], new[1]
    return found


@njit(cache=True, nogil=True)
def _read_genres(by_genre, row):  # type: ignore[no-untyped-def]
    """Top genres of the year, and the one of each month."""
    best = np.empty(3, np.int64)
    for month in range(MONTHS):
        best[:] = NONE
        for genre in range(by_genre.shape[2]):
            if by_genre[0, month, genre] > 0:
                _rank(best, genre, by_genre[0, month, genre], by_genre[1, month, genre])
        row[MONTH_GENRE + month] = best[0]
    for genre in range(by_genre.shape[2]):
        plays = by_genre[0, :, genre].sum()
        if plays > 0:
            row[GENRES] += 1
            _rank(row[TOP_GENRES : TOP_GENRES + 3 * TOP], genre, plays, by_genre[1, :, genre].sum())


@njit(cache=True, nogil=True)
def _read_days(by_day, calendar, row):  # type: ignore[no-untyped-def]
    """Totals, months, the most played day and month (the earlier of two equals), streak and dry spell."""
    run = 0
    last_played = NONE
    for d in range(by_day.shape[1]):
        plays, ms = by_day[0, d], by_day[1, d]
        if plays == 0:
            run = 0
            continue
        row[PLAYS] += plays
        row[MS] += ms
        row[MONTH_PLAYS + calendar.month[d]] += plays
        row[MONTH_MS + calendar.month[d]] += ms
        if plays > row[TOP_DAY + 1] or (plays == row[TOP_DAY + 1] and ms > row[TOP_DAY + 2]):
            row[TOP_DAY], row[TOP_DAY + 1], row[TOP_DAY + 2] = calendar.first_day + d, plays, ms
        run += 1
        if run > row[STREAK]:
            row[STREAK], row[STREAK + 1] = run, calendar.first_day + d - run + 1
        gap = d - last_played - 1
        if last_played != NONE and gap > row[DRY_SPELL]:
            row[DRY_SPELL], row[DRY_SPELL + 1] = gap, calendar.first_day + last_played + 1
        last_played = d
    top = np.array([NONE, 0, 0])
    for month in range(MONTHS):
        if row[MONTH_PLAYS + month] > 0:
            _rank(top, month, row[MONTH_PLAYS + month], row[MONTH_MS + month])
    row[TOP_MONTH] = top[0]
