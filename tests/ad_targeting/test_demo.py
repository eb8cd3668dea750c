"""The verbs, from the command line."""

import json

import pytest

from ad_targeting import publish
from shared.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))

    def run(*arguments):
        main(["ad-targeting", *arguments])
        return capsys.readouterr().out

    return run


def test_simulate_prints_one_json_object(run):
    found = json.loads(run("simulate", "--scenario", "spike", "--slots", "2000", "--campaigns", "30", "--json"))
    assert found["scenario"] == "spike"
    assert found["policies"]["ours"]["share_of_bound"] <= 1
    assert {"greedy", "MSVV discount", "throttling"} <= set(found["policies"])


def test_frontier_prints_one_json_object(run):
    found = json.loads(run("frontier", "--slots", "2000", "--campaigns", "30", "--json"))
    assert found["points"][0]["revenue_micros"] == found["fill_all"]["revenue_micros"]
    assert found["beats_fill_all"]["retention"] > found["fill_all"]["retention"]


def test_the_demo_compares_every_policy_and_writes_what_the_page_reads(run, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "EXPLORED", 4_000)
    printed = run("demo", "--slots", "2000", "--campaigns", "30")
    assert "of the bound" in printed
    assert "beats «fill every slot» on both axes" in printed
    for name in ("frontier.svg", "frontier.json"):
        assert (tmp_path / "ad_targeting" / name).stat().st_size > 0
    assert (tmp_path / "ad_targeting" / "policies" / "current").exists()


def test_a_day_of_no_slots_is_refused(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("demo", "--slots", "0")
    assert stopped.value.code == 2
    assert "expected 10 to 5,000,000" in capsys.readouterr().err
