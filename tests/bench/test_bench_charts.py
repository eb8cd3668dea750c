"""Charts: plays through the stream with exact dedupe, rules, counts and a durable commit; cutting 201 charts; a late
batch into a correction.

Peers get the same plays in the same Arrow messages, in micro-batches of the same size, and the same threads. None of
them keeps the daily cap whatever the order of arrival, quarantines conflicts or keeps what an audit needs; the plays
are drawn so that the answer is the same without.
"""

import os
from itertools import count

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from charts.close import close_weeks, cut, weekly_counts
from charts.counts import add_counts
from charts.pipeline import Consumer, Run, send
from charts.records import COUNTS, ISO_3166, PLAYS, Plays, country_code, to_batch
from charts.rules import Rules, parse_week, week_start
from shared.batches import decode
from shared.bootstrap import Engines
from shared.clock import WEEK_MS, fixed_clock
from shared.settings import Settings
from shared.threads import cores

PLAYS_OF = {"tiny": 40_000, "small": 2_000_000, "full": 8_000_000}
PAIRS_OF = {"tiny": 20_000, "small": 1_000_000, "full": 5_000_000}
LATE_OF = {"tiny": 2_000, "small": 100_000, "full": 100_000}
PARTITIONS = 2
BATCH_MESSAGES = 20  # of a micro-batch; what the consumer reads at once
FRIDAY = week_start(parse_week("2026-11-13"))
COUNTRIES = np.array([country_code(name) for name in ISO_3166[:60]], np.int16)
fresh = count()


