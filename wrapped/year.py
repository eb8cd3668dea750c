"""One pass over a user's year: every statistic from one read of the rows, however many statistics there are.

A bucket holds whole users, so nothing has to be merged: rows go into two small hash tables (artists, tracks) and three dense ones
(days, clock, month × genre) that fit in the first cache levels, and what the cards need is read off them. The cost is two probes a
row, not one query a statistic. Tables are cleared by the keys that were used, so a light user never pays for a heavy neighbour.

All results are integers. Every «top» has a total order: plays descending, then milliseconds descending, then id ascending, and ids
are given in the order of names (`bucket.py`), so that the last tie is broken by name, as a person would expect.
"""

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


def review(starts: Array, plays: Plays, calendar: Calendar, genres: int) -> tuple[Reviews, ArtistTotals]:
    """Review every user: rows `starts[u] : starts[u + 1]` are user u's (`starts` is int64 [U + 1]); `genres` is how many there are."""
    users, rows = len(starts) - 1, len(plays.ms)
    out = empty_reviews(users)
    totals = ArtistTotals(np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows, np.int64))
    found = _review(starts, plays, calendar, max(genres, 1), out, totals)
    return out, ArtistTotals(*(column[:found] for column in totals))


def empty_reviews(users: int) -> Reviews:
    """Reviews of users who played nothing."""

    def cells(*shape: int, fill: int = 0) -> Array:
        return np.full((users, *shape), fill, np.int64)

    ranked = [cells(3, TOP, fill=NONE) for _ in range(3)]
    for table in ranked:
        table[:, 1:] = 0
    top_day, streak, dry_spell = cells(3), cells(2), cells(2)
    top_day[:, 0] = streak[:, 1] = dry_spell[:, 1] = NONE
    discoveries = cells(4)
    discoveries[:, 2] = NONE
    columns = {name: cells() for name in Reviews._fields}
    columns |= {name: cells(fill=NONE) for name in ("first_day", "last_day", "history_day", "top_month")}
    columns |= dict(zip(("top_artists", "top_tracks", "top_genres"), ranked, strict=True))
    columns |= {"top_day": top_day, "streak": streak, "dry_spell": dry_spell, "discoveries": discoveries}
    columns |= {"months": cells(2, MONTHS), "month_genre": cells(MONTHS, fill=NONE), "clock": cells(CLOCK_CELLS)}
    return Reviews(**columns)


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
    """Insert into top [3, k] (ids, plays, ms) if it belongs there: plays descending, ms descending, id ascending."""
    place = top.shape[1]
    while place > 0:
        above = place - 1
        if top[0, above] != NONE and (
            top[1, above] > plays
            or (top[1, above] == plays and (top[2, above] > ms or (top[2, above] == ms and top[0, above] < key)))
        ):
            break
        place = above
    if place < top.shape[1]:
        for below in range(top.shape[1] - 1, place, -1):
            top[:, below] = top[:, below - 1]
        top[0, place], top[1, place], top[2, place] = key, plays, ms


@njit(cache=True, nogil=True)
def _review(starts, plays, calendar, genres, out, totals):  # type: ignore[no-untyped-def]
    days = len(calendar.month)
    largest = np.max(starts[1:] - starts[:-1]) if len(starts) > 1 else 0
    artists, tracks = _table(_slots_for(largest)), _table(_slots_for(largest))
    by_day = np.zeros((2, days), np.int64)  # plays, ms
    by_genre = np.zeros((MONTHS, 2, genres), np.int64)  # plays, ms
    found = 0
    for user in range(len(starts) - 1):
        first, last = starts[user], starts[user + 1]
        mask = _slots_for(last - first) - 1
        by_day[:] = 0
        by_genre[:] = 0
        seen_artists, seen_tracks = _count(
            first, last, mask, user, plays, calendar, artists, tracks, by_day, by_genre, out
        )
        found = _read_artists(user, artists, seen_artists, out, totals, found)
        for entry in range(seen_tracks):
            slot = tracks.used[entry]
            _rank(out.top_tracks[user], tracks.key[slot], tracks.plays[slot], tracks.ms[slot])
        out.tracks[user] = seen_tracks
        _read_genres(user, by_genre, out)
        _read_days(user, by_day, calendar, out)
        _clear(artists, seen_artists)
        _clear(tracks, seen_tracks)
    return found


