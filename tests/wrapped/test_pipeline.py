"""A run: every row accounted for, the same bytes again, resumed where it stood, nothing published that does not reconcile."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.adapters.duckdb import DuckDBEngine
from shared.clock import fixed_clock
from shared.errors import BadInput, CheckFailed
from shared.lake import Lake
from tests.wrapped.adversaries import HOUR, at, rows, write
from tests.wrapped.conftest import NOW
from wrapped import pipeline, steps
from wrapped.bucket import bucket_count
from wrapped.pipeline import run_year
from wrapped.sources import own_source, source_at, world_source
from wrapped.store import read_facts


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def run_rows(engine, lake, folder, made, **how):
    return run_year(engine, lake, own_source(engine, write(folder, made, **how)), 2024, NOW)


def test_the_world_reconciles_to_the_play(tiny_world, tiny_years):
    lake, years = tiny_years
    buckets = lake.dataset("wrapped/plays")
    assert buckets.rows == tiny_world.dataset("plays").rows
    assert sum(years.table()["rows"].to_pylist()) < buckets.rows
    assert years.details["rejected"] == {}
    assert not list((lake.root / "wrapped" / ".work").glob("*/*"))


def test_a_rerun_is_byte_identical(engine, lake, tiny_world, tiny_years):
    again = run_year(engine, lake, world_source(tiny_world), 2026, NOW)
    assert again.digest == tiny_years[1].digest
    assert lake.dataset("wrapped/plays").digest == tiny_years[0].dataset("wrapped/plays").digest
    third = run_year(engine, lake, world_source(tiny_world), 2026, NOW)
    assert third.digest == again.digest


def test_buckets_hold_whole_users_in_order(tiny_years):
    lake, _ = tiny_years
    shards = lake.dataset("wrapped/plays").paths
    assert len(shards) == bucket_count(250_000) == 4
    seen: set[int] = set()
    for path in shards:
        table = pq.read_table(path)
        keys = list(zip(table["user_id"].to_pylist(), table["started_ms"].to_pylist(), strict=True))
        assert keys == sorted(keys)
        users = {user for user, _ in keys}
        assert not users & seen
        seen |= users


def test_every_play_twice_changes_nothing(engine, tmp_path):
    made = rows(2024)
    once = run_rows(engine, Lake(tmp_path / "one"), tmp_path / "a", made)
    twice = run_rows(engine, Lake(tmp_path / "two"), tmp_path / "b", made + made, seed=5)
    assert twice.details["rejected"] == {"duplicate": len(made)}
    assert twice.digest == once.digest


def test_the_order_of_rows_and_files_changes_nothing(engine, tmp_path):
    made = rows(2024)
    one = run_rows(engine, Lake(tmp_path / "one"), tmp_path / "a", made, files=1)
    other = run_rows(engine, Lake(tmp_path / "two"), tmp_path / "b", made, files=5, seed=9)
    assert one.digest == other.digest


def test_of_one_play_in_two_zones_the_same_is_kept_whatever_the_order(engine, tmp_path):
    made = [(1, "A", "Song", at("2024-05-05 23:30"), 60_000, "pop", zone) for zone in ("UTC", "Asia/Kolkata")]
    one = run_rows(engine, Lake(tmp_path / "one"), tmp_path / "a", made, files=2, seed=0)
    for seed in range(1, 6):
        other = run_rows(engine, Lake(tmp_path / str(seed)), tmp_path / f"b{seed}", made, files=2, seed=seed)
        assert other.digest == one.digest


def test_rows_that_cannot_be_believed_are_counted_by_reason(engine, lake, tmp_path):
    good = (1, "A", "T", at("2024-05-01 10:00"), 60_000, None, "UTC")
    bad = {
        "no_user": [(None, *good[1:])],
        "no_track": [(1, None, *good[2:]), (1, "A", None, *good[3:]), (1, "  ", *good[2:])],
        "bad_duration": [(*good[:4], ms, None, "UTC") for ms in (-1, None, 86_400_001)],
        "bad_time": [
            (*good[:3], ms, 60_000, None, "UTC") for ms in (None, at("2005-12-31 23:59"), at("2026-12-01 00:00"))
        ],
        "bad_zone": [(*good[:6], zone) for zone in ("Mars/Olympus", "", "../etc/passwd")],
    }
    made = [good, (*good[:3], good[3] + HOUR, 60_000, None, None)] + [row for some in bad.values() for row in some]
    years = run_rows(engine, lake, tmp_path / "plays", made)
    assert years.details["rejected"] == {reason: len(some) for reason, some in bad.items()}
    assert years.table().to_pylist()[0]["plays"] == 2


def test_a_killed_step_is_resumed(engine, lake, tmp_path, monkeypatch):
    source = own_source(engine, write(tmp_path / "plays", rows(2024)))
    whole = run_year(engine, Lake(tmp_path / "other"), source, 2024, NOW)
    calls: list[str] = []

    def broken(engine, kernel, *rest):
        calls.append(kernel)
        if kernel.endswith("rank"):
            raise KeyboardInterrupt
        return steps.run_step(engine, kernel, *rest)

    monkeypatch.setattr(pipeline, "run_step", broken)
    with pytest.raises(KeyboardInterrupt):
        run_year(engine, lake, source, 2024, NOW)
    assert lake.versions("wrapped/years") == []
    monkeypatch.undo()
    assert run_year(engine, lake, source, 2024, NOW).digest == whole.digest


def test_a_resumed_run_has_the_present_it_began_with(engine, lake, tmp_path, monkeypatch):
    source = own_source(engine, write(tmp_path / "plays", rows(2024)))
    began, resumed = fixed_clock(at("2024-06-15 00:00")), NOW
    whole = run_year(engine, Lake(tmp_path / "other"), source, 2024, began)
    once, heard = steps.once, []

    def killed(shard, **given):
        if heard:
            raise KeyboardInterrupt
        heard.append(shard)
        return once(shard, **given)

    def inline(self, kernel, shards, arguments):
        return [steps.once(shard, **arguments) for shard in shards]

    monkeypatch.setattr(DuckDBEngine, "map_shards", inline)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "once", killed)
        with pytest.raises(KeyboardInterrupt):
            run_year(engine, lake, source, 2024, began)
    again = run_year(engine, lake, source, 2024, resumed)
    assert (again.digest, again.details) == (whole.digest, whole.details)
    assert whole.details["rejected"]["bad_time"] > 0


def test_a_run_resumes_after_another_one_took_its_place(engine, lake, tmp_path, monkeypatch):
    first = own_source(engine, write(tmp_path / "a", rows(2024)))
    whole = run_year(engine, Lake(tmp_path / "other"), first, 2024, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "RECONCILE", "select cast(0 as bigint) as plays, cast(0 as bigint) as ms")
        with pytest.raises(CheckFailed):
            run_year(engine, lake, first, 2024, NOW)
    run_rows(engine, lake, tmp_path / "b", rows(2024)[:50])
    assert run_year(engine, lake, first, 2024, NOW).digest == whole.digest


def test_changed_files_are_another_input(engine, lake, tmp_path):
    made = rows(2024)
    one = run_rows(engine, lake, tmp_path / "a", made)
    other = run_rows(engine, lake, tmp_path / "a", [(*row[:4], (row[4] or 0) + 60_000, *row[5:]) for row in made])
    assert other.details["ms"] > one.details["ms"]


def test_nothing_is_published_when_the_totals_disagree(engine, lake, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "RECONCILE", pipeline.RECONCILE.replace("30000", "29999"))
    with pytest.raises(CheckFailed, match="nothing was published"):
        run_rows(engine, lake, tmp_path / "plays", rows(2024))
    assert lake.versions("wrapped/years") == []


def test_a_path_may_be_a_world_or_own_files(engine, tiny_world, tmp_path):
    assert source_at(engine, tiny_world.root).plays.rows == tiny_world.dataset("plays").rows
    assert source_at(engine, tiny_world.root / "plays").plays.rows == tiny_world.dataset("plays").rows
    assert source_at(engine, write(tmp_path / "own", rows())).plays.rows == len(rows())
    (tmp_path / "world.json").write_text("{}")
    assert source_at(engine, tmp_path / "own").plays.rows == len(rows())
    with pytest.raises(BadInput, match="typo"):
        source_at(engine, tiny_world.root / "typo")


def test_a_torn_shard_of_the_lake_is_named(engine, lake, tmp_path):
    source = own_source(engine, write(tmp_path / "plays", rows(2024)))
    (tmp_path / "plays" / "plays-1.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(BadInput, match=r"plays-1\.parquet: not a readable Parquet"):
        run_year(engine, lake, source, 2024, NOW)
    assert lake.versions("wrapped/years") == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"user_id": [1]}), "no column 'artist'"),
        (
            pa.table({"user_id": ["x"], "artist": ["a"], "track": ["t"], "started_at": [1], "played_ms": [1]}),
            "'user_id' holds string",
        ),
    ],
)
def test_files_of_another_shape_name_the_column(engine, tmp_path, table, message):
    pq.write_table(table, tmp_path / "plays.parquet")
    with pytest.raises(BadInput, match=message):
        own_source(engine, tmp_path)
    (tmp_path / "plays.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(BadInput, match="not a readable Parquet"):
        own_source(engine, tmp_path)


GOOD = {
    "user_id": [1, 2],
    "artist": ["A", "B"],
    "track": ["T", "U"],
    "started_at": pa.array([at("2024-05-01 10:00")] * 2, pa.timestamp("ms", "UTC")),
    "played_ms": [60_000, 60_000],
}


@pytest.mark.parametrize(
    ("changed", "rejected"),
    [
        ({"user_id": pa.array([1, (1 << 63) + 2], pa.uint64())}, {"no_user": 1}),
        ({"played_ms": pa.array([60_000, (1 << 63) + 2], pa.uint64())}, {"bad_duration": 1}),
        ({"started_at": pa.array([at("2024-05-01 10:00") * 1000, 1 << 62], pa.timestamp("us"))}, {"bad_time": 1}),
        ({"artist": ["A", "B" * 5_000]}, {"no_track": 1}),
        ({"artist": ["A", "B\x1fC"]}, {"no_track": 1}),  # it would be taken for another artist's song
        ({"track_id": [7, 8]}, {}),
        ({"track_id": ["x", "y"], "genre": pa.nulls(2), "time_zone": pa.nulls(2)}, {}),
    ],
)
def test_what_a_column_should_not_hold_is_counted(engine, lake, tmp_path, changed, rejected):
    pq.write_table(pa.table(GOOD | changed), tmp_path / "plays.parquet")
    years = run_year(engine, lake, own_source(engine, tmp_path / "plays.parquet"), 2024, NOW)
    assert years.details["rejected"] == rejected
    assert years.details["plays"] == 2 - sum(rejected.values())
    assert read_facts(lake, 1)["top_artists"][0]["name"] == "A"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([{"genre": [1, 2]}], r"0\.parquet: column 'genre' holds int64; expected text"),
        ([{"time_zone": [["UTC"], ["UTC"]]}], r"column 'time_zone' holds list<.*>; expected text"),
        ([{}, {"genre": ["x", "y"]}], "column 'genre' is in some of the files only"),
        ([{"genre": ["x", "y"]}, {}], "column 'genre' is in some of the files only"),
        ([{"played_ms": [60_000.5, 1.0]}], "column 'played_ms' holds double; expected integer"),
    ],
)
def test_a_column_of_another_type_is_named(engine, tmp_path, columns, message):
    for number, changed in enumerate(columns):
        pq.write_table(pa.table(GOOD | changed), tmp_path / f"{number}.parquet")
    with pytest.raises(BadInput, match=message):
        own_source(engine, tmp_path)


def test_a_run_without_a_usable_row_publishes_nothing(engine, lake, tmp_path):
    seconds = pa.array([at("2024-05-01 10:00") // 1000] * 2, pa.timestamp("ms"))  # taken for milliseconds: 1970
    pq.write_table(pa.table(GOOD | {"started_at": seconds}), tmp_path / "plays.parquet")
    with pytest.raises(BadInput, match=r"2 rows, none of them usable .*'bad_time': 2"):
        run_year(engine, lake, own_source(engine, tmp_path / "plays.parquet"), 2024, NOW)
    assert lake.versions("wrapped/years") == []


def test_two_spellings_of_one_letter_are_one_name(engine, lake, tmp_path):
    began = at("2024-03-01 12:00")
    spellings = ("Björk", "Bjo\u0308rk")
    made = [(1, name, "T", began + HOUR * n, 40_000, "pop", "UTC") for n, name in enumerate(spellings)]
    run_rows(engine, lake, tmp_path / "plays", made, files=1)
    said = read_facts(lake, 1)
    assert [(row["name"], row["plays"]) for row in said["top_artists"]] == [("Björk", 2)]
    assert said["distinct_tracks"] == 1
