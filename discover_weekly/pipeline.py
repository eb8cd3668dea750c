"""The way of the data, top to bottom: plays → weights → iALS → exact top-k → rules and reasons → gate → publish.

Every step leaves a dataset or an array in the lake and can be looked at. Readers keep last week's lists until the manifest of
`discover_weekly/lists` is renamed into place and the store's pointer flips; a run that dies anywhere before leaves them as they were,
and running it again gives the same bytes.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from discover_weekly import gate, store
from discover_weekly.ials import Factors, Settings
from discover_weekly.recommend import save_catalogue
from discover_weekly.records import LISTS, Rules, Sources, vectors_schema
from discover_weekly.train import shards_of, train
from discover_weekly.weights import Catalogue, Counts, count_plays, read_catalogue
from shared.bootstrap import Engines
from shared.clock import WEEK_MS, iso_week, week_start_ms
from shared.lake import Dataset, Lake, Shard
from shared.ports import Engine

NAME = "discover_weekly/lists"
POPULAR_PER_COUNTRY = 400

POPULAR_SQL = """
WITH listened AS (
    SELECT u.country AS country, c.recording_row AS recording_row
    FROM counts AS c JOIN users AS u ON u.user_row = c.user_row WHERE c.plays > 0
    UNION ALL
    SELECT CAST(-1 AS INTEGER) AS country, recording_row FROM counts WHERE plays > 0
), ranked AS (
    SELECT country, recording_row,
           row_number() OVER (PARTITION BY country ORDER BY count(*) DESC NULLS LAST, recording_row NULLS LAST) AS place
    FROM listened GROUP BY country, recording_row
)
SELECT country, recording_row FROM ranked WHERE place <= {limit} ORDER BY country NULLS LAST, place NULLS LAST
"""


def run_week(engines: Engines, sources: Sources, week: str, settings: Settings, rules: Rules, seed: int = 1) -> Dataset:
    """Make and publish the lists of an ISO week from all plays before its Monday, 00:00 UTC; returns the published lists."""
    week_start_ms(week)  # BadInput before anything is written
    with engines.lake.alone(f"discover_weekly/work/{week}") as folder:
        return _run_week(engines, sources, week, settings, rules, seed, folder)


def _run_week(
    engines: Engines, sources: Sources, week: str, settings: Settings, rules: Rules, seed: int, folder: Path
) -> Dataset:
    lake, engine, cutoff_ms = engines.lake, engines.engine, week_start_ms(week)
    catalogue = read_catalogue(sources)
    save_catalogue(folder, catalogue)

    counts = count_plays(engine, lake, sources, catalogue, week, cutoff_ms)
    shape = (len(catalogue.user_ids), len(catalogue.shown))
    factors = train(engine, counts, shape, folder, settings, cutoff_ms, seed)
    save_popular(engine, lake, counts, catalogue, folder, week)

    lists = recommend(engines, counts, folder, week, settings, rules, shape[0])
    report = gate.check(engine, lake, lists, earlier_lists(lake, week, rules), counts, catalogue, week, rules)
    publish_names(lake, sources, week)
    published = publish(lake, lists, factors, catalogue, week, settings, report | counts.rejected)
    store.put_lists(engines.store, published)
    return published


def save_popular(engine: Engine, lake: Lake, counts: Counts, catalogue: Catalogue, folder: Path, week: str) -> None:
    """Leave `popular.npy`, int32[countries, 2 · POPULAR_PER_COUNTRY]: recordings by listeners in each country, then anywhere."""
    rows = np.arange(len(catalogue.user_ids), dtype=np.int32)
    users = lake.publish_table(
        "discover_weekly/user_countries", week, pa.table({"user_row": rows, "country": catalogue.countries})
    )
    sql = POPULAR_SQL.format(limit=POPULAR_PER_COUNTRY)
    found = engine.query(sql, {"counts": counts.by_user, "users": users})
    country = found["country"].to_numpy()  # -1 first: everywhere
    place = np.arange(len(country)) - np.searchsorted(country, country)  # rows of a country stand together
    popular = np.full((len(catalogue.country_names) + 1, POPULAR_PER_COUNTRY), -1, np.int32)
    popular[country + 1, place] = found["recording_row"].to_numpy()
    everywhere = np.repeat(popular[:1], len(catalogue.country_names), axis=0)
    popular = np.concatenate([popular[1:], everywhere], axis=1)
    np.save(folder / "popular.npy", popular)


def recommend(
    engines: Engines, counts: Counts, folder: Path, week: str, settings: Settings, rules: Rules, users: int
) -> Dataset:
    """The lists of all users, by shards; written, not yet published."""
    lake = engines.lake
    arguments = {
        "folder": str(folder),
        "plays": counts.by_user.paths[0],
        "earlier": [path for lists in earlier_lists(lake, week, rules) for path in lists.paths],
        "out": str(lake.folder(NAME, week)),
        "cutoff_ms": week_start_ms(week),
        "settings": asdict(settings),
        "rules": asdict(rules),
    }
    written = engines.engine.map_shards("discover_weekly.recommend:recommend_shard", shards_of(users), arguments)
    return Dataset(NAME, week, LISTS, tuple(Shard(**record) for record in written), {})


def earlier_lists(lake: Lake, week: str, rules: Rules) -> list[Dataset]:
    """The published lists of the quiet weeks before `week`, newest first."""
    start = week_start_ms(week)
    wanted = [iso_week(start - back * WEEK_MS) for back in range(1, rules.quiet_weeks + 1)]
    published = set(lake.versions(NAME))
    return [lake.dataset(NAME, earlier) for earlier in wanted if earlier in published]


def publish_names(lake: Lake, sources: Sources, week: str) -> None:
    """Publish `title – artist` by track id, for whoever shows a list to a person."""
    tracks = sources.tracks.table(["track_id", "title", "artist_ids"]).combine_chunks()
    name = pc.fill_null(tracks["title"], "untitled")
    if sources.artists:
        artists = sources.artists.table(["artist_id", "name"])
        lengths = pc.fill_null(pc.list_value_length(tracks["artist_ids"]), 0).to_numpy()
        credited = np.append(pc.list_flatten(tracks["artist_ids"]).to_numpy(), -1)
        main = pa.array(np.where(lengths > 0, credited[np.cumsum(lengths) - lengths], -1), pa.int32())
        known = artists["name"].take(pc.index_in(main, artists["artist_id"]))
        name = pc.binary_join_element_wise(name, pc.fill_null(known, "unknown"), " – ")
    lake.publish_table("discover_weekly/track_names", week, pa.table({"track_id": tracks["track_id"], "name": name}))


def publish(
    lake: Lake,
    lists: Dataset,
    factors: Factors,
    catalogue: Catalogue,
    week: str,
    settings: Settings,
    report: dict[str, int],
) -> Dataset:
    """Publish vectors first, lists last: who sees this week's lists also finds their vectors."""
    model = hashlib.sha256(factors.items.tobytes() + factors.users.tobytes()).hexdigest()[:16]
    details = {"model": model, "settings": asdict(settings)}
    track_vectors = np.asarray(factors.items)[catalogue.recording_of]
    for name, key, ids, vectors in (
        ("user_vectors", "user_id", catalogue.user_ids, np.asarray(factors.users)),
        ("track_vectors", "track_id", catalogue.track_ids, track_vectors),
    ):
        schema = vectors_schema(key, settings.factors)
        values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), type=schema.field("vector").type)
        lake.publish_table(f"discover_weekly/{name}", week, pa.table([pa.array(ids), values], schema=schema), details)
    return lake.publish(NAME, week, LISTS, lists.shards, json.loads(json.dumps(details | {"report": report})))
