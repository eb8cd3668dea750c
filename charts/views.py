"""Charts as a reader sees them: the newest revision of each week (or the provisional chart of a running one), with
movement and names.

Commands and the service read here, beside the consumer that writes: SQLite in WAL mode lets them. Movement is worked
out at every reading, from the newest revision of every week before, so that a correction of last week corrects what
this week says about it.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from charts.close import GLOBAL, charted, cut, published, weekly_counts
from charts.counts import add_counts
from charts.movement import Movement, movements
from charts.pipeline import Run
from charts.records import ISO_3166, Verdict
from charts.rules import Rules, week_name, week_start
from charts.store import PartitionStore
from shared.bootstrap import Engines
from shared.clock import DAY_MS, from_ms
from shared.errors import BadInput, NotFound
from shared.lake import Lake, read_shard

CURRENT = "current"


def set_current(run: Run) -> None:
    """Make `run` the one that `show`, `why` and the page look at."""
    run.folder.mkdir(parents=True, exist_ok=True)
    pointer = run.folder.parent / CURRENT
    aside = pointer.with_suffix(".tmp")
    aside.write_text(run.name)
    aside.rename(pointer)


def current_run(home: Path) -> Run:
    """The run last given to `set_current`: a demo once it begins, files once all are counted; NotFound when there was none."""
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
        self._lake, self._run, self._rules, self.stores = engines.lake, run, rules, stores
        self._artists, self._ids_are_texts = names(engines.lake, run, "artists")

    def weeks(self) -> list[int]:
        """Every week with a chart, ascending, to the one that the stream's clock stands in; none before there is a counted play."""
        known = {week for store in self.stores for week in store.weeks()}
        return charted(known, max(store.position().watermark for store in self.stores), self._rules)

    def state(self, week: int) -> dict[str, Any]:
        """The week's state (provisional, final, corrected) and the number of its revision (0: provisional)."""
        return _state(week, published(self._lake, self._run.dataset, week))

    def table(self, week: int) -> pa.Table:
        """CHART of all scopes of a week."""
        return self._look(week)[1]

    def _look(self, week: int) -> tuple[dict[str, Any], pa.Table]:
        """A week's state and its table, both of one revision."""
        last = published(self._lake, self._run.dataset, week)
        table = _read(last.paths[0]) if last else cut(weekly_counts(self.stores, week), self._rules)
        return _state(week, last), table

    def rows(self, scope: str, week: int) -> list[dict[str, Any]]:
        """CHART rows of one scope of a week, with names."""
        return [self.named(row) for row in _of(self.table(week), scope)]

    def chart(self, scope: str, week: int) -> dict[str, Any]:
        """One chart with movement; an empty one when nobody listened there."""
        check_scope(scope)
        weeks = [*(other for other in self.weeks() if other < week), week]
        looks = [self._look(each) for each in weeks]
        rows = [_of(table, scope) for _, table in looks]
        return self._chart(scope, looks[-1][0], rows[-1], _moved(rows)[-1])

    def charts(self) -> list[dict[str, Any]]:
        """Every chart of every week and scope, by week, the global one first."""
        looks = [self._look(week) for week in self.weeks()]
        rows: dict[str, list[list[dict[str, Any]]]] = {GLOBAL: [[] for _ in looks]}
        for at, (_, table) in enumerate(looks):
            for row in table.to_pylist():
                rows.setdefault(row["scope"], [[] for _ in looks])[at].append(row)
        moved = {scope: _moved(charts) for scope, charts in rows.items()}
        return [
            self._chart(scope, state, rows[scope][at], moved[scope][at])
            for at, (state, _) in enumerate(looks)
            for scope in sorted(rows, key=lambda scope: (scope != GLOBAL, scope))
            if rows[scope][at] or scope == GLOBAL
        ]

    def days(self, week: int) -> list[dict[str, Any]]:
        """Units and plays credited on each day of a week; the week's chart is their sum, exactly."""
        daily = add_counts([store.counts(week) for store in self.stores], ("day",)).sort_by("day").to_pylist()
        return [
            {"day": _date(week_start(week) + row["day"] * DAY_MS), "units": row["units"], "plays": row["plays"]}
            for row in daily
        ]

    def history(self, scope: str, artist: int) -> list[dict[str, Any]]:
        """An artist's places in a scope, one row a week on the chart."""
        check_scope(scope)
        weeks = self.weeks()
        rows = [_of(self.table(week), scope) for week in weeks]
        return [
            {
                "week": week_name(week),
                "rank": row["rank"],
                "units": row["units"],
                "plays": row["plays"],
                **movement._asdict(),
            }
            for week, chart, moved in zip(weeks, rows, _moved(rows), strict=True)
            for row, movement in zip(chart, moved, strict=True)
            if row["artist_id"] == artist
        ]

    def corrections(self, week: int) -> list[dict[str, Any]]:
        """The published differences of a week, oldest first; not one whose chart a killed closer has yet to publish."""
        newest = self.state(week)["revision"]
        name = f"{self._run.dataset}/corrections/{week_name(week)}"
        return [
            {
                "week": week_name(week),
                "revision": int(version[1:]),
                "rows": [self.named(row) for row in self._lake.dataset(name, version).table().to_pylist()],
            }
            for version in self._lake.versions(name)
            if int(version[1:]) <= newest
        ]

    def accounting(self) -> dict[str, Any]:
        """Where every play went: read = counted + rejected, by reason."""
        tallies = sum((store.position().tallies for store in self.stores), start=0 * self.stores[0].position().tallies)
        by_verdict = {verdict.name.lower(): int(tallies[verdict]) for verdict in Verdict}
        counted = by_verdict.pop("counted")
        dead = sum(len(store.dead_letters()) for store in self.stores)
        return {"read": int(tallies.sum()), "counted": counted, "rejected": by_verdict, "dead_letters": dead}

    def scopes(self, week: int) -> list[str]:
        """Scopes with a chart in a week, the global one first."""
        return list(dict.fromkeys([GLOBAL, *self.table(week)["scope"].to_pylist()]))

    def number_of(self, artist: str) -> int:
        """The number of an artist id as the input had it; NotFound for a text that nobody has, and for what is no number."""
        if self._ids_are_texts and artist in self._artists:
            return self._artists.index(artist)
        if self._ids_are_texts or not re.fullmatch(r"-?[0-9]{1,19}", artist):
            raise NotFound(f"artist {artist!r}: not in these charts")
        return int(artist)

    def _chart(
        self, scope: str, state: dict[str, Any], rows: list[dict[str, Any]], moved: list[Movement]
    ) -> dict[str, Any]:
        entries = [{**self.named(row), **movement._asdict()} for row, movement in zip(rows, moved, strict=True)]
        for entry in entries:
            del entry["scope"]
        return {"scope": scope, **state, "rows": entries}

    def named(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with the artist's name; the id is the text that the input had, when its ids were texts."""
        number = row["artist_id"]
        name = self._artists[number] if 0 <= number < len(self._artists) else str(number)
        return {**row, "artist_id": name if self._ids_are_texts else number, "artist": name}


def check_scope(scope: str) -> None:
    """BadInput unless a scope is `global` or a country."""
    if scope != GLOBAL and scope not in ISO_3166:
        raise BadInput(f"scope {scope!r}: expected global or an ISO 3166 country in capitals, such as SE")


def publish_names(lake: Lake, run: Run, what: str, texts: pa.Array, ids: bool) -> None:
    """Keep the text behind each number of artists or events; `ids`: the texts are the ids that the input had."""
    lake.publish_table(f"{run.dataset}/{what}", "names", pa.table({"name": texts}), {"ids": ids})


def names(lake: Lake, run: Run, what: str) -> tuple[list[str], bool]:
    """The texts behind the numbers of artists or events, and whether they are ids; none when the input had numbers."""
    try:
        dataset = lake.dataset(f"{run.dataset}/{what}")
    except NotFound:
        return [], False
    return dataset.table()["name"].to_pylist(), dataset.details["ids"]


def _of(table: pa.Table, scope: str) -> list[dict[str, Any]]:
    """The rows of one scope."""
    rows: list[dict[str, Any]] = table.filter(pc.field("scope") == scope).to_pylist()
    return rows


def _state(week: int, last: Any) -> dict[str, Any]:
    """As of `Views.state`; last: the week's newest revision, None when there is none."""
    number = last.details["revision"] if last else 0
    state = ("provisional", "final")[number] if number < 2 else "corrected"
    return {"week": week_name(week), "state": state, "revision": number}


def _date(ms: int) -> str:
    return from_ms(ms).date().isoformat()


def _moved(charts: list[list[dict[str, Any]]]) -> list[list[Movement]]:
    return movements([[(row["rank"], row["artist_id"]) for row in chart] for chart in charts])


@lru_cache(maxsize=512)
def _read(path: str) -> pa.Table:
    """A published chart never changes under its path, which carries its digest."""
    return read_shard(path)
