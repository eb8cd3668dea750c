"""Somebody's own files by the command line: a folder, a rights file, episodes; what is refused has its line and the rest goes on."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from copyright_detect.rights_file import COLUMNS
from shared.cli import main
from tests.copyright_detect.uploads import RATE, RELEASES, make_podcast, song

HEADER = ",".join(COLUMNS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two songs, a text, and an episode with 15 s of the second song from 10 s on."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "music" / "album").mkdir(parents=True)
    soundfile.write(folder / "music" / "first.ogg", song(1, RELEASES[0]), RATE, format="OGG")
    soundfile.write(folder / "music" / "album" / "second – café.mp3", song(1, RELEASES[1]), RATE, format="MP3")
    (folder / "music" / "cover.txt").write_text("no sound\n" * 50)
    soundfile.write(folder / "episode.wav", make_podcast(), RATE)
    soundfile.write(folder / "talk.wav", make_podcast()[: 9 * RATE], RATE)
    return folder


@pytest.fixture
def db(folder, tmp_path):
    """Where the index is put."""
    return str(tmp_path / "db")


def run(capsys, *arguments):
    """The exit code, and standard output as JSON if it is some."""
    code = main(["copyright-detect", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out.startswith("{") else captured.out + captured.err


def rights(tmp_path, *rows):
    path = tmp_path / "rights.csv"
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def test_index_with_rights_then_scan(folder, db, tmp_path, capsys):
    claims = rights(
        tmp_path, "second – café.mp3,N,DE FR,,,block,10,", "first.ogg,N,UK,,,block,,", "third.ogg,N,DE,,,track,,"
    )
    code, made = run(capsys, "index", folder / "music", "--db", db, "--rights", claims, "--json")
    assert (code, made["references"]) == (0, 2)
    assert ["cover.txt" in line for line in made["refused"]] == [True]
    assert [line.partition("row ")[2][:20] for line in made["rights_rejected"]] == [
        "3: territories: 'UK'",
        "4: reference: 'third",
    ]
    code, report = run(
        capsys, "scan", folder / "episode.wav", folder / "talk.wav", folder / "gone.wav", "--db", db, "--json"
    )
    assert code == 1
    episode, talk, gone = report["files"]
    (match,) = episode["matches"]
    assert list(episode) == ["file", "error", "matches"]
    assert list(match) == [
        "reference", "start_s", "end_s", "ref_start_s", "ref_end_s", "score", "expected_false_alarms_per_1000h", "action",
    ]  # fmt: skip
    assert (match["reference"], match["action"]) == ("second – café.mp3", "block")
    assert abs(match["start_s"] - 10) < 1
    assert abs(match["end_s"] - 25) < 1
    assert (talk["error"], talk["matches"]) == (None, [])
    assert "no such file" in gone["error"]


def test_without_rights_everything_is_listed_with_none(folder, db, capsys):
    assert run(capsys, "index", folder / "music", "--db", db)[0] == 0
    (found,) = run(capsys, "scan", folder / "episode.wav", "--db", db, "--json")[1]["files"]
    assert [match["action"] for match in found["matches"]] == ["none"]


def test_removed_means_not_found(folder, db, capsys):
    assert run(capsys, "index", folder / "music", "--db", db)[0] == 0
    assert run(capsys, "remove", "second – café.mp3", "--db", db)[0] == 0
    (found,) = run(capsys, "scan", folder / "episode.wav", "--db", db, "--json")[1]["files"]
    assert found["matches"] == []
    code, said = run(capsys, "remove", "second – café.mp3", "--db", db)
    assert (code, "second – café.mp3" in said) == (2, True)


def test_a_rights_file_that_cannot_be_read_stops_before_anything_is_written(folder, db, tmp_path, capsys):
    code, said = run(capsys, "index", folder / "music", "--db", db, "--rights", rights(tmp_path, "x"))
    assert (code, "row 2, 1 cells; expected 8" in said) == (2, True)
    assert not (tmp_path / "db").exists()


def test_a_folder_of_nothing(tmp_path, db, capsys):
    (tmp_path / "empty").mkdir()
    for place, why in ((tmp_path / "empty", "no files in it"), (tmp_path / "gone", "no such folder")):
        code, said = run(capsys, "index", place, "--db", db)
        assert (code, why in said, said.count("\n")) == (2, True, 1)


def test_more_music_joins_what_is_there(folder, db, tmp_path, capsys):
    assert run(capsys, "index", folder / "music" / "album", "--db", db)[0] == 0
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(folder / "music" / "first.ogg", more)
    soundfile.write(more / "silence.wav", np.zeros(10 * RATE, np.float32), RATE)
    code, made = run(capsys, "index", more, "--db", db, "--json")
    assert (code, made["references"]) == (0, 2)
    assert ["silence.wav" in line for line in made["refused"]] == [True]