@njit(cache=True, nogil=True)
def _count(first, last, mask, user, plays, calendar, artists, tracks, by_day, by_genre, out):  # type: ignore[no-untyped-def]
    """Add one user's rows to the tables; how many artists (known ones too) and tracks they hold."""
    seen_artists = seen_tracks = 0
    for row in range(first, last):
        day = plays.local_day[row]
        if out.history_day[user] == NONE or day < out.history_day[user]:
            out.history_day[user] = day
        d = day - calendar.first_day
        if d >= len(calendar.month):
            continue
        if d < 0:
            if plays.counted[row]:
                slot, seen_artists = _slot(artists, seen_artists, mask, plays.artist[row])
                artists.known[slot] = True
            continue
        out.rows[user] += 1
        if out.first_day[user] == NONE or day < out.first_day[user]:
            out.first_day[user] = day
        out.last_day[user] = max(out.last_day[user], day)
        if not plays.counted[row]:
            continue
        ms, hour = np.int64(plays.ms[row]), plays.local_hour[row]
        slot, seen_artists = _slot(artists, seen_artists, mask, plays.artist[row])
        artists.plays[slot] += 1
        artists.ms[slot] += ms
        slot, seen_tracks = _slot(tracks, seen_tracks, mask, plays.track[row])
        tracks.plays[slot] += 1
        tracks.ms[slot] += ms
        by_day[0, d] += 1
        by_day[1, d] += ms
        if plays.genre[row] >= 0:
            by_genre[calendar.month[d], 0, plays.genre[row]] += 1
            by_genre[calendar.month[d], 1, plays.genre[row]] += ms
        out.clock[user, 24 * calendar.weekday[d] + hour] += 1
        out.night_plays[user] += hour >= NIGHT_BEGINS or hour < NIGHT_ENDS
    return seen_artists, seen_tracks


@njit(cache=True, nogil=True)
def _read_artists(user, artists, seen, out, totals, found):  # type: ignore[no-untyped-def]
    """Top artists, discoveries, and the (user, artist) totals, written from `found` on."""
    new = np.zeros((3, 1), np.int64)
    new[0] = NONE
    for entry in range(seen):
        slot = artists.used[entry]
        key, plays, ms = artists.key[slot], artists.plays[slot], artists.ms[slot]
        if plays == 0:
            continue
        _rank(out.top_artists[user], key, plays, ms)
        if not artists.known[slot]:
            _rank(new, key, plays, ms)
            out.discoveries[user, 0] += 1
            out.discoveries[user, 1] += plays
        totals.artist[found], totals.user[found], totals.ms[found] = key, user, ms
        found += 1
        out.artists[user] += 1
    out.discoveries[user, 2], out.discoveries[user, 3] = new[0, 0], new[1, 0]
    return found


@njit(cache=True, nogil=True)
def _read_genres(user, by_genre, out):  # type: ignore[no-untyped-def]
    best = np.empty((3, 1), np.int64)
    for month in range(MONTHS):
        best[0], best[1:] = NONE, 0
        for genre in range(by_genre.shape[2]):
            if by_genre[month, 0, genre] > 0:
                _rank(best, genre, by_genre[month, 0, genre], by_genre[month, 1, genre])
        out.month_genre[user, month] = best[0, 0]
    for genre in range(by_genre.shape[2]):
        plays = by_genre[:, 0, genre].sum()
        if plays > 0:
            out.genres[user] += 1
            _rank(out.top_genres[user], genre, plays, by_genre[:, 1, genre].sum())


@njit(cache=True, nogil=True)
def _read_days(user, by_day, calendar, out):  # type: ignore[no-untyped-def]
    """Totals, months, the most played day and month (the earlier of two equals), streak and dry spell."""
    run = 0
    last_played = NONE
    for d in range(by_day.shape[1]):
        plays, ms = by_day[0, d], by_day[1, d]
        if plays == 0:
            run = 0
            continue
        out.plays[user] += plays
        out.ms[user] += ms
        out.months[user, 0, calendar.month[d]] += plays
        out.months[user, 1, calendar.month[d]] += ms
        top = out.top_day[user]
        if plays > top[1] or (plays == top[1] and ms > top[2]):
            top[0], top[1], top[2] = calendar.first_day + d, plays, ms
        run += 1
        if run > out.streak[user, 0]:
            out.streak[user, 0], out.streak[user, 1] = run, calendar.first_day + d - run + 1
        gap = d - last_played - 1
        if last_played != NONE and gap > out.dry_spell[user, 0]:
            out.dry_spell[user, 0], out.dry_spell[user, 1] = gap, calendar.first_day + last_played + 1
        last_played = d
    best = -1
    for month in range(MONTHS):
        plays, ms = out.months[user, 0, month], out.months[user, 1, month]
        if plays > 0 and (
            best < 0
            or plays > out.months[user, 0, best]
            or (plays == out.months[user, 0, best] and ms > out.months[user, 1, best])
        ):
            best = month
    out.top_month[user] = best
