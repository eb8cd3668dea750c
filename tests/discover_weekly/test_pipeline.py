"""A whole week on the tiny world: every rule, in every list, counted by loops that share nothing with the pipeline."""

from collections import Counter, defaultdict

import pytest

from discover_weekly.demo import world_sources
from discover_weekly.ials import Settings
from discover_weekly.pipeline import NAME, run_week
from discover_weekly.records import Rules
from shared.bootstrap import Engines
from shared.clock import fixed_clock, week_start_ms
from shared.settings import Settings as House

WEEK, WEEK_BEFORE = "2026-W48", "2026-W47"
QUICK = Settings(factors=16, sweeps=4)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    opened = Engines(House(home=tmp_path_factory.mktemp("home")), fixed_clock(week_start_ms(WEEK)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def two_weeks(engines, tiny_world):
    sources = world_sources(tiny_world)
    return (
        sources,
        run_week(engines, sources, WEEK_BEFORE, QUICK, Rules()),
        run_week(engines, sources, WEEK, QUICK, Rules()),
    )


def lists_of(dataset):
    lists = defaultdict(list)
    for row in dataset.table().to_pylist():
        lists[row["user_id"]].append(row)
    return lists


def test_every_user_has_a_full_list(two_weeks):
    sources, _, published = two_weeks
    lists = lists_of(published)
    assert set(lists) == set(sources.users.table(["user_id"])["user_id"].to_pylist())
    assert {len(rows) for rows in lists.values()} == {30}
    assert all([row["rank"] for row in rows] == list(range(1, 31)) for rows in lists.values())
    assert published.details["report"]["short_lists"] == 0


def test_rules_hold_over_two_weeks(two_weeks):
    sources, before, published = two_weeks
    tracks = {row["track_id"]: row for row in sources.tracks.table().to_pylist()}
    cutoff = week_start_ms(WEEK)
    heard = defaultdict(set)
    plays = sources.plays.table(["user_id", "track_id", "started_at"])
    for user, track, started in zip(*(plays[name].to_pylist() for name in plays.column_names), strict=True):
        if started.timestamp() * 1000 < cutoff:
            heard[user].add(tracks[track]["recording"])
    earlier = {user: {tracks[row["track_id"]]["recording"] for row in rows} for user, rows in lists_of(before).items()}
    for user, rows in lists_of(published).items():
        recordings = [tracks[row["track_id"]]["recording"] for row in rows]
        assert len(set(recordings)) == 30
        assert not heard[user] & set(recordings)
        assert not earlier[user] & set(recordings)
        artists = Counter(artist for row in rows for artist in set(tracks[row["track_id"]]["artist_ids"]))
        assert max(artists.values()) <= 2


def test_reasons_are_played_recordings_and_shares_are_parts(two_weeks):
    sources, _, published = two_weeks
    tracks = {row["track_id"]: row["recording"] for row in sources.tracks.table(["track_id", "recording"]).to_pylist()}
    heard = defaultdict(set)
    plays = sources.plays.table(["user_id", "track_id"])
    for user, track in zip(plays["user_id"].to_pylist(), plays["track_id"].to_pylist(), strict=True):
        heard[user].add(tracks[track])
    explained = [row for row in published.table().to_pylist() if row["reason_track_id"] >= 0]
    assert len(explained) > 0.9 * published.rows
    assert all(tracks[row["reason_track_id"]] in heard[row["user_id"]] for row in explained)


def test_a_rerun_gives_the_same_bytes(engines, two_weeks):
    sources, _, published = two_weeks
    again = run_week(engines, sources, WEEK, QUICK, Rules())
    assert again.digest == published.digest
    assert again.details == published.details


def test_vectors_are_published_for_other_systems(engines, two_weeks):
    sources, _, published = two_weeks
    users = engines.lake.dataset("discover_weekly/user_vectors", WEEK)
    tracks = engines.lake.dataset("discover_weekly/track_vectors", WEEK)
    assert users.details["model"] == tracks.details["model"] == published.details["model"]
    assert users.rows == sources.users.rows
    assert tracks.rows == sources.tracks.rows
    by_track = dict(zip(*tracks.table().to_pydict().values(), strict=True))
    by_user = dict(zip(*users.table().to_pydict().values(), strict=True))
    row = next(row for row in published.table().to_pylist() if row["reason_track_id"] >= 0)
    score = sum(a * b for a, b in zip(by_user[row["user_id"]], by_track[row["track_id"]], strict=True))
    assert score == pytest.approx(row["score"], rel=1e-4)


def test_history_is_kept(engines, two_weeks):
    assert engines.lake.versions(NAME) == [WEEK_BEFORE, WEEK]
