"""The tracks a room may play, one row each: what is fixed about them, and the vectors that Discover Weekly published.

`jam_recs/tracks` in the lake is what this system knows of a track (schema TRACKS; anybody's own Parquet fits it); the vectors come from
`discover_weekly/track_vectors` and `discover_weekly/user_vectors`. A track without a vector cannot be recommended, only added by hand;
a listener without one is taken for the mean listener, whose best tracks are the popular ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jam_recs.records import Track
from shared.errors import BadInput, NotFound
from shared.lake import Dataset, Lake

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Rows = NDArray[np.int64]

NAME = "jam_recs/tracks"
TRACKS = pa.schema(
    [
        pa.field("track_id", pa.int32(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist_id", pa.int32(), nullable=False, metadata={"meaning": "the main artist"}),
        pa.field("artist", pa.string(), nullable=False),
        pa.field("recording", pa.string(), nullable=False, metadata={"meaning": "ISRC; two ids of one are one song"}),
        pa.field("duration_ms", pa.int32(), nullable=False, metadata={"unit": "ms"}),
        pa.field("explicit", pa.bool_(), nullable=False),
        pa.field("tempo", pa.float32(), nullable=False, metadata={"meaning": "any scale; it is standardised"}),
        pa.field("energy", pa.float32(), nullable=False, metadata={"meaning": "any scale; it is standardised"}),
        pa.field("closed_in", pa.list_(pa.string()), metadata={"meaning": "ISO 3166 codes without a licence"}),
    ]
)
MAX_MARKETS = 64
MOST = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Catalogue:
    """Arrays with one row a track, by rising track id, and the listeners' vectors."""

    track_ids: Int32  # [tracks], sorted
    vectors: Float32  # [tracks, factors]
    artist: Int32  # [tracks]
    recording: Int32  # [tracks], equal where two ids are one recording
    explicit: NDArray[np.bool_]  # [tracks]
    flow: Float32  # [tracks, 2], tempo and energy in standard deviations
    closed: NDArray[np.uint64]  # [tracks], bit m: no licence in market m
    markets: tuple[str, ...]  # the bits of `closed`
    user_ids: Int32  # [users], sorted
    users: Float32  # [users, factors]
    shown: pa.Table | None = None  # title, artist, duration_ms of each row; None where nobody reads them

    def rows(self, track_ids: Sequence[int] | Int32) -> Rows:
        """The rows of track ids; -1 where an id is unknown."""
        return places(self.track_ids, np.asarray(track_ids, np.int64).reshape(-1))

    def listener(self, user_id: int) -> Float32:
        """The vector of a listener float32[factors]; the mean listener's for an unknown one and for one who never played."""
        row = places(self.user_ids, np.array([user_id]))[0]
        if row >= 0 and self.users[row].any():
            own: Float32 = self.users[row]
            return own
        mean: Float32 = self.users.mean(axis=0) if len(self.users) else self.vectors.mean(axis=0)
        return mean

    def track(self, track_id: int) -> Track:
        """What a person is shown; NotFound for an unknown id."""
        row = int(self.rows([track_id])[0])
        if row < 0:
            raise NotFound(f"track {track_id}: not in the catalogue of {len(self.track_ids)} tracks")
        return self.tracks([row])[0]

    def tracks(self, rows: Sequence[int] | Rows) -> list[Track]:
        """What a person is shown of rows."""
        if self.shown is None:
            raise NotFound("the titles of this catalogue were not read")
        rows = np.asarray(rows, np.int64)
        numbers = zip(
            self.track_ids[rows].tolist(), self.artist[rows].tolist(), self.explicit[rows].tolist(), strict=True
        )
        said = self.shown.select(["title", "artist", "duration_ms"]).take(pa.array(rows)).to_pydict()
        return [
            Track(track, title, number, artist, duration, explicit)
            for (track, number, explicit), title, artist, duration in zip(numbers, *said.values(), strict=True)
        ]

    def find(self, text: str, limit: int) -> list[Track]:
        """The first `limit` tracks, by id, whose title or artist holds `text`, whatever the case."""
        if self.shown is None or not text.strip():
            return []
        held = [pc.match_substring(self.shown[name], text.strip(), ignore_case=True) for name in ("title", "artist")]
        rows = np.flatnonzero(pc.or_(*held).to_numpy())[:limit]
        return self.tracks(rows)


