"""The parts one by one: schema, catalogue, names, zones, draws, saves, playlists."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import DAY_MS
from shared.lake import Lake
from shared.world.countries import SPAN_START_DAY, ZONES, zone_offsets
from shared.world.rng import ONE, alias_tables, apportion, below, draw, pick, start, stream_key
from shared.world.schema import PLANS, SCHEMAS, SOURCES, described


@pytest.mark.parametrize("dataset", sorted(SCHEMAS))
def test_every_dataset_has_its_schema_with_meanings(tiny_world: Lake, dataset):
    found = tiny_world.dataset(dataset)
    assert found.schema.equals(SCHEMAS[dataset], check_metadata=True)
    assert pq.read_schema(found.paths[0]).equals(SCHEMAS[dataset], check_metadata=False)
    assert all(row["meaning"] for row in described(dataset))
    assert found.rows > 0
    for field in SCHEMAS[dataset]:
        assert field.nullable or found.table([field.name])[field.name].null_count == 0


def test_ids_are_dense_and_references_hold(tiny_world: Lake):
    table = {name: tiny_world.dataset(name).table() for name in SCHEMAS}
    for name, column in (
        ("artists", "artist_id"),
        ("albums", "album_id"),
        ("tracks", "track_id"),
        ("users", "user_id"),
    ):
        assert table[name][column].to_pylist() == list(range(table[name].num_rows))
    tracks = table["tracks"].to_pylist()
    albums = table["albums"].to_pylist()
    for track in tracks:
        album = albums[track["album_id"]]
        assert track["artist_ids"][0] == album["artist_id"]
        assert track["released"] == album["released"]
        assert len(set(track["artist_ids"])) == len(track["artist_ids"])
        assert max(track["artist_ids"]) < table["artists"].num_rows
    assert sum(len(track["artist_ids"]) > 1 for track in tracks) > 50
    assert table["plays"]["user_id"].to_numpy().max() < 500


def test_copies_share_recording_title_artists_and_sound(tiny_world: Lake):
    tracks, truth = (tiny_world.dataset(name).table().to_pylist() for name in ("tracks", "truth/tracks"))
    copies = [(tracks[row["track_id"]], tracks[row["copy_of"]]) for row in truth if row["copy_of"] is not None]
    assert 10 < len(copies) < 60
    for copy, original in copies:
        for field in ("recording", "title", "artist_ids", "duration_ms", "features", "explicit"):
            assert copy[field] == original[field]
        assert copy["album_id"] != original["album_id"]
    assert len({track["recording"] for track in tracks}) == len(tracks) - len(copies)
    covers = [(tracks[row["track_id"]], tracks[row["cover_of"]]) for row in truth if row["cover_of"] is not None]
    assert covers
    assert all(cover["title"] == original["title"] for cover, original in covers)


def test_features_carry_the_hidden_scene(tiny_world: Lake):
    """The nearest other artist's track shares the scene far oftener than chance, which is 1 in 20."""
    sound = np.array(tiny_world.dataset("tracks").table(["features"])["features"].to_pylist())
    scene = tiny_world.dataset("truth/tracks").table(["scene_id"])["scene_id"].to_numpy()
    artist = np.array([ids[0] for ids in tiny_world.dataset("tracks").table(["artist_ids"])["artist_ids"].to_pylist()])
    distance = ((sound[:, None, :] - sound[None, :, :]) ** 2).sum(axis=2)
    distance[artist[:, None] == artist[None, :]] = np.inf
    assert 0.5 < (scene[distance.argmin(axis=1)] == scene).mean() < 0.98


def test_names_have_accents_scripts_and_spellings_of_the_stage(small):
    from shared.world.tables import catalogue_tables

    tables = catalogue_tables(small.catalogue, 1)
    names, titles = tables["artists"]["name"].to_pylist(), tables["tracks"]["title"].to_pylist()
    scripts = {unicodedata.name(letter).split()[0] for name in names for letter in name if letter.isalpha()}
    assert {"LATIN", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "DEVANAGARI"} <= scripts
    accented = [name for name in names if any("à" <= letter.lower() <= "ž" for letter in name)]
    assert len(accented) > len(names) / 10
    for pattern in (r"^The ", r"^DJ ", r"^\w\w/\w\w$", r"[$!]", r"\d\d"):
        assert any(re.search(pattern, name) for name in names), pattern
    assert len(set(names)) > 0.9 * len(names)
    assert 0.5 * len(titles) < len(set(titles)) < 0.97 * len(titles)
    assert all(name == name.strip() and "  " not in name for name in [*names, *titles])
    assert all(unicodedata.is_normalized("NFC", name) for name in [*names, *titles])


