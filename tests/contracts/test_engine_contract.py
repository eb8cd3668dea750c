"""What every `Engine` promises. Answers are compared as tables; what is published, byte for byte."""

import pyarrow as pa
import pytest

from shared.errors import BadInput, LinerError
from shared.kernels import resolve
from shared.lake import Lake, Shard, write_shard

ROWS = pa.table(
    {
        "value": pa.array([3, 1, 2, None, 5], pa.int64()),
        "country": ["DE", "SE", None, "ÅX", "DE"],
        "share": pa.array([0.5, 0.25, 0.125, 1.0, 0.0], pa.float64()),
    }
)


@pytest.fixture
def plays(lake):
    """A dataset of three shards, one of them empty."""
    parts = [ROWS.slice(0, 2), ROWS.slice(0, 0), ROWS.slice(2)]
    shards = [write_shard(lake.folder("plays", "v1"), index, part) for index, part in enumerate(parts)]
    return lake.publish("plays", "v1", ROWS.schema, shards)


def test_a_query_reads_every_shard(engine, plays):
    sql = "select value, country, share from plays order by value nulls first"
    expected = [
        {"value": None, "country": "ÅX", "share": 1.0},
        {"value": 1, "country": "SE", "share": 0.25},
        {"value": 2, "country": None, "share": 0.125},
        {"value": 3, "country": "DE", "share": 0.5},
        {"value": 5, "country": "DE", "share": 0.0},
    ]
    result = engine.query(sql, {"plays": plays})
    assert result.to_pylist() == expected
    assert result.schema == ROWS.schema


def test_a_query_joins_and_counts(engine, lake, plays):
    names = pa.table({"code": ["DE", "SE"], "name": ["Germany", "Sweden"]})
    sql = """
        select n.name, cast(count(*) as bigint) as plays, cast(sum(p.value) as bigint) as value
        from plays p join names n on n.code = p.country
        group by n.name
        order by plays desc nulls last, n.name nulls last
    """
    result = engine.query(sql, {"plays": plays, "names": lake.publish_table("names", "v1", names)})
    assert result.to_pylist() == [
        {"name": "Germany", "plays": 2, "value": 8},
        {"name": "Sweden", "plays": 1, "value": 1},
    ]


def test_types_come_out_alike(engine):
    sql = """
        select cast(1 as int) as small, cast(2 as bigint) as big, true as flag, 'x' as name,
               cast('2026-11-23' as date) as day, cast(1.5 as double) as ratio
    """
    result = engine.query(sql, {})
    kinds = [("small", pa.int32()), ("big", pa.int64()), ("flag", pa.bool_()), ("name", pa.string())]
    assert result.schema == pa.schema([*kinds, ("day", pa.date32()), ("ratio", pa.float64())])


def test_a_dataset_without_rows_or_shards_is_an_empty_table(engine, lake):
    nothing = lake.publish("nothing", "v1", ROWS.schema, [])
    sql = "select cast(count(*) as bigint) as n from nothing"
    assert engine.query(sql, {"nothing": nothing}).to_pylist() == [{"n": 0}]
    written = engine.write(
        "select value from nothing order by value nulls last", {"nothing": nothing}, lake, "out", "v1"
    )
    assert (written.rows, written.schema) == (0, pa.schema([("value", pa.int64())]))


def test_what_is_written_is_published_in_the_stated_order(engine, lake, plays):
    sql = "select country, value * 2 as value from plays order by value desc nulls last"
    written = engine.write(sql, {"plays": plays}, lake, "doubled", "v1")
    assert written == lake.dataset("doubled", "v1")
    assert written.table()["value"].to_pylist() == [10, 6, 4, 2, None]


def test_writing_again_gives_the_same_bytes(engine, lake):
    """Enough rows for several row groups, threads and Spark partitions; and the bytes are the lake's own, whatever the engine."""
    rows = pa.table({"id": pa.array(range(300_000), pa.int64()), "name": [f"artist {i % 977}" for i in range(300_000)]})
    shards = [write_shard(lake.folder("many", "v1"), i, rows.slice(i * 75_000, 75_000)) for i in range(4)]
    many = lake.publish("many", "v1", rows.schema, shards)
    sql = "select id, name from many order by id nulls last"
    first = engine.write(sql, {"many": many}, lake, "again", "v1")
    assert engine.write(sql, {"many": many}, lake, "again", "v1").shards == first.shards
    assert first.shards[0].digest == lake.publish_table("expected", "v1", rows).shards[0].digest


def test_a_torn_shard_is_bad_input_that_names_it(engine, lake):
    rows = lake.publish_table("torn", "v1", ROWS)
    with open(rows.paths[0], "r+b") as file:
        file.truncate(100)
    with pytest.raises(BadInput, match=r"part-00000-\w+\.parquet"):
        engine.query("select cast(sum(value) as bigint) as n from torn", {"torn": rows})


def test_paths_may_contain_any_letter(engine, tmp_path):
    """Globs and `key=value` folders mean something to both engines' readers."""
    lake = Lake(tmp_path / "week=48 [a] *? ü")
    rows = lake.publish_table("odd", "v1", ROWS)
    result = engine.query("select value from odd order by value nulls last", {"odd": rows})
    assert result.to_pydict() == {"value": [1, 2, 3, 5, None]}


def test_kernels_see_every_shard_in_order_and_have_one_thread(engine, plays):
    results = engine.map_shards("tests.contracts.kernels:describe", plays.paths, {"column": "value"})
    assert results == [
        {"sum": 4, "rows": 2, "threads": 1},
        {"sum": None, "rows": 0, "threads": 1},
        {"sum": 7, "rows": 3, "threads": 1},
    ]


def test_kernels_write_shards_that_the_caller_publishes(engine, lake, plays):
    arguments = {
        "folder": str(lake.folder("doubled", "v2")),
        "index_of": {path: index for index, path in enumerate(plays.paths)},
    }
    records = engine.map_shards("tests.contracts.kernels:double", plays.paths, arguments)
    doubled = lake.publish("doubled", "v2", ROWS.schema, [Shard(*record["shard"]) for record in records])
    assert doubled.table()["value"].to_pylist() == [6, 2, 4, None, 10]


def test_no_shards_are_no_work(engine):
    assert engine.map_shards("tests.contracts.kernels:describe", [], {}) == []


def test_a_refusal_in_a_kernel_reaches_the_caller(engine):
    with pytest.raises(BadInput, match="plays/7: row 3, field 'value': got -1"):
        engine.map_shards("tests.contracts.kernels:refuse", ["plays/7"], {})


def test_a_worker_that_dies_is_one_clean_error_and_the_next_call_works(engine, plays):
    with pytest.raises(LinerError, match=r"tests\.contracts\.kernels:die"):
        engine.map_shards("tests.contracts.kernels:die", plays.paths, {})
    assert len(engine.map_shards("tests.contracts.kernels:describe", plays.paths, {"column": "value"})) == 3


@pytest.mark.parametrize("kernel", ["shared.kernels", "shared.kernels:absent", "shared.kernels:Json:x"])
def test_a_kernel_that_does_not_exist_is_named(kernel):
    with pytest.raises(ValueError, match="expected `module:function`"):
        resolve(kernel)
