"""Everybody's year beside the engines one would take instead, an import beside Python's own JSON reader, and a card.

All contestants read the same Parquet buckets with the same cores. Ours reviews every user, ranks listeners, writes and publishes the
years, and reconciles them. DuckDB answers all thirteen statements of `wrapped/sql`, at its best: from a table of the year's columns that
it first reads into memory. polars and Spark answer four of them, polars lazily, with the streaming engine. Answers are compared by cell.
"""

import json
import os
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

from shared.adapters.duckdb import DuckDBEngine
from shared.clock import DEMO_NOW, fixed_clock, system_clock
from shared.lake import Lake
from shared.threads import cores
from shared.world import make_world
from tests.wrapped.cells import SQL, STATEMENTS, kernel_cells
from wrapped.cards.png import draw_png
from wrapped.cards.story import story
from wrapped.importer.importer import import_year
from wrapped.pipeline import run_year
from wrapped.sources import world_source
from wrapped.store import read_facts

WORLDS = {"tiny": "tiny", "small": "small", "full": "medium"}
EXPORT_ROWS = {"tiny": 2_000, "small": 200_000, "full": 1_000_000}
FOUR = ("top_artists", "top_tracks", "clock", "streak")
NOW = fixed_clock(DEMO_NOW)


class Bucketed:
    """A world, its buckets and its years, published once."""

    def __init__(self, folder: Path, size: str) -> None:
        self.engine = DuckDBEngine()
        self.source = world_source(make_world(folder / "world", WORLDS[size], seed=1))
        self.lake = Lake(folder / "lake")
        self.years = run_year(self.engine, self.lake, self.source, 2026, NOW)
        self.plays = self.lake.dataset("wrapped/plays")
        self.tables = {"plays": self.plays, "calendar": self.lake.dataset("wrapped/calendar")}
        self.cells = kernel_cells(self.years.table().to_pylist())


@pytest.fixture(scope="module")
def bucketed(bench_size, tmp_path_factory):
    made = Bucketed(tmp_path_factory.mktemp("wrapped-bench"), bench_size)
    yield made
    made.engine.close()


def shown(benchmark, bucketed, statistics):
    """Plays a second, printed beside the time, with what was answered."""
    if benchmark.stats:
        rate = bucketed.plays.rows / benchmark.stats.stats.median
        benchmark.extra_info.setdefault("show", {}).update({"plays/s": f"{rate / 1e6:.2f} M", "statistics": statistics})
    benchmark.extra_info["plays"] = bucketed.plays.rows


def workers_peak() -> int:
    """The largest resident memory that the worker processes ever had, added up, in bytes; 0 where Linux's /proc is not."""
    statuses = [Path(f"/proc/{process.pid}/status") for process in psutil.Process().children(recursive=True)]
    lines = [line for path in statuses if path.exists() for line in path.read_text().splitlines()]
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("contestant", ["ours"])
def test_years(contestant, measure, benchmark, bucketed):
    years = measure("wrapped-years", lambda: run_year(bucketed.engine, bucketed.lake, bucketed.source, 2026, NOW))
    assert years.digest == bucketed.years.digest
    benchmark.extra_info["digest"] = years.digest
    memory = workers_peak() + (benchmark.extra_info.get("peak_growth_bytes") or 0)
    benchmark.extra_info["show"] = {"extra memory": f"{memory / 1e6:.0f} MB, workers included"}
    shown(benchmark, bucketed, "all, written and published")


def duckdb_statements(bucketed):
    import duckdb

    with duckdb.connect(config={"threads": cores()}) as connection:
        columns = "user_id, local_day, local_hour, artist, track, genre, ms"
        for name, dataset in bucketed.tables.items():
            wanted = columns if name == "plays" else "*"
            connection.execute(f"create table {name} as select {wanted} from read_parquet({dataset.paths})")
        return {name: connection.sql((SQL / f"{name}.sql").read_text()).fetchall() for name in STATEMENTS}


def spark_statements(bucketed):
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java 17: apt-get install openjdk-17-jre-headless")
    pytest.importorskip("pyspark", reason="pip install 'linernotes[cluster]'")
    from shared.adapters.spark import SparkEngine

    engine = SparkEngine("spark://local")
    try:
        tables = {name: engine.query((SQL / f"{name}.sql").read_text(), bucketed.tables) for name in FOUR}
        return {
            name: list(zip(*(column.to_pylist() for column in table.columns), strict=True))
            for name, table in tables.items()
        }
    finally:
        engine.close()


