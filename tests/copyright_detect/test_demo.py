"""The demo: the alarm rises while the upload runs, the licence holds, nothing is raised for music that is not indexed."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from copyright_detect import demo
from copyright_detect.chunks import CHUNK_SAMPLES, cut
from shared.cli import main
from shared.clock import DEMO_NOW, fixed_clock
from shared.errors import CheckFailed
from tests.copyright_detect.uploads import small_demo


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_world, songs):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINER_HOME", str(home))
        small_demo(patch, tiny_world, songs, home)
        yield home


@pytest.fixture(scope="module")
def report(home):
    """What the demo says in JSON; made once, the songs are kept for the second run."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["copyright-detect", "demo", "--json"]) == 0
    return json.loads(out.getvalue())


def test_each_piece_is_found_where_it_was_put(report):
    found = {row["reference"][:3]: row for row in report["matches"]}
    for piece in (demo.JINGLE, demo.UNDER_SPEECH, demo.QUOTE):
        row = found[f"{piece.song:03d}"]
        assert abs(row["start_s"] - piece.at) < 1
        assert abs(row["end_s"] - piece.at - piece.seconds) < 1
        assert abs(row["ref_start_s"] - piece.from_s - (row["start_s"] - piece.at)) < 0.2
    assert all(row["kind"] == "closed" and row["end_s"] < demo.UNKNOWN.at for row in report["matches"])


def test_the_alarm_rises_while_the_music_still_plays(report):
    first = next(alarm for alarm in report["alarms"] if alarm["reference"].startswith(f"{demo.UNDER_SPEECH.song:03d}"))
    assert first["running"]
    assert demo.UNDER_SPEECH.at < first["at_s"] < demo.UNDER_SPEECH.at + 8


def test_owners_decide_by_territory_and_the_licence_holds(report):
    actions = {(row["reference"][:3], row["territory"]): row["action"] for row in report["decisions"]}
    main_song, jingle, quote = (f"{piece.song:03d}" for piece in (demo.UNDER_SPEECH, demo.JINGLE, demo.QUOTE))
    assert actions[main_song, "US"] == "monetise"
    assert actions[main_song, "JP"] == actions[main_song, "elsewhere"] == "block"
    assert actions[jingle, "elsewhere"] == "none"
    assert actions[quote, "elsewhere"] == "track"  # too short to be blocked


def test_evidence_lies_where_it_says(report):
    for each in report["evidence"]:
        record = json.loads(Path(each["record"]).read_text())
        assert record["picture_sha256"] == sha256(Path(each["picture"]).read_bytes()).hexdigest()


def test_a_second_run_on_the_same_home_says_the_same(home, report, capsys):
    assert main(["copyright-detect", "demo"]) == 0
    said = capsys.readouterr().out
    row = next(each for each in report["matches"] if each["reference"].startswith(f"{demo.UNDER_SPEECH.song:03d}"))
    assert f"provisional {row['reference']}" in said
    assert "US monetise" in said
    assert "demo-2/evidence" in said
    assert said.count("evidence  ") == 2 * len(report["matches"])


def test_the_check_refuses_a_miss_and_a_false_alarm(report):
    names = [f"{number:03d}" for number in range(demo.SONGS)]
    good = {"alarms": [{"reference": names[demo.UNDER_SPEECH.song], "running": True}], "matches": []}
    demo.check(good, names)
    with pytest.raises(CheckFailed, match="0 alarms"):
        demo.check({**good, "alarms": []}, names)
    with pytest.raises(CheckFailed, match="1 for unindexed music"):
        demo.check({**good, "matches": [{"end_s": demo.UNKNOWN.at + 1}]}, names)


def test_deliveries_are_out_of_order_and_doubled_but_lack_nothing():
    chunks = list(cut("u", "s", [np.zeros(100 * CHUNK_SAMPLES, np.float32)], fixed_clock(DEMO_NOW)))
    sent = [chunk for group in demo.delivered(chunks) for chunk in group]
    assert {chunk.number for chunk in sent} == set(range(len(chunks)))
    assert len(sent) > len(chunks)
    assert [chunk.number for chunk in sent] != sorted(chunk.number for chunk in sent)
