"""Charts as a reader sees them: the newest revision of each week (or the provisional chart of a running one), with movement and names.

Commands and the service read here, beside the consumer that writes: SQLite in WAL mode lets them. Movement is worked out at every reading, from the
newest revision of every week before, so that a correction of last week corrects what this week says about it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from charts.close import GLOBAL, cut, merged_counts, published
from charts.movement import movements
from charts.pipeline import Run
from charts.records import ISO_3166, Verdict
from charts.rules import Rules, week_name
from charts.store import PartitionStore
from shared.bootstrap import Engines
from shared.errors import BadInput, NotFound
from shared.lake import Lake, read_shard

Names = Callable[[int], Any]
CURRENT = "current"


def set_current(run: Run) -> None:
    """Make `run` the one that `show`, `why` and the page look at."""
    run.folder.mkdir(parents=True, exist_ok=True)
    pointer = run.folder.parent / CURRENT
    aside = pointer.with_suffix(".tmp")
    aside.write_text(run.name)
    aside.rename(pointer)


def current_run(home: Path) -> Run:
    """The run that was last begun; NotFound when there was none."""
    pointer = home / "charts" / CURRENT
    if not pointer.exists():
        raise NotFound(f"{home}: no charts yet; run `liner charts demo` or `liner charts run --plays FILE`")
    return Run(pointer.read_text().strip(), home)


def open_stores(run: Run) -> list[PartitionStore]:
    """The partitions' files, for reading."""
    found = sorted(run.folder.glob("partition-*.sqlite"))
    return [PartitionStore(run.folder, int(path.stem.removeprefix("partition-"))) for path in found]


class Views:
    """The charts of one run, as of now."""

    def __init__(self, engines: Engines, run: Run, rules: Rules, stores: Sequence[PartitionStore]) -> None:
        self._lake, self._run, self._rules, self._stores = engines.lake, run, rules, stores
        self.artist_name = names(engines.lake, run, "artists")

    def weeks(self) -> list[int]:
        """Every week from the first with a play to the last, those without any included."""
        known = [week for store in self._stores for week in store.weeks()]
        return list(range(min(known), max(known) + 1)) if known else []

    def state(self, week: int) -> dict[str, Any]:
        """The week's state (provisional, final, corrected) and the number of its revision (0: provisional)."""
        last = published(self._lake, self._run.dataset, week)
        number = last.details["revision"] if last else 0
        return {"week": week_name(week), "state": ("provisional", "final")[number] if number < 2 else "corrected", "revision": number}

    def table(self, week: int) -> pa.Table:
        """CHART of all scopes of a week."""
        last = published(self._lake, self._run.dataset, week)
        return _read(last.paths[0]) if last else cut(merged_counts(self._stores, week), self._rules)

    def chart(self, scope: str, week: int, tables: dict[int, pa.Table] | None = None) -> dict[str, Any]:
        """One chart with movement; an empty one when nobody listened there. `tables` saves reading weeks again."""
        check_scope(scope)
        tables = {} if tables is None else tables
        past = [other for other in self.weeks() if other < week]
        rows = {w: _scope_rows(tables.setdefault(w, self.table(w)) if w not in tables else tables[w], scope) for w in [*past, week]}
        moved = movements([[(row["rank"], row["artist_id"]) for row in rows[w]] for w in rows])[-1]
        entries = [
            {**row, "artist_id": self.artist_id(row["artist_id"]), "artist": self.artist_name(row["artist_id"]), **movement._asdict()}
            for row, movement in zip(rows[week], moved, strict=True)
        ]
        return {"scope": scope, **self.state(week), "rows": entries}

    def artist_id(self, artist: int) -> int | str:
        """The id as the input had it: text when its ids were texts."""
        return artist

    def history(self, scope: str, artist: int) -> list[dict[str, Any]]:
        """An artist's places in a scope, one row a week on the chart."""
        check_scope(scope)
        weeks = self.weeks()
        ranks = [[(row["rank"], row["artist_id"]) for row in _scope_rows(self.table(week), scope)] for week in weeks]
        found = []
        for week, chart, moved in zip(weeks, ranks, movements(ranks), strict=True):
            found += [
                {"week": week_name(week), "rank": rank, **movement._asdict()}
                for (rank, entry), movement in zip(chart, moved, strict=True)
                if entry == artist
            ]
        return found

    def corrections(self, week: int) -> list[dict[str, Any]]:
        """The published differences of a week, oldest first."""
        name = f"{self._run.dataset}/corrections/{week_name(week)}"
        return [
            {"week": week_name(week), "revision": int(version[1:]), "rows": self._named(self._lake.dataset(name, version).table())}
            for version in self._lake.versions(name)
        ]

    def accounting(self) -> dict[str, Any]:
        """Where every play went: read = counted + rejected, by reason."""
        tallies = sum((store.position().tallies for store in self._stores), start=0 * self._stores[0].position().tallies)
        by_verdict = {verdict.name.lower(): int(tallies[verdict]) for verdict in Verdict}
        counted = by_verdict.pop("counted")
        dead = sum(len(store.dead_letters()) for store in self._stores)
        return {"read": int(tallies.sum()), "counted": counted, "rejected": by_verdict, "dead_letters": dead}

    def scopes(self, week: int) -> list[str]:
        """Scopes with a chart in a week, the global one first."""
        return list(dict.fromkeys([GLOBAL, *self.table(week)["scope"].to_pylist()]))

    def _named(self, diff: pa.Table) -> list[dict[str, Any]]:
        return [{**row, "artist": self.artist_name(row["artist_id"])} for row in diff.to_pylist()]


def check_scope(scope: str) -> None:
    """BadInput unless a scope is `global` or a country."""
    if scope != GLOBAL and scope not in ISO_3166:
        raise BadInput(f"scope {scope!r}: expected global or an ISO 3166 country in capitals, such as SE")


def names(lake: Lake, run: Run, what: str) -> Names:
    """The text behind a number: of artists or events; the number itself when the input had numbers."""
    try:
        texts = lake.dataset(f"{run.dataset}/{what}").table()["name"].to_pylist()
    except NotFound:
        return str
    return lambda number: texts[number] if 0 <= number < len(texts) else str(number)


def _scope_rows(table: pa.Table, scope: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.filter(pc.field("scope") == scope).drop_columns("scope").to_pylist()
    return rows


@lru_cache(maxsize=512)
def _read(path: str) -> pa.Table:
    """A published chart never changes under its path, which carries its digest."""
    return read_shard(path)
