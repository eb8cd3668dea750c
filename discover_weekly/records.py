"""What comes in and what goes out. The synthetic world fits these schemas; so can anybody's own Parquet files.

In: plays, a catalogue of tracks, users. Out: one row per user and rank in `discover_weekly/lists`, and for other systems the
vectors behind them in `discover_weekly/user_vectors` and `discover_weekly/track_vectors`.
"""

from dataclasses import dataclass

import pyarrow as pa

from shared.errors import BadInput
from shared.lake import Dataset

PLAYS = pa.schema(
    [
        pa.field("user_id", pa.int32(), metadata={"meaning": "who listened"}),
        pa.field("track_id", pa.int32(), metadata={"meaning": "to what"}),
        pa.field(
            "started_at",
            pa.timestamp("ms", tz="UTC"),
            metadata={"meaning": "when; the same track at the same ms is one play"},
        ),
        pa.field("played_ms", pa.int32(), metadata={"unit": "ms", "meaning": "for how long; from 30 s on it counts"}),
    ]
)
TRACKS = pa.schema(
    [
        pa.field("track_id", pa.int32()),
        pa.field("title", pa.string()),
        pa.field("artist_ids", pa.list_(pa.int32()), metadata={"meaning": "every credited artist, the main one first"}),
        pa.field(
            "recording", pa.string(), metadata={"meaning": "the ISRC: one recording may stand under several track ids"}
        ),
        pa.field("released", pa.date32()),
    ]
)
USERS = pa.schema([pa.field("user_id", pa.int32()), pa.field("country", pa.string())])

LISTS = pa.schema(
    [
        pa.field("user_id", pa.int32(), nullable=False),
        pa.field("rank", pa.int8(), nullable=False),  # 1 is played first
        pa.field("track_id", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),  # x_u·y_i; 0 for a track that is popular where the user lives
        pa.field(
            "reason_track_id", pa.int32(), nullable=False
        ),  # the own track that gives most of the score; -1: popular
        pa.field("reason_share", pa.float32(), nullable=False),  # its part of all that speaks for the track
    ]
)


def vectors_schema(id_name: str, factors: int) -> pa.Schema:
    """`user_vectors` and `track_vectors`: an id and float32[factors]; the dataset's details name the model."""
    vector = pa.list_(pa.field("item", pa.float32(), nullable=False), factors)
    return pa.schema([pa.field(id_name, pa.int32(), nullable=False), pa.field("vector", vector, nullable=False)])


@dataclass(frozen=True)
class Sources:
    """The inputs of a week; `artists` (artist_id, name) only names the tracks' artists for people."""

    plays: Dataset
    tracks: Dataset
    users: Dataset
    artists: Dataset | None = None


@dataclass(frozen=True)
class Rules:
    """What every list keeps; the gate counts violations and refuses to publish with one."""

    length: int = 30
    per_artist: int = 2
    quiet_weeks: int = 8  # a track that was in a list does not come back for so many weeks
    pool: int = 200  # candidates that the rules may eat into

    def __post_init__(self) -> None:
        if not (0 < self.length <= min(self.pool, 127) and self.per_artist > 0 and self.quiet_weeks >= 0):
            raise BadInput(f"{self}: expected 0 < length ≤ pool, length ≤ 127, per_artist ≥ 1 and quiet_weeks ≥ 0")