def polars_statements(bucketed):
    pl = pytest.importorskip("polars", reason="pip install polars")
    calendar = pl.scan_parquet(bucketed.tables["calendar"].paths)
    plays = pl.scan_parquet(bucketed.plays.paths).filter(pl.col("ms") >= 30_000).join(calendar, on="local_day")
    counted = [pl.len().cast(pl.Int64).alias("plays"), pl.col("ms").cast(pl.Int64).sum()]

    def top(name):
        order = [pl.col("user_id"), -pl.col("plays"), -pl.col("ms"), pl.col(name)]
        best = plays.group_by("user_id", name).agg(counted).sort(order).group_by("user_id", maintain_order=True).head(5)
        place = pl.int_range(1, pl.len() + 1).over("user_id").alias("place")
        return best.select("user_id", place, pl.col(name).cast(pl.Int64), "plays", "ms")

    clock = plays.group_by("user_id", "weekday", "local_hour").agg(pl.len().cast(pl.Int64))
    day = pl.col("local_day")
    islands = plays.select("user_id", "local_day").unique().sort("user_id", "local_day")
    islands = islands.with_columns(island=day - pl.int_range(pl.len()).over("user_id"))
    runs = islands.group_by("user_id", "island").agg(
        pl.len().cast(pl.Int64).alias("days"), day.min().cast(pl.Int64).alias("first")
    )
    streak = (
        runs.sort("user_id", -pl.col("days"), "first")
        .group_by("user_id", maintain_order=True)
        .first()
        .select("user_id", "days", "first")
    )
    answers = pl.collect_all([top("artist"), top("track"), clock, streak], engine="streaming")
    return {name: table.rows() for name, table in zip(FOUR, answers, strict=True)}


PEERS = {
    "DuckDB": (duckdb_statements, "all"),
    "polars": (polars_statements, "4 of 13"),
    "Spark local": (spark_statements, "4 of 13"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("contestant", PEERS)
def test_peers(contestant, benchmark, bucketed):
    run, statistics = PEERS[contestant]
    benchmark.group = "wrapped-years"
    answers = benchmark.pedantic(run, args=(bucketed,), rounds=1)
    for name, rows in answers.items():
        assert {tuple(row) for row in rows} == bucketed.cells[name], name
    shown(benchmark, bucketed, statistics)


@pytest.fixture(scope="module")
def export(bench_size, tmp_path_factory):
    """An export as it comes: a zip of files of 16,000 rows, with every field of the new format."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("export") / "export.zip"
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    count = EXPORT_ROWS[bench_size]
    artists, songs, lengths = (rng.integers(0, most, count).tolist() for most in (3_000, 9, 300_000))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for low in range(0, count, 16_000):
            rows = []
            for at in range(low, min(low + 16_000, count)):
                moment += timedelta(seconds=95)
                rows.append(export_row(moment, lengths[at], f"Artist {artists[at]}", f"Track {songs[at]}"))
            archive.writestr(f"Streaming_History_Audio_{low}.json", json.dumps(rows, indent=2))
    return path


def export_row(end, ms, artist, track):
    empty = (
        "episode_name",
        "episode_show_name",
        "spotify_episode_uri",
        "audiobook_title",
        "audiobook_uri",
        "audiobook_chapter_uri",
    )
    return {
        "ts": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "platform": "Android OS 13 API 33", "ms_played": ms, "conn_country": "SE",
        "ip_addr": "203.0.113.1", "master_metadata_track_name": track, "master_metadata_album_artist_name": artist,
        "master_metadata_album_album_name": f"Album of {artist}", "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC",
        **dict.fromkeys(empty), "reason_start": "trackdone", "reason_end": "trackdone", "shuffle": False, "skipped": False,
        "offline": False, "offline_timestamp": 1_700_000_000, "incognito_mode": False,
    }  # fmt: skip


@pytest.mark.parametrize("contestant", ["ours: read, check, dedupe, review", "json.load alone"])
def test_import(contestant, measure, benchmark, export, bench_size):
    def parse():
        with zipfile.ZipFile(export) as archive:
            return sum(len(json.loads(archive.read(name))) for name in archive.namelist())

    def ours():
        return import_year(export, 2023, "Europe/Stockholm", system_clock).read

    assert measure("wrapped-import", ours if contestant.startswith("ours") else parse) == EXPORT_ROWS[bench_size]
    if benchmark.stats:
        benchmark.extra_info["show"]["rows/s"] = f"{EXPORT_ROWS[bench_size] / benchmark.stats.stats.median / 1e6:.2f} M"


@pytest.mark.parametrize("contestant", ["summary", "artists", "clock", "personality"])
def test_card(contestant, measure, benchmark, bucketed):
    rows = bucketed.years.table(["user_id", "plays", "personality"]).to_pylist()
    user = max((row for row in rows if row["personality"] >= 0), key=lambda row: row["plays"])["user_id"]
    said = read_facts(bucketed.lake, user)

    def draw():
        return draw_png(next(card for card in story(said) if card.name == contestant))

    file = measure("wrapped-card", draw, ("pillow",))
    assert file.startswith(b"\x89PNG")
    benchmark.extra_info["show"]["bytes"] = f"{len(file):,}"
