"""The gate refuses lists that break a rule: each rule broken once, on purpose."""

import pyarrow as pa
import pytest

from discover_weekly import gate
from discover_weekly.pipeline import NAME
from discover_weekly.records import LISTS, Rules, Sources
from discover_weekly.weights import count_plays, read_catalogue
from shared.bootstrap import Engines
from shared.clock import week_start_ms
from shared.errors import CheckFailed
from shared.files import open_parquet
from shared.settings import Settings
from tests.discover_weekly.by_hand import play

WEEK = "2026-W48"


@pytest.fixture
def judge(files, tmp_path):
    """A function that holds rows (user, rank, track) against the rules, after user 0 heard tracks 0 to 3."""
    plays, tracks, users = files([play(0, t, 60 + t) for t in range(4)])
    schema = pa.schema([])
    sources = Sources(*(open_parquet("x", path, schema) for path in (plays, tracks, users)))
    engines = Engines(Settings(home=tmp_path / "home"))
    catalogue = read_catalogue(sources)
    counts = count_plays(engines.engine, engines.lake, sources, catalogue, WEEK, week_start_ms(WEEK))

    def publish(version, rows):
        table = pa.Table.from_pylist(
            [
                {"user_id": u, "rank": r, "track_id": t, "score": 0.0, "reason_track_id": -1, "reason_share": 0.0}
                for u, r, t in rows
            ],
            schema=LISTS,
        )
        return engines.lake.publish_table(NAME, version, table)

    def check(rows, earlier=()):
        before = [publish("2026-W47", earlier)] if earlier else []
        return gate.check(
            engines.engine, engines.lake, publish(WEEK, rows), before, counts, catalogue, WEEK, Rules(length=4, pool=8)
        )

    yield check
    engines.close()


def test_good_lists_pass(judge):
    report = judge([(0, 1, 10), (0, 2, 11), *((user, 1, 0) for user in range(1, 6))], earlier=[(0, 1, 12)])
    assert report == {"lists": 6, "short_lists": 6, "users_without_a_list": 0}


def test_a_week_in_which_users_have_no_list_is_refused(judge, monkeypatch):
    assert judge([(user, 1, 10) for user in range(5)])["users_without_a_list"] == 1
    monkeypatch.setattr(gate, "FEW_USERS", 0)
    with pytest.raises(CheckFailed, match="1 of 6 users without a list"):
        judge([(user, 1, 10) for user in range(5)])
    with pytest.raises(CheckFailed, match="6 of 6 users without a list"):
        judge([])


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([(0, 1, 10), (0, 2, 10)], "repeated in a list"),
        ([(0, 1, 3)], "already heard"),
        ([(0, r + 1, 20 + r) for r in range(5)], "longer or with gaps"),
        ([(0, 1, 12)], "listed in the last weeks"),
    ],
)
def test_a_broken_rule_is_refused(judge, rows, rule):
    with pytest.raises(CheckFailed, match=rule):
        judge(rows, earlier=[(0, 1, 12)])


def test_three_of_an_artist_are_refused(files, tmp_path):
    def one_artist(rows):
        for row in rows[10:13]:
            row["artist_ids"] = [99]

    plays, tracks, users = files([play(0, 0)], spoil_tracks=one_artist)
    sources = Sources(*(open_parquet("x", path, pa.schema([])) for path in (plays, tracks, users)))
    engines = Engines(Settings(home=tmp_path / "home"))
    catalogue = read_catalogue(sources)
    counts = count_plays(engines.engine, engines.lake, sources, catalogue, WEEK, week_start_ms(WEEK))
    rows = [
        {"user_id": 0, "rank": r + 1, "track_id": 10 + r, "score": 0.0, "reason_track_id": -1, "reason_share": 0.0}
        for r in range(3)
    ]
    lists = engines.lake.publish_table(NAME, WEEK, pa.Table.from_pylist(rows, schema=LISTS))
    with pytest.raises(CheckFailed, match="too many of an artist"):
        gate.check(engines.engine, engines.lake, lists, [], counts, catalogue, WEEK, Rules())
    engines.close()
