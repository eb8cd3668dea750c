"""What comes in and what goes out: plays as Arrow columns, the same columns as numpy arrays, the reasons of a
rejection, chart rows.

A play is one row of fixed width beside its list of credited artists. Ids are integers; a file with textual ids gets a
dictionary when it is read (`files.py`). Nothing is lost on the way: a cell that could not be read travels as null, and
the row is rejected with its reason.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def _field(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"meaning": meaning})


PLAYS = pa.schema(
    [
        _field("event_id", pa.int64(), "made by the client, kept when it sends again"),
        _field("user_id", pa.int64(), "who listened; chooses the partition"),
        _field("track_id", pa.int64(), "what was played"),
        _field("artist_ids", pa.list_(pa.int64()), "every credited artist"),
        _field("country", pa.binary(2), "ISO 3166, two capital letters; -- counts in the global chart only"),
        _field("started_at", pa.timestamp("ms", tz="UTC"), "start of the play"),
        _field("played_ms", pa.int32(), "how long it was listened to, in ms"),
        _field("tier", pa.int8(), "0 paid, 1 ad-funded, 2 programmed"),
        _field("track_ms", pa.int32(), "length of the track in ms; null when unknown"),
    ]
)
COUNTS = pa.schema(
    [
        pa.field("day", pa.int8()),  # 0 is the Friday
        pa.field("country", pa.int16()),  # country_code()
        pa.field("artist_id", pa.int64()),
        pa.field("units", pa.int64()),  # in sixths
        pa.field("plays", pa.int64()),
    ]
)
CHART = pa.schema(
    [
        pa.field("scope", pa.string()),  # `global` or a country
        pa.field("rank", pa.int32()),
        pa.field("artist_id", pa.int64()),
        pa.field("units", pa.int64()),
        pa.field("plays", pa.int64()),
    ]
)
DIFF = pa.schema(
    [
        pa.field("scope", pa.string()),
        pa.field("artist_id", pa.int64()),
        *(
            pa.field(f"{column}_{side}", pa.int64())
            for column in ("rank", "units", "plays")
            for side in ("before", "after")
        ),
    ]
)


class Verdict(IntEnum):
    """What became of a play: counted, or the one reason why not. Checked in this order."""

    COUNTED = 0
    MISSING_ID = 1
    BAD_CREDITS = 2
    IMPOSSIBLE_TIME = 3
    IMPOSSIBLE_LENGTH = 4
    UNKNOWN_COUNTRY = 5
    UNKNOWN_TIER = 6
    TOO_LATE = 7
    DUPLICATE = 8
    CONFLICTING_PAYLOAD = 9
    TOO_SHORT = 10
    OVER_DAILY_CAP = 11


class Plays(NamedTuple):
    """Columns of plays in a form that kernels read; row i credits `artists[credit[i]:credit[i + 1]]`."""

    event_id: Ints  # (n)
    user_id: Ints
    track_id: Ints
    started_at: Ints  # ms since the epoch, UTC
    played_ms: NDArray[np.int32]
    country: NDArray[np.int16]
    tier: NDArray[np.int8]
    credit: Ints  # (n + 1)
    artists: Ints  # (credits)


ROW = np.dtype(
    [
        ("event_id", np.int64),
        ("user_id", np.int64),
        ("track_id", np.int64),
        ("started_at", np.int64),
        ("played_ms", np.int32),
        ("following", np.int32),  # the next row in a list of its group (caps.py)
        ("credit", np.uint32),  # its artists are artists[credit : credit of the next row]
        ("country", np.int16),
        ("tier", np.int8),
        ("verdict", np.uint8),
    ]
)
"""A play as a segment keeps it: 48 bytes together, since a kernel that compares two plays should touch two cache lines, not fourteen."""

Rows = NDArray[np.void]

NOWHERE = 26 * 26
UNKNOWN = -1
_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI "
    "CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ "
    "GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG "
    "PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK "
    "TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
ISO_3166 = _COUNTRIES.split()


def country_code(name: str) -> int:
    """Two letters as one small number, in alphabetical order; `--` is NOWHERE."""
    return NOWHERE if name == "--" else (ord(name[0]) - 65) * 26 + ord(name[1]) - 65


def country_name(code: int) -> str:
    """The letters of a `country_code`."""
    return "--" if code == NOWHERE else chr(65 + code // 26) + chr(65 + code % 26)


def _codes() -> NDArray[np.int16]:
    """country_code by the two bytes as a little-endian number, int16[65536]; UNKNOWN for all that is no country."""
    table = np.full(1 << 16, UNKNOWN, np.int16)
    for name in [*ISO_3166, "--"]:
        table[ord(name[0]) + (ord(name[1]) << 8)] = country_code(name)
    return table


CODE_OF_BYTES = _codes()


def columns(batch: pa.RecordBatch) -> tuple[Plays, Ints, NDArray[np.bool_], NDArray[np.bool_]]:
    """A batch of PLAYS as numpy: the plays, track_ms (0: unknown), rows where an id is null, rows where a credit is null.

    What else is null gets a value that no rule accepts.
    """
    missing = np.zeros(batch.num_rows, bool)
    for name in ("event_id", "user_id", "track_id"):
        if batch.column(name).null_count:
            missing |= batch.column(name).is_null().to_numpy(zero_copy_only=False)
    credit, artists, bad_credits = _credits(batch.column("artist_ids"))
    country = batch.column("country").fill_null(b"??")
    letters = np.frombuffer(country.buffers()[1], np.uint16)[country.offset : country.offset + len(country)]
    plays = Plays(
        event_id=_numbers(batch.column("event_id"), 0),
        user_id=_numbers(batch.column("user_id"), 0),
        track_id=_numbers(batch.column("track_id"), 0),
        started_at=_numbers(batch.column("started_at").cast(pa.int64()), -1),
        played_ms=_numbers(batch.column("played_ms"), -1),
        country=CODE_OF_BYTES[letters],
        tier=_numbers(batch.column("tier"), UNKNOWN),
        credit=credit,
        artists=artists,
    )
    return plays, _numbers(batch.column("track_ms"), 0), missing, bad_credits


def _numbers(column: pa.Array, null: int) -> Any:
    filled = column.fill_null(null) if column.null_count else column
    return filled.to_numpy(zero_copy_only=True)


def _credits(column: pa.ListArray) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Offsets (n + 1) and values of the lists, and the rows that are null or hold a null."""
    bad = column.is_null().to_numpy(zero_copy_only=False)
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values
    if values.null_count:
        holes = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))
        bad[np.searchsorted(offsets, holes[(holes >= offsets[0]) & (holes < offsets[-1])], side="right") - 1] = True
    return offsets, _numbers(values, 0), bad


def to_batch(plays: Plays) -> pa.RecordBatch:
    """Plays as a batch of PLAYS, for the store."""
    names = np.array([country_name(code) for code in range(NOWHERE + 1)], "S2")
    artists = pa.ListArray.from_arrays(pa.array(plays.credit.astype(np.int32)), pa.array(plays.artists))
    arrays = [
        pa.array(plays.event_id),
        pa.array(plays.user_id),
        pa.array(plays.track_id),
        artists,
        pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(2), len(plays.country), [None, pa.py_buffer(names[plays.country])]
        ),
        pa.array(plays.started_at).cast(pa.timestamp("ms", tz="UTC")),
        pa.array(plays.played_ms),
        pa.array(plays.tier),
        pa.nulls(len(plays.tier), pa.int32()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=PLAYS)
