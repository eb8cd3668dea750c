"""What comes in, what lies between, and what goes out.

The storage is a small star schema. The fact table `wrapped/plays` is bucketed by user and sorted by (user, time), so that a user's year
is one contiguous run of rows in one file. Its dimensions are `calendar` (the days of the reviewed year), `artists`, `tracks` and
`genres`, whose ids are given in the order of names. Local time enters as columns, computed once: a statistic is then plain counting,
and no engine's idea of time zones, week numbers or integer division can change it.
"""

import pyarrow as pa

TOP = 5
MONTHS = 12
CLOCK_CELLS = 7 * 24


def _field(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={"meaning": meaning})


def _longs(count: int) -> pa.DataType:
    return pa.list_(pa.field("value", pa.int64(), nullable=False), count)


PLAYS = pa.schema(
    [
        _field("user_id", pa.int64(), "who listened"),
        _field("started_ms", pa.int64(), "start of the play, ms since the epoch, UTC"),
        _field("local_day", pa.int32(), "the listener's calendar day at the start, days since 1970-01-01"),
        _field("local_hour", pa.int8(), "the listener's hour at the start, 0..23"),
        _field("artist", pa.int32(), "wrapped/artists, in the order of names"),
        _field("track", pa.int32(), "wrapped/tracks, in the order of titles"),
        _field("genre", pa.int16(), "wrapped/genres, in the order of names; -1: unknown"),
        _field("ms", pa.int32(), "milliseconds listened; a play counts from 30,000"),
    ]
)

CALENDAR = pa.schema(
    [
        _field("local_day", pa.int32(), "each day of the reviewed year, days since 1970-01-01"),
        _field("month", pa.int32(), "0..11"),
        _field("weekday", pa.int32(), "0 (Monday) .. 6"),
    ]
)

ARTISTS = pa.schema([_field("artist", pa.int32(), "dense, in the order of names"), _field("name", pa.string(), "")])
GENRES = pa.schema([_field("genre", pa.int16(), "dense, in the order of names"), _field("name", pa.string(), "")])
TRACKS = pa.schema(
    [
        _field("track", pa.int32(), "dense, in the order of titles, then artists"),
        _field("title", pa.string(), ""),
        _field("artist", pa.int32(), "the main artist"),
    ]
)

YEARS = pa.schema(
    [
        _field("user_id", pa.int64(), "ascending inside a bucket"),
        _field("rows", pa.int64(), "plays that began in the year, counted or not"),
        _field("plays", pa.int64(), "those that count: 30 s and more"),
        _field("ms", pa.int64(), "milliseconds of the counted plays"),
        _field("artists", pa.int64(), "distinct"),
        _field("tracks", pa.int64(), "distinct"),
        _field("genres", pa.int64(), "distinct"),
        _field("first_day", pa.int64(), "the covered interval: first local day with a row of the year; -1: none"),
        _field("last_day", pa.int64(), "its last day"),
        _field("history_day", pa.int64(), "the earliest day known at all; discoveries are judged against it"),
        _field("top_artists", _longs(3 * TOP), "5 ids (-1: none), 5 counts of plays, 5 sums of ms"),
        _field("top_tracks", _longs(3 * TOP), "likewise"),
        _field("top_genres", _longs(3 * TOP), "likewise"),
        _field("months", _longs(2 * MONTHS), "plays by month, then ms by month"),
        _field("month_genre", _longs(MONTHS), "top genre of each month; -1: none"),
        _field("top_month", pa.int64(), "0..11; -1: none"),
        _field("top_day", _longs(3), "most played day, its plays, its ms"),
        _field("clock", _longs(CLOCK_CELLS), "plays by weekday (Monday first) × hour"),
        _field("streak", _longs(2), "longest run of days with a play: days, first day"),
        _field("dry_spell", _longs(2), "longest run of days without one between two plays: days, first day"),
        _field(
            "discoveries", _longs(4), "artists first heard this year, their plays, the most played of them, its plays"
        ),
        _field("night_plays", pa.int64(), "plays that began from 20:00 to 06:00"),
        _field("personality", pa.int64(), "0..7, see wrapped/personality.py; -1: too little to say"),
        _field(
            "standings", _longs(3 * TOP), "of each top artist: listeners, listeners ahead, others level with this one"
        ),
    ]
)
