"""The gate: every rule is counted again, on the finished lists, in SQL, by other code than what made them.

What was heard and which ids are one recording it takes from the tables of the counting step: a fault there would pass here.

One violation and the week is not published; last week's lists stay. A short list is no violation but is counted: it happens where
the popular recordings end before thirty tracks do. So may a few users be without a list; more than one in a hundred, and it is the inputs.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from discover_weekly.records import LISTS, Rules
from discover_weekly.weights import Catalogue, Counts
from shared.clock import DAY_MS, week_start_ms
from shared.errors import CheckFailed
from shared.lake import Dataset, Lake
from shared.ports import Engine

WITHOUT_A_LIST = 0.01  # share of users
FEW_USERS = 10  # may be without one in any case: they heard everything

CHECKS = {
    "repeated_in_a_list": """
        SELECT count(*) AS violations FROM (
            SELECT l.user_id, t.recording_row FROM lists AS l JOIN tracks AS t ON t.track_id = l.track_id
            GROUP BY l.user_id, t.recording_row HAVING count(*) > 1) AS repeated""",
    "already_heard": """
        SELECT count(*) AS violations FROM lists AS l
        JOIN tracks AS t ON t.track_id = l.track_id
        JOIN users AS u ON u.user_id = l.user_id
        JOIN counts AS c ON c.user_row = u.row_number AND c.recording_row = t.recording_row""",
    "too_many_of_an_artist": """
        SELECT count(*) AS violations FROM (
            SELECT l.user_id, a.artist_id FROM lists AS l
            JOIN tracks AS t ON t.track_id = l.track_id JOIN artists AS a ON a.recording_row = t.recording_row
            GROUP BY l.user_id, a.artist_id HAVING count(DISTINCT l.track_id) > {per_artist}) AS crowded""",
    "listed_in_the_last_weeks": """
        SELECT count(*) AS violations FROM lists AS l
        JOIN earlier AS e ON e.user_id = l.user_id
        JOIN tracks AS t ON t.track_id = l.track_id
        JOIN tracks AS s ON s.track_id = e.track_id
        WHERE s.recording_row = t.recording_row""",
    "not_released": """
        SELECT count(*) AS violations FROM lists AS l LEFT JOIN tracks AS t ON t.track_id = l.track_id
        WHERE t.track_id IS NULL OR t.released_day >= {today}""",
    "longer_or_with_gaps": """
        SELECT count(*) AS violations FROM (
            SELECT user_id FROM lists GROUP BY user_id HAVING count(*) > {length} OR max(rank) > count(*)) AS longer""",
}
LENGTHS_SQL = """
    SELECT count(*) AS lists, count(CASE WHEN tracks < {length} THEN 1 END) AS short_lists
    FROM (SELECT user_id, count(*) AS tracks FROM lists GROUP BY user_id) AS lengths"""


def check(
    engine: Engine,
    lake: Lake,
    lists: Dataset,
    earlier: Sequence[Dataset],
    counts: Counts,
    catalogue: Catalogue,
    week: str,
    rules: Rules,
) -> dict[str, int]:
    """Count lists, short lists and lists that miss; CheckFailed, naming rule and number, when a rule is broken."""
    tables = {
        "lists": lists,
        "earlier": Dataset(lists.name, "earlier", LISTS, tuple(s for dataset in earlier for s in dataset.shards), {}),
        "counts": counts.by_user,
        "tracks": lake.dataset("discover_weekly/recordings", week),
        "users": lake.dataset("discover_weekly/user_rows", week),
        "artists": lake.publish_table("discover_weekly/recording_artists", week, credited_artists(catalogue)),
    }
    if not earlier:
        del tables["earlier"]
    constants = {"length": rules.length, "per_artist": rules.per_artist, "today": week_start_ms(week) // DAY_MS}
    for rule, sql in CHECKS.items():
        if "earlier" in sql and not earlier:
            continue
        violations = engine.query(sql.format(**constants), tables)["violations"][0].as_py()
        if violations:
            raise CheckFailed(
                f"week {week}: {violations} × {rule.replace('_', ' ')}; the lists were not published, last week's stand"
            )
    counted = engine.query(LENGTHS_SQL.format(length=rules.length), tables).to_pylist()[0]
    without = len(catalogue.user_ids) - counted["lists"]
    if not counted["lists"] or without > max(FEW_USERS, WITHOUT_A_LIST * len(catalogue.user_ids)):
        raise CheckFailed(
            f"week {week}: {without:,} of {len(catalogue.user_ids):,} users without a list; look at the tracks' `released`;"
            " the lists were not published, last week's stand"
        )
    return {**counted, "users_without_a_list": without}


def credited_artists(catalogue: Catalogue) -> pa.Table:
    """One row per recording and credited artist."""
    rows = np.repeat(np.arange(len(catalogue.shown), dtype=np.int32), np.diff(catalogue.artist_indptr))
    return pa.table({"recording_row": rows, "artist_id": catalogue.artists})