def draw(rows, seed, first=0):
    """`rows` plays of one week and a tenth of them a second time; a fifth too short."""
    rng = np.random.default_rng(seed)
    credits = 1 + (rng.random(rows) < 0.15)
    plays = Plays(
        event_id=np.arange(first, first + rows) * 7919,
        user_id=rng.integers(0, rows // 20 + 1, rows),
        track_id=rng.integers(0, 100_000, rows),
        started_at=FRIDAY + rng.integers(0, WEEK_MS, rows),
        played_ms=rng.integers(20_000, 70_000, rows).astype(np.int32),
        country=rng.choice(COUNTRIES, rows),
        tier=rng.integers(0, 3, rows).astype(np.int8),
        credit=np.append(0, np.cumsum(credits)),
        artists=(rng.zipf(1.3, credits.sum()) % 20_000).astype(np.int64),
    )
    again = np.append(np.arange(rows), rng.integers(0, rows, rows // 10))
    rng.shuffle(again)
    return pa.Table.from_batches([to_batch(plays)]).take(again).combine_chunks().to_batches()[0]


@pytest.fixture(scope="module")
def plays(request):
    return draw(PLAYS_OF[request.config.getoption("--bench-size", "tiny")], seed=1)


def engines_at(home, log="sqlite:"):
    return Engines(Settings(home=home, log=log), fixed_clock(FRIDAY + 2 * WEEK_MS))


def weekly(batch):
    """(artists with plays, counted credits, units) of COUNTS: equal for everybody who counted right."""
    rows = add_counts([batch], ("country", "artist_id"))
    return rows.num_rows, rows["plays"].to_numpy().sum(), rows["units"].to_numpy().sum()


def ours(log, plays, tmp_path):
    """The consumer over a topic that is full; a new state each time."""
    engines = engines_at(tmp_path, log)
    run = Run(f"bench-{os.getpid()}-{next(fresh)}", tmp_path)
    engines.log.create(run.topic, PARTITIONS)
    send(engines.log, run, plays, PARTITIONS, Rules())

    def consume():
        again = Run(run.name, tmp_path / str(next(fresh)))
        consumer = Consumer(engines.log, again, Rules(), engines.clock)
        consumer.assign(range(PARTITIONS))
        consumer.drain(engines)
        counts = [own.store.counts(week) for own in consumer.owned.values() for week in own.store.weeks()]
        consumer.revoke(range(PARTITIONS))
        return weekly(add_counts(counts))

    return consume


def messages_of(plays, tmp_path):
    """The same messages as the log holds, a micro-batch at a time."""
    engines = engines_at(tmp_path)
    run = Run("messages", tmp_path)
    engines.log.create(run.topic, 1)
    send(engines.log, run, plays, 1, Rules())
    messages = [message.value for message in engines.log.read(run.topic, 0, 0, 1 << 40, 0)]
    return [messages[start : start + BATCH_MESSAGES] for start in range(0, len(messages), BATCH_MESSAGES)]


def with_duckdb(batches, tmp_path):
    """A file database: ids seen and counts in one transaction a micro-batch, by its documentation's upsert."""

    def consume():
        path = tmp_path / f"{next(fresh)}.duckdb"
        with duckdb.connect(str(path), config={"threads": cores()}) as db:
            db.execute("create table seen (event_id bigint); create table position (next_offset bigint)")
            db.execute("create table counts (country blob, artist_id bigint, units bigint, plays bigint)")
            for number, messages in enumerate(batches):
                db.register(
                    "batch", pa.Table.from_batches([decode(m, PLAYS) for m in messages]).drop_columns("track_ms")
                )
                db.execute("begin")
                db.execute("create temp table new as select distinct * from batch anti join seen using (event_id)")
                db.execute("insert into seen select event_id from new")
                db.execute(
                    "insert into counts select country, artist_id, sum(case tier when 0 then 6 when 1 then 4 else 3 end), count(*) from ("
                    "select country, tier, unnest(list_distinct(artist_ids)) as artist_id from new where played_ms >= 30000) group by all"
                )
                db.execute("insert into position values (?)", [number])
                db.execute("drop table new")
                db.execute("commit")
            sql = "select count(*), sum(p), sum(u) from (select sum(plays) p, sum(units) u from counts group by country, artist_id)"
            return tuple(map(int, db.execute(sql).fetchone()))

    return consume


def with_polars(batches):
    """In memory: an anti-join against the ids seen so far. Nothing is durable."""

    def consume():
        seen, counts = pl.DataFrame(schema={"event_id": pl.Int64}), []
        for messages in batches:
            batch = pl.from_arrow(pa.Table.from_batches([decode(m, PLAYS) for m in messages]))
            new = batch.unique("event_id").join(seen, on="event_id", how="anti")
            seen = pl.concat([seen, new.select("event_id")])
            units = pl.when(pl.col("tier") == 0).then(6).when(pl.col("tier") == 1).then(4).otherwise(3).cast(pl.Int64)
            credits = new.filter(pl.col("played_ms") >= 30_000).select(
                "country", pl.col("artist_ids").list.unique(), units.alias("units")
            )
            grouped = credits.explode("artist_ids").group_by("country", "artist_ids")
            counts.append(grouped.agg(pl.col("units").sum(), pl.len().cast(pl.Int64).alias("plays")))
        total = pl.concat(counts).group_by("country", "artist_ids").agg(pl.col("units", "plays").sum())
        return total.height, total["plays"].sum(), total["units"].sum()

    return consume


def with_spark(plays, tmp_path):
    """One batch over Parquet, the JVM already warm: not even a stream, the least that Spark can need."""
    engines = Engines(
        Settings(home=tmp_path, engine=os.environ.get("LINER_TEST_SPARK", "spark://local")), fixed_clock(0)
    )
    table = pa.Table.from_batches([plays]).drop_columns("track_ms")
    table = table.set_column(4, "country", table["country"].cast(pa.binary()).cast(pa.string()))
    dataset = engines.lake.publish_table("plays", "bench", table)
    sql = """
    select count(*) as pairs, cast(sum(p) as bigint) as plays, cast(sum(u) as bigint) as units from (
        select country, artist_id, count(*) as p, cast(sum(case tier when 0 then 6 when 1 then 4 else 3 end) as bigint) as u from (
            select distinct event_id, country, tier, played_ms, explode(array_distinct(artist_ids)) as artist_id from plays
        ) where played_ms >= 30000 group by country, artist_id
    )
    """

    def consume():
        (row,) = engines.engine.query(sql, {"plays": dataset}).to_pylist()
        return row["pairs"], row["plays"], row["units"]

    return consume, engines


@pytest.mark.parametrize(
    "contestant", ["linernotes", "linernotes from Kafka", "DuckDB", "polars (not durable)", "Spark batch"]
)
def test_stream(contestant, plays, measure, benchmark, tmp_path):
    kafka = os.environ.get("LINER_TEST_KAFKA")
    engines = None
    if contestant == "linernotes from Kafka":
        if not kafka:
            pytest.skip("LINER_TEST_KAFKA names no server; `make cluster-test` starts one")
        consume = ours(kafka, plays, tmp_path)
    elif contestant == "linernotes":
        consume = ours("sqlite:", plays, tmp_path)
    elif contestant == "DuckDB":
        consume = with_duckdb(messages_of(plays, tmp_path), tmp_path)
    elif contestant.startswith("polars"):
        consume = with_polars(messages_of(plays, tmp_path))
    else:
        pytest.importorskip("pyspark", reason="pip install -e .[cluster]")
        consume, engines = with_spark(plays, tmp_path)
    result = measure("charts-stream", consume, ("pyarrow", "duckdb", "polars"))
    if engines:
        engines.close()
    assert result == answer(plays)
    if benchmark.stats:
        benchmark.extra_info["show"]["plays/s"] = f"{plays.num_rows / benchmark.stats.stats.median / 1e6:.2f} M"
        benchmark.extra_info["show"]["pairs, plays, units"] = " ".join(f"{n:,}" for n in result)


def answer(plays):
    """The same recounted in one piece."""
    plays = pl.from_arrow(pa.Table.from_batches([plays]))
    units = pl.col("tier").replace_strict({0: 6, 1: 4, 2: 3}, return_dtype=pl.Int64)
    new = plays.unique("event_id").filter(pl.col("played_ms") >= 30_000).with_columns(units.alias("units"))
    credits = new.with_columns(pl.col("artist_ids").list.unique()).explode("artist_ids")
    return credits.n_unique(["country", "artist_ids"]), credits.height, credits["units"].sum()


@pytest.fixture(scope="module")
def counts(request):
    """COUNTS of one day for 200 countries: pairs of country and artist."""
    pairs = PAIRS_OF[request.config.getoption("--bench-size", "tiny")]
    rng = np.random.default_rng(2)
    key = np.unique(rng.integers(0, 200 * 100_000, pairs))
    country = np.array([country_code(name) for name in ISO_3166[:200]], np.int16)[key // 100_000]
    plays = rng.zipf(1.5, key.size) % 1_000_000 + 1
    columns = (np.zeros(key.size, np.int8), country, key % 100_000, plays * 4, plays)
    return pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=COUNTS)


@pytest.mark.parametrize("contestant", ["linernotes", "DuckDB", "polars"])
def test_cut(contestant, counts, measure, benchmark):
    ranked = """
    select count(*), sum(artist_id * place) from (
        select artist_id, row_number() over (partition by scope order by units desc, plays desc, artist_id) as place from (
            select country as scope, artist_id, units, plays from counts
            union all select -1, artist_id, sum(units), sum(plays) from counts group by artist_id)
        qualify place <= 50)
    """

    def with_polars_cut():
        frame = pl.from_arrow(pa.Table.from_batches([counts])).select(
            pl.col("country").alias("scope"), "artist_id", "units", "plays"
        )
        world = (
            frame.group_by("artist_id")
            .agg(pl.col("units", "plays").sum())
            .with_columns(scope=pl.lit(-1, pl.Int16))
            .select(frame.columns)
        )
        order = pl.concat([frame, world]).sort("units", "plays", "artist_id", descending=[True, True, False])
        top = order.with_columns(place=pl.int_range(1, pl.len() + 1).over("scope")).filter(pl.col("place") <= 50)
        return top.height, (top["artist_id"] * top["place"]).sum()

    def with_duckdb_cut():
        with duckdb.connect(config={"threads": cores()}) as db:
            db.register("counts", pa.Table.from_batches([counts]))
            return tuple(map(int, db.execute(ranked).fetchone()))

    def ours_cut():
        chart = cut(counts, Rules())
        return chart.num_rows, int((chart["artist_id"].to_numpy() * chart["rank"].to_numpy()).sum())

    contestants = {"linernotes": ours_cut, "DuckDB": with_duckdb_cut, "polars": with_polars_cut}
    result = measure("charts-cut", contestants[contestant], ("pyarrow", "duckdb", "polars"))
    assert result == with_duckdb_cut()
    benchmark.extra_info["show"]["pairs"] = f"{counts.num_rows:,}"


@pytest.mark.parametrize("contestant", ["late plays, corrected chart and difference"])
def test_correction(contestant, plays, measure, benchmark, tmp_path, bench_size):
    """Late plays into a closed week: count, commit, cut, diff, publish."""
    engines = engines_at(tmp_path)
    run = Run("late", tmp_path)
    engines.log.create(run.topic, PARTITIONS)
    consumer = Consumer(engines.log, run, Rules(), engines.clock)
    consumer.assign(range(PARTITIONS))
    send(engines.log, run, plays, PARTITIONS, Rules())
    consumer.drain(engines)
    stores = [own.store for own in consumer.owned.values()]
    closing = FRIDAY + 2 * WEEK_MS
    close_weeks(stores, engines.lake, run.dataset, closing, Rules(), {})
    first = count(10**9, 10**6)
    late = [draw(LATE_OF[bench_size], seed=9, first=next(first)) for _ in range(6)]

    def correct():
        send(engines.log, run, late.pop(), PARTITIONS, Rules())
        consumer.drain(engines)
        (revision,) = close_weeks(stores, engines.lake, run.dataset, closing, Rules(), {})
        return revision

    revision = measure("charts-correction", correct, ("pyarrow",))
    assert revision.diff.num_rows > 0
    assert revision.chart.equals(cut(weekly_counts(stores, revision.week), Rules()))
    benchmark.extra_info["show"]["late plays"] = f"{LATE_OF[bench_size]:,}"
    benchmark.extra_info["show"]["plays of the week"] = f"{plays.num_rows:,}"
    consumer.revoke(range(PARTITIONS))
    engines.close()
