import json
import os

import numpy as np
import pytest
import soundfile

from copyright_detect import detector, score
from copyright_detect.index import open_index
from copyright_detect.records import SAMPLE_RATE, Match
from copyright_detect.scan import Tracer, _because
from shared.cli import main
from shared.world.sound import mix, song, voice
from tests.copyright_detect.uploads import RELEASES

FIELDS = [
    "reference",
    "start_s",
    "end_s",
    "ref_start_s",
    "ref_end_s",
    "score",
    "expected_false_alarms_per_1000h",
    "action",
]
RIGHTS = (
    "reference,owner,territories,valid_from,valid_until,action,minimum_s,show\n"
    "one.flac,Northlight,WORLD,,,block,5,\n"
    "two.flac,Northlight,WORLD,,,block,3600,\n"
    "one.flac,Northlight,WORLD,,,allow,,my-show\n"
    ",nobody,WORLD,,,block,,\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of music beside what is no music, an index of it, and two uploads."""
    place = tmp_path_factory.mktemp("own")
    music = place / "music"
    (music / "disc 2").mkdir(parents=True)
    for number, name in ((1, "one.flac"), (2, "two.flac"), (3, "disc 2/one.flac")):
        soundfile.write(music / name, song(1, RELEASES[number]), SAMPLE_RATE)
    (music / "cover.txt").write_text("a picture, in words")
    soundfile.write(music / "jingle.wav", np.ones(2 * SAMPLE_RATE, np.float32), SAMPLE_RATE)
    (music / "rights.csv").write_text(RIGHTS)
    podcast = mix(voice(1, 7, 30.0), song(1, RELEASES[2])[: 10 * SAMPLE_RATE], 0.0, 8.0)
    soundfile.write(place / "podcast.wav", podcast, SAMPLE_RATE)
    soundfile.write(place / "talk.wav", voice(1, 8, 10.0), SAMPLE_RATE)
    return place


@pytest.fixture(scope="module")
def db(place):
    assert main(["copyright-detect", "index", str(place / "music"), "--db", str(place / "db")]) == 0
    return place / "db"


def run(capsys, *words):
    code = main(["copyright-detect", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_index_names_what_it_took_and_what_it_set_aside(place, capsys):
    code, report = run(capsys, "index", place / "music", "--db", place / "other")
    assert code == 0
    assert report["references"] == 3
    assert open_index(place / "other").references == ["disc 2/one.flac", "one.flac", "two.flac"]
    assert sorted(line.partition(":")[0].rpartition("/")[2] for line in report["refused"]) == [
        "cover.txt",
        "jingle.wav",
        "rights.csv",
    ]
    again = run(capsys, "index", place / "music", "--db", place / "other")[1]
    assert again["references"] == 3


def test_scan_reports_each_file_in_the_promised_form(place, db, capsys):
    code, report = run(capsys, "scan", place / "podcast.wav", place / "music/cover.txt", place / "talk.wav", "--db", db)
    assert code == 1  # one of them could not be heard; the others were
    assert list(report) == ["files"]
    podcast, text, talk = report["files"]
    assert all(list(row) == ["file", "error", "matches"] for row in report["files"])
    (match,) = podcast["matches"]
    assert list(match) == FIELDS
    assert (podcast["error"], match["reference"], match["action"]) == (None, "two.flac", "none")
    assert (match["start_s"], match["end_s"]) == (pytest.approx(8.0, abs=1.0), pytest.approx(18.0, abs=1.0))
    assert "cover.txt: no audio in it" in text["error"]
    assert (text["matches"], talk) == ([], {"file": str(place / "talk.wav"), "error": None, "matches": []})


def test_rights_decide_the_action_and_a_short_use_is_not_claimed(place, capsys):
    code, report = run(
        capsys, "index", place / "music", "--db", place / "claimed", "--rights", place / "music/rights.csv"
    )
    assert code == 0
    assert len(report["rights_rejected"]) == 1
    assert not any("rights.csv" in line for line in report["refused"])
    soundfile.write(place / "first.wav", song(1, RELEASES[1])[: 12 * SAMPLE_RATE], SAMPLE_RATE)
    _, report = run(capsys, "scan", place / "first.wav", place / "podcast.wav", "--db", place / "claimed")
    assert [[m["action"] for m in row["matches"]] for row in report["files"]] == [["block"], ["none"]]
    _, report = run(capsys, "scan", place / "first.wav", "--db", place / "claimed", "--show", "my-show")
    assert [m["action"] for m in report["files"][0]["matches"]] == ["none"]  # its show has a licence


def test_a_scan_of_which_nothing_could_be_heard_is_bad_input(place, db, capsys):
    code, report = run(capsys, "scan", place / "nowhere.mp3", "--db", db)
    assert code == 2
    assert report["files"][0]["error"].endswith("nowhere.mp3: no such file; expected an audio file")


def test_explain_says_why_and_why_not(place, db, capsys):
    _, why = run(capsys, "explain", place / "podcast.wav", "two.flac", "--db", db)
    assert why["matches"]
    assert why["best"]["reference"] == "two.flac"
    assert why["hits_on_one_line"] > 50
    assert "bits" in why["because"]
    _, why_not = run(capsys, "explain", place / "podcast.wav", "one.flac", "--db", db)
    assert not why_not["matches"]
    assert "no alignment of it stands out" in why_not["because"] or "needed" in why_not["because"]
    soundfile.write(place / "nothing.wav", np.zeros(5 * SAMPLE_RATE), SAMPLE_RATE)
    assert "silent" in run(capsys, "explain", place / "nothing.wav", "one.flac", "--db", db)[1]["because"]


def test_the_sentence_agrees_with_the_verdict_however_near_the_threshold(db):
    """The score is rounded, what is needed is not: neither decides."""
    index = open_index(db)
    just = Match("one.flac", 1.0, 9.0, 0.0, 8.0, round(score.bits(score.needed(index.frames)), 1), 1.0, 1.0)
    assert "not enough" not in _because(just, True, 9, 9, index)
    assert "not enough" in _because(just, False, 9, 9, index)


def test_strangers_take_no_place_from_the_reference_that_is_explained(db, monkeypatch):
    monkeypatch.setattr(detector, "MOST_OPEN", 1)
    index = open_index(db)
    under = mix(voice(1, 3, 20.0), song(1, RELEASES[1])[: 16 * SAMPLE_RATE], 0.0, 2.0)
    upload = mix(under, song(1, RELEASES[2])[: 6 * SAMPLE_RATE], 0.0, 8.0)
    tracer = Tracer(index, index.reference("two.flac"))
    assert {event.match.reference for event in tracer.push(upload) + tracer.finish()} == {"two.flac"}


def test_remove_takes_effect_at_once(place, capsys):
    run(capsys, "index", place / "music", "--db", place / "less")
    assert run(capsys, "remove", "two.flac", "--db", place / "less") == (0, {"removed": "two.flac", "references": 2})
    _, report = run(capsys, "scan", place / "podcast.wav", "--db", place / "less")
    assert report["files"][0]["matches"] == []


def test_a_name_that_is_not_utf8_is_indexed_scanned_and_printed(place, tmp_path, capsys):
    folder = os.fsencode(tmp_path / "music")
    os.mkdir(folder)
    for name in (b"caf\xe9.wav", b"caf\xe8.wav"):
        soundfile.write(os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT), song(1, RELEASES[2]), SAMPLE_RATE,
                        format="WAV")  # fmt: skip
    _, report = run(capsys, "index", tmp_path / "music", "--db", tmp_path / "db")
    assert report["references"] == 2
    _, report = run(capsys, "scan", os.fsdecode(os.path.join(folder, b"caf\xe9.wav")), "--db", tmp_path / "db")
    assert {m["reference"] for m in report["files"][0]["matches"]} == {"caf�.wav", "caf�.wav_"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["index", "{}/none", "--db", "{}/x"], "no such folder"),
        (["index", "{}/empty", "--db", "{}/x"], "no files in it"),
        (["scan", "{}/talk.wav", "--db", "{}/none"], "no index here"),
        (["explain", "{}/talk.wav", "nothing.ogg", "--db", "{}/db"], "no reference 'nothing.ogg'"),
        (["remove", "nothing.ogg", "--db", "{}/db"], "no reference 'nothing.ogg'"),
        (["evaluate", "--music", "{}/empty", "--speech", "{}/empty"], "no files; expected audio"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(place, db, capsys, words, says):
    (place / "empty").mkdir(exist_ok=True)
    assert main(["copyright-detect", *(word.format(place) for word in words)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
