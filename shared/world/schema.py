"""Every dataset of the world: field, type, unit, meaning. The single truth: `liner world schema` prints it, and tables are cast to it.

Units and meanings travel in the Arrow field metadata, so they are in the Parquet files too. DuckDB and Spark read the dictionary
columns as plain strings.
"""

from typing import Any

import pyarrow as pa

FEATURES = 16
SOURCES = ("search", "collection", "album", "playlist", "radio")
PROGRAMMED = "radio"
"""The source that counts as programmed: the service, not the listener, chose the track."""
PLANS = ("free", "premium")
AGE_BANDS = ("13-17", "18-24", "25-34", "35-44", "45-54", "55+")

_NAME = pa.dictionary(pa.int8(), pa.string())
_MOMENT = pa.timestamp("ms", tz="UTC")


def _field(name: str, kind: pa.DataType, meaning: str, unit: str = "", nullable: bool = False) -> pa.Field:
    metadata = {"meaning": meaning, **({"unit": unit} if unit else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _ids(item: str) -> pa.DataType:
    return pa.list_(pa.field(item, pa.int32(), nullable=False))


SCHEMAS: dict[str, pa.Schema] = {
    "artists": pa.schema(
        [
            _field("artist_id", pa.int32(), "dense from 0"),
            _field("name", pa.string(), "as the artist spells it; not unique"),
            _field("genre", pa.string(), "main genre"),
            _field("country", pa.string(), "ISO 3166 code"),
        ]
    ),
    "albums": pa.schema(
        [
            _field("album_id", pa.int32(), "dense from 0"),
            _field("title", pa.string(), "not unique; a single carries its track's title"),
            _field("artist_id", pa.int32(), "main artist"),
            _field("released", pa.date32(), "day of release, UTC", "days since 1970-01-01"),
        ]
    ),
    "tracks": pa.schema(
        [
            _field("track_id", pa.int32(), "dense from 0; consecutive on an album"),
            _field("recording", pa.string(), "ISRC-like code; the same recording under several track ids shares it"),
            _field("title", pa.string(), "not unique: covers, common words"),
            _field("album_id", pa.int32(), "the album it lies on"),
            _field("artist_ids", _ids("artist_id"), "every credited artist, the main artist first"),
            _field("genre", pa.string(), "genre of the track"),
            _field("released", pa.date32(), "day of release, UTC; never played before", "days since 1970-01-01"),
            _field("duration_ms", pa.int32(), "length", "ms"),
            _field("explicit", pa.bool_(), "marked as explicit"),
            _field(
                "features",
                pa.list_(pa.field("value", pa.float32(), nullable=False), FEATURES),
                "embedding of the sound, noisy",
            ),
        ]
    ),
    "users": pa.schema(
        [
            _field("user_id", pa.int32(), "dense from 0"),
            _field("country", pa.string(), "ISO 3166 code"),
            _field("time_zone", pa.string(), "IANA name"),
            _field("age_band", pa.string(), "one of " + ", ".join(AGE_BANDS), "years"),
            _field("language", pa.string(), "ISO 639-1 code"),
            _field("plan", pa.string(), "free or premium, on the last day of the world"),
            _field("signed_up", _MOMENT, "no play is earlier", "ms since the epoch, UTC"),
        ]
    ),
    "plays": pa.schema(
        [
            _field("event_id", pa.int64(), "unique; ascending by user, then time"),
            _field("user_id", pa.int32(), "who listened"),
            _field("track_id", pa.int32(), "what was played"),
            _field("started_at", _MOMENT, "start of the play", "ms since the epoch, UTC"),
            _field("played_ms", pa.int32(), "listened to; less than the track's length when it was skipped", "ms"),
            _field("plan", _NAME, "the listener's plan at that time: free or premium"),
            _field("source", _NAME, f"where the play came from: {', '.join(SOURCES)}; {PROGRAMMED} is programmed"),
        ]
    ),
    "playlists": pa.schema(
        [
            _field("playlist_id", pa.int32(), "unique, not dense"),
            _field("user_id", pa.int32(), "owner"),
            _field("title", pa.string(), "not unique"),
            _field("track_ids", _ids("track_id"), "in order, each track once"),
            _field("created_at", _MOMENT, "its tracks were out by then", "ms since the epoch, UTC"),
        ]
    ),
    "saves": pa.schema(
        [
            _field("user_id", pa.int32(), "who saved"),
            _field("track_id", pa.int32(), "what was saved; a track once a user"),
            _field("saved_at", _MOMENT, "at the end of the play that convinced", "ms since the epoch, UTC"),
        ]
    ),
    "shows": pa.schema(
        [
            _field("show_id", pa.int32(), "dense from 0"),
            _field("title", pa.string(), "not unique"),
            _field("language", pa.string(), "ISO 639-1 code"),
            _field("followers", pa.int64(), "how many follow the show"),
        ]
    ),
    "episodes": pa.schema(
        [
            _field("episode_id", pa.int32(), "dense from 0; consecutive in a show, oldest first"),
            _field("show_id", pa.int32(), "its show"),
            _field("title", pa.string(), "not unique"),
            _field("language", pa.string(), "ISO 639-1 code, its show's"),
            _field("released", pa.date32(), "day of release, UTC", "days since 1970-01-01"),
            _field("duration_ms", pa.int32(), "length", "ms"),
        ]
    ),
    "searches": pa.schema(
        [
            _field("search_id", pa.int64(), "dense from 0; ascending by user"),
            _field("user_id", pa.int32(), "who searched"),
            _field("started_at", _MOMENT, "first key", "ms since the epoch, UTC"),
            _field("keys", pa.string(), "every key pressed, ⌫ for backspace"),
            _field("typed", pa.string(), "what stood in the box at the end"),
            _field("chosen_type", pa.string(), "artist, track or show"),
            _field("chosen_id", pa.int32(), "the artist_id, track_id or show_id that was chosen"),
        ]
    ),
    "truth/scenes": pa.schema(
        [
            _field("scene_id", pa.int16(), "dense from 0; a hidden taste inside a genre"),
            _field("genre", pa.string(), "its genre"),
            _field("country", pa.string(), "its home; null when it has none", nullable=True),
            _field("weight", pa.int64(), "how big it is; a share of the sum"),
        ]
    ),
    "truth/tracks": pa.schema(
        [
            _field("track_id", pa.int32(), "dense from 0"),
            _field("scene_id", pa.int16(), "its hidden scene"),
            _field("weight", pa.int64(), "popularity inside its scene; a share of the scene's sum"),
            _field("copy_of", pa.int32(), "the track whose recording this is; null when its own", nullable=True),
            _field(
                "cover_of", pa.int32(), "the track by another artist whose title it took; null when none", nullable=True
            ),
        ]
    ),
    "truth/users": pa.schema(
        [
            _field("user_id", pa.int32(), "dense from 0"),
            _field("scenes_then", _ids("scene_id"), "tastes on 2025-01-01"),
            _field("weights_then", _ids("weight"), "their weights; shares of the sum"),
            _field(
                "scenes_now",
                _ids("scene_id"),
                "tastes on the last day; the mixture moves linearly from one to the other",
            ),
            _field("weights_now", _ids("weight"), "their weights; shares of the sum"),
            _field("owl_minutes", pa.int16(), "how much later than the country this person lives", "minutes"),
            _field(
                "plan_changed_day",
                pa.int32(),
                "first day of the present plan; null when it never changed",
                "days since 1970-01-01",
                True,
            ),
        ]
    ),
}


def table(dataset: str, columns: dict[str, Any]) -> pa.Table:
    """A dataset's table from its columns (Arrow, numpy or lists), in the order and the types of its schema."""
    schema = SCHEMAS[dataset]
    given = (columns[name] for name in schema.names)
    arrays = [column if isinstance(column, pa.Array) else pa.array(column) for column in given]
    return pa.Table.from_arrays(arrays, schema.names).cast(schema)


def described(dataset: str) -> list[dict[str, str]]:
    """Field, type, unit ("" when it has none) and meaning of each field, as text."""
    rows = []
    for field in SCHEMAS[dataset]:
        texts = {key.decode(): value.decode() for key, value in field.metadata.items()}
        kind = "string" if pa.types.is_dictionary(field.type) else str(field.type).replace(" not null", "")
        rows.append({"field": field.name, "type": kind, "unit": texts.get("unit", ""), "meaning": texts["meaning"]})
    return rows
