"""What `liner discover-weekly demo` shows: a world, this Monday's lists with their reasons, how good the models are, where it all lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from discover_weekly.ials import Settings
from discover_weekly.pipeline import run_week
from discover_weekly.records import PLAYS, TRACKS, USERS, Rules, Sources
from discover_weekly.service import read_list
from shared.bootstrap import Engines, engines
from shared.clock import DEMO_NOW, iso_week
from shared.files import open_parquet
from shared.lake import Dataset, Lake
from shared.output import print_json, print_next, short, size_of
from shared.settings import Settings as House

JUDGED_WITH = {  # chosen by `evaluate` on worlds of other seeds; a search here would take the demo's minute
    "ials": {"weights": "log", "unobserved_weight": 0.1, "regularisation": 0.003, "factors": 64},
    "ease": {"weights": "log", "regularisation": 300.0},
}
SHOWN_USERS = 3
SHOWN_TRACKS = 6


def demo(size: str, seed: int, as_json: bool) -> None:
    """Make the world, publish the week of the demo clock, print lists, quality and places."""
    from discover_weekly.evaluate import MODELS, evaluate, print_table
    from shared.world import make_world

    with engines() as opened:
        world = make_world(opened.settings.home / "world" / f"{size}-{seed}", size, seed)
        sources = world_sources(world)
        lists = run_week(opened, sources, iso_week(DEMO_NOW), Settings(), Rules())
        quality = evaluate(interactions_of(lists, opened.lake), MODELS, seeds=1, fixed=JUDGED_WITH)
        users = lists.table(["user_id"])["user_id"].unique().to_pylist()
        shown = [read_list(opened, user) for user in users[:: max(1, len(users) // SHOWN_USERS)][:SHOWN_USERS]]
        if as_json:
            print_json({"week": lists.version, "lists": shown, "quality": quality, "report": lists.details["report"]})
            return
        for found in shown:
            print_list(found, SHOWN_TRACKS)
        print_table(quality)
        print_places(opened, world, lists)
    print_next("liner discover-weekly capacity --users 1e9", "liner console", "discover_weekly/README.md")


def world_sources(world: Lake) -> Sources:
    """The three inputs, from a synthetic world."""
    return Sources(world.dataset("plays"), world.dataset("tracks"), world.dataset("users"), world.dataset("artists"))


def interactions_of(lists: Dataset, lake: Lake) -> csr_matrix:
    """The plays behind published lists as counts, csr [users, recordings]."""
    counts = lake.dataset("discover_weekly/by_user", lists.version).table(["user_row", "recording_row", "plays"])
    user, recording, plays = (counts[name].to_numpy() for name in counts.column_names)
    matrix = csr_matrix((plays.astype(np.float32), (user, recording)))
    matrix.eliminate_zeros()
    return matrix


def run_files(plays: str, catalogue: str, users: str, week: str, out: str, seed: int) -> dict[str, Any]:
    """The week on somebody's own Parquet, published into the lake `out`; returns what the run reports."""
    sources = Sources(
        open_parquet("plays", plays, PLAYS),
        open_parquet("catalogue", catalogue, TRACKS),
        open_parquet("users", users, USERS),
    )
    opened = Engines(House(home=Path(out)))
    try:
        lists = run_week(opened, sources, week, Settings(), Rules(), seed)
    finally:
        opened.close()
    return {
        "week": week,
        "rows": lists.rows,
        "digest": lists.digest,
        "lake": str(opened.lake.root),
        **lists.details["report"],
    }


def print_list(found: Mapping[str, Any], limit: int | None = None) -> None:
    """One user's list for a person."""
    from rich.cells import set_cell_size  # a CJK letter is two cells wide

    print(f"\nUser {found['user_id']}, {found['week']}: {len(found['tracks'])} tracks")
    for rank, track in enumerate(found["tracks"][:limit], 1):
        print(f"  {rank:2}. {set_cell_size(track['title'], 44)}  {track['reason']}")
    if limit is not None and len(found["tracks"]) > limit:
        print(f"      … and {len(found['tracks']) - limit} more: liner discover-weekly show {found['user_id']}")


def print_places(opened: Engines, world: Lake, lists: Dataset) -> None:
    """Where the files lie, what they weigh, and what the gate counted."""
    report = lists.details["report"]
    print(
        f"\n{report['lists']:,} lists, {report['short_lists']} short; every rule counted again before publishing: 0 violations"
    )
    print(f"world   {short(world.root)}  ({size_of(world.root)})")
    print(
        f"lists   {short(Path(lists.paths[0]).parent)}  ({lists.rows:,} rows, digest {lists.digest}, model {lists.details['model']})"
    )
    print(f"vectors {short(opened.lake.root / 'discover_weekly' / 'track_vectors')}")