@pytest.mark.parametrize("zone", ZONES)
def test_zone_offsets_are_those_of_the_time_zone_database(zone):
    offsets = zone_offsets()[ZONES.index(zone)]
    for day in range(offsets.size):
        noon = datetime.fromtimestamp((SPAN_START_DAY + day) * 86_400 + 43_200, UTC).replace(tzinfo=ZoneInfo(zone))
        assert timedelta(minutes=int(offsets[day])) == noon.utcoffset()


def test_zones_include_half_hours_and_both_hemispheres():
    offsets = zone_offsets()
    assert (offsets % 60 != 0).any()
    january, july = offsets[:, 14], offsets[:, 195]
    assert (january < july).any()
    assert (january > july).any()
    assert (january == july).any()


@given(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=40), st.integers(0, 2))
def test_alias_tables_have_exactly_the_weights(weights, split):
    cut = min(split, len(weights) - 1)
    first = np.unique([0, cut, len(weights)])
    threshold, alias = alias_tables(np.array(weights), first)
    for low, high in pairwise(first):
        count = high - low
        chance = np.zeros(count)
        for k in range(count):
            chance[k] += threshold[low + k] / ONE / count
            chance[alias[low + k]] += 1 / count - threshold[low + k] / ONE / count
        expected = np.array(weights[low:high]) / sum(weights[low:high])
        assert np.abs(chance - expected).max() < 1e-8


@given(st.lists(st.integers(0, 4096), min_size=1, max_size=50).filter(any), st.integers(0, 10**9))
def test_apportion_is_exact_and_fair(weights, total):
    parts = apportion(np.array(weights), total)
    assert parts.sum() == total
    assert (np.abs(parts - np.array(weights) / sum(weights) * total) <= 1).all()


def test_draws_are_uniform_and_streams_differ():
    state = np.zeros(1, np.uint64)
    start(state, stream_key(1, "test"), 7)
    draws = np.array([draw(state) for _ in range(20_000)])
    assert draws.min() >= 0
    assert draws.max() < ONE
    counts = np.bincount(draws * 16 // ONE, minlength=16)
    assert ((counts - 1250) ** 2 / 1250).sum() < 37.7  # chi-square, 15 degrees of freedom, 0.1 %
    picked = np.bincount([pick(state, np.array([1, 1, 4])) for _ in range(3_000)], minlength=3)
    assert picked[1] == 0
    assert abs(picked[0] - 750) < 100
    assert {below(state, 3) for _ in range(100)} == {0, 1, 2}
    firsts = set()
    for part in ("test", "other"):
        for row in range(100):
            start(state, stream_key(1, part), row)
            firsts.add(draw(state))
    assert len(firsts) == 200


def test_saves_are_heard_to_the_end_and_once(tiny_world: Lake):
    saves = tiny_world.dataset("saves").table()
    pairs = list(zip(saves["user_id"].to_pylist(), saves["track_id"].to_pylist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    plays, tracks = tiny_world.dataset("plays").paths, tiny_world.dataset("tracks").paths
    matched = duckdb.execute(
        "select count(*) from read_parquet($1) s where exists (select 1 from read_parquet($2) p join read_parquet($3) t using (track_id)"
        " where p.user_id = s.user_id and p.track_id = s.track_id and p.played_ms = t.duration_ms"
        " and epoch_ms(p.started_at) + p.played_ms = epoch_ms(s.saved_at))",
        [tiny_world.dataset("saves").paths, plays, tracks],
    ).fetchone()
    assert matched == (len(pairs),)


def test_playlists_are_of_one_scene_and_of_what_was_out(tiny_world: Lake):
    playlists = tiny_world.dataset("playlists").table()
    scene = tiny_world.dataset("truth/tracks").table()["scene_id"].to_numpy()
    released = tiny_world.dataset("tracks").table()["released"].cast("int32").to_numpy()
    created = playlists["created_at"].cast("int64").to_numpy()
    for tracks, moment in zip(playlists["track_ids"].to_pylist(), created, strict=True):
        assert 5 <= len(tracks) == len(set(tracks)) <= 40
        assert len(set(scene[tracks])) == 1
        assert (released[tracks] <= moment // DAY_MS).all()
    assert len(set(playlists["playlist_id"].to_pylist())) == playlists.num_rows
    assert len(set(playlists["title"].to_pylist())) > 100


def test_duckdb_reads_plan_and_source_as_strings(tiny_world: Lake):
    found = duckdb.execute(
        "select distinct plan, source, typeof(plan), typeof(source) from read_parquet($1)",
        [tiny_world.dataset("plays").paths],
    ).fetchall()
    assert {row[0] for row in found} == set(PLANS)
    assert {row[1] for row in found} == set(SOURCES)
    assert {row[2:] for row in found} == {("VARCHAR", "VARCHAR")}