def places(sorted_ids: Int32, wanted: NDArray[np.int64]) -> Rows:
    """Positions of `wanted` in `sorted_ids`, -1 where absent."""
    if not len(sorted_ids):
        return np.full(len(wanted), -1, np.int64)
    small = wanted.clip(-1, MOST).astype(np.int32)  # of their type, or all ids would be copied
    found = np.minimum(np.searchsorted(sorted_ids, small), len(sorted_ids) - 1)
    return np.where(sorted_ids[found] == wanted, found, -1)


def publish_tracks(lake: Lake, world: Lake) -> Dataset:
    """`jam_recs/tracks` from a world. Its tracks carry an embedding of the sound: the first two axes stand for tempo and energy."""
    tracks, artists = world.dataset("tracks"), world.dataset("artists").table(["artist_id", "name"])
    table = tracks.table().combine_chunks()
    credited = table["artist_ids"].combine_chunks()
    main = credited.flatten().take(credited.offsets[:-1])  # every track has a main artist
    sound = table["features"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    columns = {
        **{name: table[name] for name in ("track_id", "title", "recording", "duration_ms", "explicit")},
        "artist_id": main,
        "artist": artists["name"].take(pc.index_in(main, artists["artist_id"])),
        "tempo": sound[:, 0],
        "energy": sound[:, 1],
        "closed_in": pa.nulls(table.num_rows, pa.list_(pa.string())),  # the world knows no licences
    }
    made = pa.table([columns[name] for name in TRACKS.names], names=TRACKS.names).cast(TRACKS)
    return lake.publish_table(NAME, tracks.version, made)


def load_catalogue(lake: Lake) -> Catalogue:
    """Tracks with vectors, once a process. NotFound where `jam_recs/tracks` or the vectors were never published."""
    tracks = lake.dataset(NAME).table()
    track_ids, vectors = _vectors(lake, "track_vectors", "track_id")
    user_ids, users = _vectors(lake, "user_vectors", "user_id")
    if vectors.shape[1] != users.shape[1]:
        raise BadInput(
            f"track vectors have {vectors.shape[1]} factors, user vectors {users.shape[1]}; publish one week whole"
        )
    order = np.argsort(tracks["track_id"].to_numpy(), kind="stable")
    tracks = tracks.take(order)
    ids = tracks["track_id"].to_numpy()
    found = places(track_ids, ids.astype(np.int64))
    rows = np.zeros((len(ids), vectors.shape[1]), np.float32)
    rows[found >= 0] = vectors[found[found >= 0]]
    closed, markets = _closed(tracks["closed_in"])
    flow = np.stack([tracks[name].to_numpy() for name in ("tempo", "energy")], axis=1).astype(np.float32)
    _finite(NAME, ids, flow)
    return Catalogue(
        ids, rows, tracks["artist_id"].to_numpy(),
        tracks["recording"].combine_chunks().dictionary_encode().indices.to_numpy(),
        tracks["explicit"].combine_chunks().to_numpy(zero_copy_only=False),
        (flow - flow.mean(axis=0)) / np.maximum(flow.std(axis=0), 1e-6),
        closed, markets, user_ids, users,
        tracks.select(["title", "artist", "duration_ms"]).combine_chunks(),
    )  # fmt: skip


def _vectors(lake: Lake, name: str, key: str) -> tuple[Int32, Float32]:
    """Ids and vectors of the newest published week, by rising id."""
    table = lake.dataset(f"discover_weekly/{name}").table().combine_chunks()
    ids = table[key].to_numpy()
    values = table["vector"].combine_chunks().flatten().to_numpy().reshape(len(ids), -1)
    _finite(f"discover_weekly/{name}", ids, values)
    order = np.argsort(ids, kind="stable")
    return ids[order], np.ascontiguousarray(values[order], np.float32)


def _finite(name: str, ids: Int32, values: Float32) -> None:
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise BadInput(f"{name}: row {wrong[0] + 1}, id {ids[wrong[0]]}: NaN or infinity; publish it again")


def _closed(column: pa.ChunkedArray) -> tuple[NDArray[np.uint64], tuple[str, ...]]:
    """A bit mask a row, and the markets that are its bits."""
    lists = column.combine_chunks()
    parents, codes = pc.list_parent_indices(lists).to_numpy(), pc.list_flatten(lists).dictionary_encode()
    markets = tuple(codes.dictionary.to_pylist())
    if len(markets) > MAX_MARKETS:
        raise BadInput(
            f"{NAME}: field 'closed_in' names {len(markets)} markets; at most {MAX_MARKETS} can be told apart"
        )
    masks = np.zeros(len(lists), np.uint64)
    bits = np.uint64(1) << codes.indices.to_numpy().astype(np.uint64)
    np.bitwise_or.at(masks, parents, bits)
    return masks, markets
