"""The lake's tracks and vectors as one catalogue; what does not fit is named."""

import numpy as np
import pyarrow as pa
import pytest

from jam_recs.catalogue import NAME, TRACKS, load_catalogue, publish_tracks
from shared.errors import BadInput, NotFound
from shared.lake import Lake

WEEK = "2026-W48"


def vectors(key, ids, values):
    return pa.table(
        {
            key: pa.array(ids, pa.int32()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(values), pa.float32()), 2),
        }
    )


def tracks(closed=(None, ["DE"], ["DE", "SE"])):
    rows = {
        "track_id": [7, 3, 5], "title": ["Ünder", "Ocean", "ocean floor"], "artist_id": [1, 1, 2],
        "artist": ["A", "A", "B"], "recording": ["x", "y", "x"], "duration_ms": [1, 2, 3],
        "explicit": [False, True, False], "tempo": [100.0, 120.0, 140.0], "energy": [1.0, 1.0, 1.0], "closed_in": list(closed),
    }  # fmt: skip
    return pa.table([pa.array(rows[field.name], field.type) for field in TRACKS], schema=TRACKS)


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path)
    made.publish_table(NAME, "1", tracks())
    made.publish_table("discover_weekly/track_vectors", WEEK, vectors("track_id", [9, 5, 3], [[9, 9], [5, 5], [3, 3]]))
    made.publish_table("discover_weekly/user_vectors", WEEK, vectors("user_id", [1, 0], [[1, 0], [0, 1]]))
    return made


def test_rows_stand_by_id_and_a_track_without_a_vector_has_zeros(lake):
    known = load_catalogue(lake)
    assert known.track_ids.tolist() == [3, 5, 7]
    assert known.vectors.tolist() == [[3, 3], [5, 5], [0, 0]]
    assert known.listener(0).tolist() == [0, 1]
    assert known.recording[1] == known.recording[2] != known.recording[0]
    assert known.closed.tolist() == [1, 3, 0]
    assert known.markets == ("DE", "SE")
    assert known.flow[:, 0].tolist() == pytest.approx([0, 1.2247, -1.2247], abs=1e-3)
    assert known.flow[:, 1].tolist() == [0, 0, 0]  # a constant says nothing


def test_tracks_are_found_by_any_part_of_title_or_artist(lake):
    known = load_catalogue(lake)
    assert [track.track_id for track in known.find("OCEAN", 9)] == [3, 5]
    assert [track.track_id for track in known.find("ünd", 9)] == [7]
    assert known.find("  ", 9) == []
    assert known.find("ocean", 1)[0].artist == "A"
    assert known.track(3).explicit
    with pytest.raises(NotFound, match="track 4"):
        known.track(4)


def test_nothing_published_is_said(tmp_path):
    with pytest.raises(NotFound, match="jam_recs/tracks"):
        load_catalogue(Lake(tmp_path))


def test_nan_vectors_name_the_row(lake):
    lake.publish_table("discover_weekly/track_vectors", WEEK, vectors("track_id", [5, 3], [[1, 1], [np.nan, 0]]))
    with pytest.raises(BadInput, match=r"track_vectors: row 2, id 3: NaN"):
        load_catalogue(lake)


def test_vectors_of_two_models_are_refused(lake):
    lake.publish_table(
        "discover_weekly/user_vectors",
        WEEK,
        pa.table(
            {
                "user_id": pa.array([0], pa.int32()),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3], pa.float32()), 3),
            }
        ),
    )
    with pytest.raises(BadInput, match="2 factors, user vectors 3"):
        load_catalogue(lake)


def test_more_markets_than_bits_are_refused(lake):
    lake.publish_table(NAME, "1", tracks([[f"M{m}" for m in range(65)], None, None]))
    with pytest.raises(BadInput, match="65 markets"):
        load_catalogue(lake)


def test_a_world_becomes_tracks(tmp_path, tiny_world):
    world = tiny_world
    published = publish_tracks(Lake(tmp_path / "lake"), world)
    assert published.schema.equals(TRACKS)
    given = world.dataset("tracks").table()
    made = published.table()
    assert made["track_id"].equals(given["track_id"])
    assert made["artist_id"].to_pylist() == [artists[0] for artists in given["artist_ids"].to_pylist()]
    assert np.std(made["tempo"].to_numpy()) > 0
