"""The demo on the tiny world: final, then corrected with a difference, equal to the recount, and the same from another log."""

import json

import pytest

from charts import demo as module
from charts.demo import WEEK
from charts.rules import parse_week, week_start
from charts.world import world_plays
from shared.bootstrap import engines
from shared.cli import main
from shared.clock import WEEK_MS
from shared.settings import Settings


@pytest.fixture
def home(tmp_path, monkeypatch, tiny_world):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    monkeypatch.setattr("shared.world.make_world", lambda *_: tiny_world)
    return tmp_path


def test_the_demo_tells_the_story_of_a_week(home, capsys):
    assert main(["charts", "demo", "--size", "tiny"]) == 0
    out = capsys.readouterr().out
    stages = [
        f"chart week {WEEK}: {state}"
        for state in ("provisional, revision 0", "final, revision 1", "corrected, revision 2")
    ]
    assert [out.index(stage) for stage in stages] == sorted(out.index(stage) for stage in stages)
    assert f"week {WEEK}, revision 2" in out
    assert "all equal" in out
    assert str(home) in out


def test_json_is_one_object_that_adds_up_and_a_second_demo_begins_anew(home, capsys):
    for _ in range(2):
        assert main(["charts", "demo", "--size", "tiny", "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    plays = first["plays"]
    assert plays["read"] == plays["counted"] + sum(plays["rejected"].values()) == first["recount"]["plays"]
    assert plays["rejected"]["duplicate"] > 0
    states = {week["week"]: (week["state"], week["revision"]) for week in first["weeks"]}
    assert states[WEEK] == ("corrected", 2)
    assert states["2026-11-20"] == ("provisional", 0)
    assert first["charts"] == second["charts"]
    assert first["state"]["path"] != second["state"]["path"]


def test_the_replay_of_the_page_ends_and_says_so(home, monkeypatch):
    monkeypatch.setattr(module, "FRAME_SECONDS", 0)
    ended = []
    module.replay_in_background(Settings(), lambda: ended.append(True))
    assert ended == [True]
    with engines() as opened:
        from charts.run import show

        assert show(opened, "global", WEEK)["revision"] == 2


def test_world_plays_carry_country_credits_and_tier(tiny_world):
    start = week_start(parse_week(WEEK))
    plays = world_plays(tiny_world, start, start + WEEK_MS).to_pylist()
    assert plays == sorted(plays, key=lambda play: (play["started_at"], play["event_id"]))
    assert {play["tier"] for play in plays} == {0, 1, 2}
    assert max(len(play["artist_ids"]) for play in plays) > 1


def test_capacity_follows_its_assumptions(capsys):
    sizes = []
    for listeners in ("1e8", "1e9"):
        assert main(["charts", "capacity", "--listeners", listeners, "--json"]) == 0
        sizes.append({line["name"]: line["value"] for line in json.loads(capsys.readouterr().out)["estimate"]})
    assert sizes[1]["plays a second"] == pytest.approx(10 * sizes[0]["plays a second"])
    assert sizes[1]["counts of a week"] == sizes[0]["counts of a week"]
