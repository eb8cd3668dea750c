"""The small parts, each against its slow and obvious definition."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BadInput, CheckFailed
from shared.ports import partition_of, partitions_of
from wrapped.local_time import local_time, year_days, zone_named
from wrapped.percentile import percent, standings
from wrapped.personality import AXES, NAMES, formula, personalities
from wrapped.shuffle import read_partition, write_partitions

ZONES = (
    "UTC",
    "Europe/Stockholm",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)
MOMENTS = st.integers(1_136_073_600_000, 2_500_000_000_000)


@given(st.lists(st.tuples(MOMENTS, st.sampled_from(range(len(ZONES)))), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60)
def test_local_time_is_what_zoneinfo_says(rows):
    started, zone = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    day, hour = local_time(started, zone, ZONES)
    for at, (ms, number) in enumerate(rows):
        local = datetime.fromtimestamp(ms // 1000, UTC).astimezone(ZoneInfo(ZONES[number]))
        assert (day[at], hour[at]) == ((local.date() - datetime(1970, 1, 1).date()).days, local.hour)


def test_a_year_has_its_days():
    first, month, weekday = year_days(2024)
    assert (len(month), month[59], month[60], weekday[0]) == (366, 1, 2, 0)
    assert datetime(1970, 1, 1) + timedelta(days=first) == datetime(2024, 1, 1)
    assert len(year_days(2026)[1]) == 365


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../UTC", "/etc/passwd", "Europe"])
def test_an_unknown_zone_is_bad_input(name):
    with pytest.raises(BadInput, match="expected an IANA name"):
        zone_named(name)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=50))
def test_standings_are_counted_one_by_one(totals):
    artist, ms = (np.array(column, np.int64) for column in zip(*totals, strict=True))
    found = standings(artist, ms, np.arange(len(totals)))
    for at, (name, time) in enumerate(totals):
        others = [other for row, (same, other) in enumerate(totals) if same == name and row != at]
        want = (len(others) + 1, sum(other > time for other in others), sum(other == time for other in others))
        assert (found.listeners[at], found.ahead[at], found.level[at]) == want


def test_standings_refuse_what_a_key_cannot_hold():
    with pytest.raises(CheckFailed, match="more than a key can hold"):
        standings(np.array([1 << 30]), np.array([1 << 40]), np.array([0]))


def test_percent_never_flatters():
    assert [percent(1000, others) for others in (0, 3, 4, 999)] == ["0.1", "0.4", "0.5", "100"]
    assert percent(3, 0) == "33.4"


def test_personality_is_decided_by_whole_numbers():
    plays, tracks, top, night = (
        np.array(column) for column in ([49, 60, 60, 60], [49, 20, 19, 60], [49, 24, 23, 60], [49, 30, 29, 60])
    )
    assert personalities(plays, tracks, top, night).tolist() == [-1, 7, 0, 7]
    assert len(NAMES) == 2 ** len(AXES)
    assert formula(60, 20, 23, 30) == [
        "20 different tracks ÷ 60 plays ≥ 1/3: wandering",
        "23 plays of the top five artists ÷ 60 plays < 2/5: open",
        "30 plays between 20:00 and 06:00 ÷ 60 plays ≥ 1/2: by night",
    ]


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=20), st.sampled_from([1, 2, 8, 64]))
def test_a_column_is_partitioned_as_one_key_is(keys, partitions):
    assert partitions_of(np.array(keys, np.int64), partitions).tolist() == [
        partition_of(key, partitions) for key in keys
    ]


def test_a_shuffle_file_gives_each_reader_its_rows_in_order(tmp_path):
    table = pa.table({"row": list(range(10))})
    paths = [str(tmp_path / f"{number}.arrow") for number in range(2)]
    for path in paths:
        write_partitions(path, table, np.arange(10) % 3, 4)
    assert read_partition(paths, 1)["row"].to_pylist() == [1, 4, 7, 1, 4, 7]
    assert read_partition(paths, 3).num_rows == 0
    (tmp_path / "0.arrow").write_bytes(b"torn")
    with pytest.raises(BadInput, match="shuffle file unreadable"):
        read_partition(paths, 1)
