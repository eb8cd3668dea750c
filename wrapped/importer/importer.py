"""From an export to a year: rows, duplicates, local time, and the same kernel that reviews a bucket of a hundred thousand users.

`ts` and `endTime` are the *end* of a play, so a play began `ms_played` earlier, and it is the beginning that decides day, month and year.
The old format knows the minute only: one of its rows is the same play as a row of the new format when minute, track and milliseconds
agree, and the new one is kept. What is the same in every field that matters is one play, in however many files it stands.
"""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.clock import Clock
from shared.errors import BadInput
from wrapped.bucket import code_table
from wrapped.importer.files import EXPECTED, Problem, opened
from wrapped.importer.rows import REASONS, UNKNOWN_MS, Rows, read_rows
from wrapped.local_time import local_time, year_days, zone_named
from wrapped.year import COUNTED_MS, NONE, Array, Calendar, Plays, Reviews, review

MINUTE_MS = 60_000
DUPLICATE = REASONS.index("duplicate")
NO_HISTORY = [REASONS.index(name) for name in ("broken_row", "no_track", "bad_time", "bad_duration")]
"""What every row of another file of the export comes to, or of one whose columns have other names."""


class Imported(NamedTuple):
    """One person's year: the reviews of one user, the names behind its ids, and where every row went."""

    reviews: Reviews
    artists: list[str]  # by id
    titles: list[str]  # by track id
    title_artists: list[int]  # artist id by track id
    read: int
    rejected: dict[str, int]  # every reason, zeros too
    problems: list[Problem]


def import_year(path: Path, year: int, zone: str, clock: Clock) -> Imported:
    """The year of whoever this export belongs to; BadInput when there is nothing in it that can be read."""
    zone_named(zone)
    calendar = Calendar(*year_days(year))
    with opened(path) as files:
        rows, problems = read_rows(files, clock())
    if len(rows.reason) == 0 and problems:
        raise BadInput(f"{path}: {problems[0].file}: {problems[0].problem}; nothing could be read")
    if len(rows.reason) and np.isin(rows.reason, NO_HISTORY).all():
        first = problems[0]
        why = f"{first.file}: {f'field {first.field}: ' if first.field else ''}{first.problem}"
        raise BadInput(f"{path}: not a listening history ({why}); give {EXPECTED}")
    good = np.flatnonzero(rows.reason == 0)
    artist, track, dimensions = _numbered(rows, good)
    twice = _duplicates(rows.precise[good], rows.at_ms[good], track, rows.ms[good])
    rows.reason[good[twice]] = DUPLICATE
    kept = good[~twice]
    plays = _plays(rows.at_ms[kept], rows.ms[kept], artist[~twice], track[~twice], zone)
    reviews, _ = review(np.array([0, len(kept)], np.int64), plays, calendar, 0)
    counts = Counter(rows.reason.tolist())
    return Imported(
        reviews,
        artists=dimensions[0]["name"].to_pylist(),
        titles=dimensions[1]["title"].to_pylist(),
        title_artists=dimensions[1]["artist"].to_pylist(),
        read=len(rows.reason),
        rejected={name: counts[number] for number, name in enumerate(REASONS) if number},
        problems=problems,
    )


def _plays(at_ms: Array, ms: Array, artist: Array, track: Array, zone: str) -> Plays:
    """The kernel's rows: a play of an export ends at `at_ms`, a scrobble begins there and counts without a duration."""
    scrobble = ms == UNKNOWN_MS
    listened = np.where(scrobble, 0, ms)
    day, hour = local_time(at_ms - listened, np.zeros(len(ms), np.int64), [zone])
    genre = np.full(len(ms), NONE, np.int16)
    return Plays(
        day, hour, artist, track, genre, listened.astype(np.int32), counted=scrobble | (listened >= COUNTED_MS)
    )


def _numbered(rows: Rows, good: Array) -> tuple[Array, Array, list[pa.Table]]:
    """Artist and track ids int32 [G] of the good rows, in the order of names, and the dimensions."""
    artists, artist = _distinct(rows.artist, good)
    titles, title = _distinct(rows.track, good)
    pairs, at = np.unique(artist * len(titles) + title, return_inverse=True)
    names = [artists[pair // len(titles)] for pair in pairs.tolist()]
    songs = [titles[pair % len(titles)] for pair in pairs.tolist()]
    codes, dimensions = code_table(pa.array(pairs), names, songs, [None] * len(pairs))
    return codes["artist"].to_numpy()[at], codes["track"].to_numpy()[at], dimensions


def _distinct(column: Any, good: Array) -> tuple[list[str], Array]:
    """The names in a column with composed accents (NFC), so that one name has one spelling, and the index int64 [G] of each good row's."""
    coded = column.combine_chunks().dictionary_encode()
    index = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return pc.utf8_normalize(coded.dictionary, form="NFC").to_pylist(), index[good]


def _duplicates(precise: Array, at_ms: Array, track: Array, ms: Array) -> Array:
    """bool [G]: the same play as an earlier row, or, for the old format, as any row of the new one in the same minute."""
    what = (track.astype(np.int64) << 32) | (ms + 1)
    twice = _repeated(np.where(precise, at_ms, -at_ms), what)
    if not precise.all():
        new_first = np.argsort(~precise, kind="stable")  # of each minute, rows of the new format come first
        again = np.empty(len(ms), bool)
        again[new_first] = _repeated((at_ms // MINUTE_MS)[new_first], what[new_first])
        twice |= again & ~precise
    return twice


def _repeated(first: Array, second: Array) -> Array:
    """bool [G]: an earlier row has the same two keys. Exports come in the order of time, so sorting by `first` is nearly free."""
    order = np.argsort(first, kind="stable")
    level = first[order][1:] == first[order][:-1]
    tied = (
        np.sort(order[np.flatnonzero(np.append(level, False) | np.insert(level, 0, False))])
        if level.any()
        else order[:0]
    )
    order = tied[np.lexsort((second[tied], first[tied]))]
    same = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    repeated = np.zeros(len(first), bool)
    repeated[order[1:][same]] = True
    return repeated
