"""Kernel = DuckDB on every cell, on believable listeners and on those made to break it; and what some of them must come to."""

import pytest

from shared.lake import Lake
from shared.ports import partition_of
from tests.wrapped.adversaries import (
    AUTUMN,
    EMPTY,
    FAR_EAST,
    FAR_WEST,
    HEAVY,
    LEAP,
    LEVEL,
    MOVED,
    NIGHT,
    OLD_ONLY,
    ONE,
    SKIPPER,
    SPRING,
    TIES,
    heavy_rows,
    rows,
    write,
)
from tests.wrapped.cells import STATEMENTS, kernel_cells, sql_cells
from tests.wrapped.conftest import NOW
from wrapped import bucket
from wrapped.pipeline import run_year
from wrapped.sources import own_source


@pytest.fixture(scope="module")
def adversaries(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adversaries")
    plays = write(folder / "plays", rows(2024) + heavy_rows(20_000, 2024))
    lake = Lake(folder / "lake")
    return lake, run_year(engine, lake, own_source(engine, plays), 2024, NOW)


@pytest.fixture(scope="module")
def year_of(adversaries):
    return {row["user_id"]: row for row in adversaries[1].table().to_pylist()}


def names(adversaries, dimension):
    return adversaries[0].dataset(f"wrapped/{dimension}").table()[1].to_pylist()


def test_every_cell_of_the_world_is_what_sql_says(engine, tiny_years):
    lake, years = tiny_years
    kernel, sql = kernel_cells(years.table().to_pylist()), sql_cells(engine, lake, years)
    assert all(kernel[name] for name in STATEMENTS)
    assert kernel == sql


def test_every_cell_of_the_adversaries_is_what_sql_says(engine, adversaries):
    lake, years = adversaries
    kernel, sql = kernel_cells(years.table().to_pylist()), sql_cells(engine, lake, years)
    for name in STATEMENTS:
        assert kernel[name] == sql[name], name


def test_ties_are_broken_by_name(adversaries, year_of):
    year = year_of[TIES]
    artists, tracks, genres = (names(adversaries, dimension) for dimension in ("artists", "tracks", "genres"))
    assert [artists[at] for at in year["top_artists"][:5]] == [f"Artist {letter}" for letter in "ABCDE"]
    assert [tracks[at] for at in year["top_tracks"][:5]] == [f"Song {letter}" for letter in "ABCDE"]
    assert [genres[at] for at in year["top_genres"][:5]] == [f"genre {letter}" for letter in "ABCDE"]
    assert year["top_month"] == 0


def test_level_listeners_stand_alike_in_every_bucket_and_order(engine, year_of, tmp_path, monkeypatch):
    def standings(years):
        return {user: tuple(years[user]["standings"][0::5]) for user in LEVEL}

    want = {1: (30, 20, 9), 2: (30, 10, 9), 3: (30, 0, 9)}
    assert standings(year_of) == {user: want[minutes] for user, minutes in LEVEL.items()}
    assert {partition_of(user, 4) for user in LEVEL} == set(range(4))
    monkeypatch.setattr(bucket, "LEAST_BUCKETS", 16)
    source = own_source(engine, write(tmp_path / "plays", rows(2024), files=2, seed=8))
    years = run_year(engine, Lake(tmp_path / "lake"), source, 2024, NOW)
    assert len(years.shards) == 16
    assert standings({row["user_id"]: row for row in years.table().to_pylist()}) == standings(year_of)


def test_leap_day_belongs_to_the_year(year_of):
    assert year_of[LEAP]["plays"] == 4
    assert year_of[LEAP]["streak"][0] == 3
    assert year_of[LEAP]["months"][:3] == [0, 3, 1]


def test_clocks_follow_daylight_saving(year_of):
    spring, autumn = ({hour: sum(year_of[user]["clock"][hour::24]) for hour in range(24)} for user in (SPRING, AUTUMN))
    assert {hour: count for hour, count in spring.items() if count} == {1: 3, 3: 3, 4: 3, 5: 3}
    assert {hour: count for hour, count in autumn.items() if count} == {1: 3, 2: 6, 3: 3}


def test_the_year_ends_where_the_listener_is(year_of):
    assert year_of[FAR_EAST]["plays"] == 16  # local midnight came 14 hours before UTC's
    assert year_of[FAR_WEST]["plays"] == 3  # and 12 hours after it
    assert year_of[MOVED]["plays"] == 4
    assert year_of[MOVED]["artists"] == 4


def test_a_play_counts_from_thirty_seconds(year_of):
    assert (year_of[SKIPPER]["rows"], year_of[SKIPPER]["plays"]) == (40, 20)
    assert (year_of[EMPTY]["rows"], year_of[EMPTY]["plays"], year_of[EMPTY]["top_month"]) == (1, 0, -1)
    assert (year_of[ONE]["plays"], year_of[ONE]["streak"][0], year_of[ONE]["dry_spell"][0]) == (1, 1, 0)
    assert (year_of[OLD_ONLY]["rows"], year_of[OLD_ONLY]["first_day"]) == (0, -1)


def test_too_little_says_nothing(year_of):
    assert [year_of[user]["personality"] for user in (EMPTY, ONE, LEAP, SKIPPER)] == [-1] * 4
    assert year_of[NIGHT]["personality"] % 2 == 1
    assert year_of[HEAVY]["personality"] == 0
