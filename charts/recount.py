"""The batch recount: read the whole log again and judge every play in SQL, on DuckDB or Spark. The stream must agree to
the last unit.

It shares nothing with the stream step but the rules' numbers: what both get wrong in the same way, two people have
written twice.
"""

from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa

from charts.close import daily_counts
from charts.pipeline import Run
from charts.records import ISO_3166, PLAYS, country_name
from charts.rules import Rules, week_start
from charts.views import Views, open_stores
from shared.batches import decode
from shared.bootstrap import Engines
from shared.clock import DAY_MS
from shared.errors import BadInput, LinerError
from shared.lake import Dataset, write_shard

PLAY_ROWS = pa.schema(
    [
        *((name, pa.int64()) for name in ("log_partition", "sequence", "event_id", "user_id", "track_id")),
        ("credits", pa.int32()),
        ("credited_key", pa.string()),
        ("country", pa.string()),
        ("country_order", pa.string()),
        ("started_ms", pa.int64()),
        ("played_ms", pa.int32()),
        ("tier", pa.int32()),
        ("track_ms", pa.int32()),
    ]
)
CREDIT_ROWS = pa.schema([("log_partition", pa.int64()), ("sequence", pa.int64()), ("artist_id", pa.int64())])
COUNT_SQL = """
select p.chart_week as week, p.chart_day as day, p.country as country, c.artist_id as artist_id,
    cast(sum(case p.tier when 0 then {paid} when 1 then {ad_funded} else {programmed} end) as bigint) as units, count(*) as plays
from judged as p join credited as c on c.log_partition = p.log_partition and c.sequence = p.sequence
where p.verdict = 'counted'
group by p.chart_week, p.chart_day, p.country, c.artist_id
order by week nulls last, day nulls last, country nulls last, artist_id nulls last
"""
VERDICT_SQL = "select verdict, count(*) as plays from judged group by verdict order by verdict nulls last"


def streamed(run: Run, engines: Engines, rules: Rules) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What `recount` gives, from the state of the stream: the two must be equal to the last unit."""
    stores = open_stores(run)
    accounting = Views(engines, run, rules, stores).accounting()
    verdicts = {name: n for name, n in {"counted": accounting["counted"], **accounting["rejected"]}.items() if n}
    counts = []
    for week in sorted({week for store in stores for week in store.weeks()}):
        for row in daily_counts(stores, week).to_pylist():
            day = week_start(week) // DAY_MS + row["day"]
            counts.append({**row, "week": week, "day": day, "country": country_name(row["country"])})
    for store in stores:
        store.close()
    return verdicts, sorted(
        counts, key=lambda row: tuple(row[name] for name in ("week", "day", "country", "artist_id"))
    )


def recount(
    engines: Engines, run: Run, rules: Rules, version: str = "now"
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """(plays by verdict, counts by week, day, country and artist) of everything in the run's log."""
    plays, credited = _log_as_rows(engines, run, version)
    judged = judge(engines, run, {"plays": plays}, rules, version)
    verdicts = engines.engine.query(VERDICT_SQL, {"judged": judged}).to_pylist()
    paid, ad_funded, programmed = rules.weights
    sql = COUNT_SQL.format(paid=paid, ad_funded=ad_funded, programmed=programmed)
    counts = engines.engine.query(sql, {"judged": judged, "credited": credited}).to_pylist()
    return {row["verdict"]: row["plays"] for row in verdicts}, counts


def judge(engines: Engines, run: Run, tables: dict[str, Dataset], rules: Rules, version: str) -> Dataset:
    """Every play with its verdict, by recount.sql."""
    sql = files("charts").joinpath("recount.sql").read_text().format(**asdict(rules), now=engines.clock())
    return engines.engine.write(sql, tables, engines.lake, f"{run.dataset}/judged", version)


def _log_as_rows(engines: Engines, run: Run, version: str) -> tuple[Dataset, Dataset]:
    """The log as two datasets of plain columns: plays, and the distinct credits of each."""
    names = (f"{run.dataset}/recount_plays", f"{run.dataset}/recount_credits")
    shards: tuple[list[Any], list[Any]] = ([], [])
    for partition in range(engines.log.partitions(run.topic)):
        batches = list(read_plays(engines, run, partition))
        if batches:
            table = pa.Table.from_batches(batches).combine_chunks()
            for which, rows in enumerate(_rows(table.to_batches()[0], partition)):
                shards[which].append(write_shard(engines.lake.folder(names[which], version), partition, rows))
    schemas = (PLAY_ROWS, CREDIT_ROWS)
    plays, credited = (
        engines.lake.publish(name, version, schema, found)
        for name, schema, found in zip(names, schemas, shards, strict=True)
    )
    return plays, credited


def read_plays(engines: Engines, run: Run, partition: int) -> Any:
    """The decodable batches of a partition, in log order."""
    offset, end = 0, engines.log.end(run.topic, partition)
    while offset < end:
        received = engines.log.read(run.topic, partition, offset, 8 << 20, timeout_ms=10_000)
        if not received:
            raise LinerError(f"{run.topic}: the log gave no message in time; run again")
        for message in received:
            offset = message.offset + 1
            try:
                yield decode(message.value, PLAYS)
            except BadInput:
                continue  # it is in the dead letters


def _rows(batch: pa.RecordBatch, partition: int) -> tuple[pa.Table, pa.Table]:
    """PLAY_ROWS and CREDIT_ROWS of one partition's plays."""
    sequence = np.arange(batch.num_rows)
    credits = [
        None if listed is None or None in listed else listed for listed in batch.column("artist_ids").to_pylist()
    ]
    distinct = [sorted(set(listed or ())) for listed in credits]
    country = [letters and letters.decode("latin-1") for letters in batch.column("country").to_pylist()]
    order = {name: name for name in ISO_3166} | {"--": "~~"}
    columns = {
        "log_partition": pa.array(np.full(batch.num_rows, partition)),
        "sequence": pa.array(sequence),
        **{name: batch.column(name) for name in ("event_id", "user_id", "track_id", "played_ms", "tier", "track_ms")},
        "credits": pa.array([-1 if listed is None else len(listed) for listed in credits], pa.int32()),
        "credited_key": pa.array(["".join(f"{artist + (1 << 63):020d}" for artist in listed) for listed in distinct]),
        "country": pa.array(country, pa.string()),
        "country_order": pa.array([order.get(name or "") for name in country], pa.string()),
        "started_ms": batch.column("started_at").cast(pa.int64()),
    }
    credited = {
        "log_partition": np.full(sum(map(len, distinct)), partition),
        "sequence": np.repeat(sequence, [len(listed) for listed in distinct]),
        "artist_id": pa.array([artist for listed in distinct for artist in listed], pa.int64()),
    }
    plays = pa.table([columns[field.name].cast(field.type) for field in PLAY_ROWS], schema=PLAY_ROWS)
    return plays, pa.table(credited, schema=CREDIT_ROWS)
