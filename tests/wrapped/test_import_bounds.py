"""What may be opened, how much of it, and where the result may go: one line and exit code 2 for the rest, nothing half written."""

import errno
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import BadInput
from tests.wrapped.exports import GOOD, NOON, YEAR, dump, new, read, rejected, run
from wrapped.importer import files, rows


def test_a_zip_is_held_to_its_bounds(tmp_path, monkeypatch):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../endsong_0.json", json.dumps([new(NOON, 40_000, "A", "T")]))
        archive.writestr("/etc/endsong_1.json", json.dumps([new(NOON, 40_000, "B", "T")]))
        archive.writestr("a\x1b[31m/endsong_2\x07.json", b"[" + b" " * 3_000_000 + b"]")
    assert read(path)["plays"] == 2
    assert sorted(tmp_path.iterdir()) == [path]
    for bound, message in (
        ("MOST_FILES", "3 files"),
        ("MOST_FILE_BYTES", "bytes in one file"),
        ("MOST_BYTES", "bytes, at most"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(files, bound, 2)
            with pytest.raises(BadInput, match=message):
                read(path)


def test_links_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "export").mkdir()
    dump(tmp_path / "export" / "endsong_0.json", [new(NOON, 40_000, "A", "T")])
    (tmp_path / "export" / "endsong_1.json").symlink_to(dump(tmp_path / "outside.json", [new(NOON, 50_000, "B", "T")]))
    assert read(tmp_path / "export")["plays"] == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file or folder"),
        (lambda path: path.mkdir(), "nothing to read"),
        (lambda path: path.write_text("hello"), "not a zip"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "nothing to read"),
    ],
)
def test_what_cannot_be_an_export_is_one_line_and_exit_code_2(tmp_path, capsys, make, message):
    make(tmp_path / "x")
    code, out, error = run(capsys, tmp_path / "x", "--year", YEAR, "--json")
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert message in error


def test_an_unknown_zone_and_card_are_refused(tmp_path, capsys):
    path = dump(tmp_path / "endsong_0.json", [new(NOON, 40_000, "A", "T")])
    assert run(capsys, path, "--year", YEAR, "--timezone", "Mars/Olympus")[0] == 2
    assert run(capsys, path, "--year", YEAR, "--card", tmp_path / "card.gif")[0] == 2
    assert run(capsys, path, "--year", YEAR, "--card", tmp_path / "none" / "card.png")[0] == 2


def test_zips_in_a_folder_are_read(tmp_path):
    for number in range(2):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr("a/endsong_0.json", GOOD.replace("Björk", f"B{number}"))
    assert read(tmp_path)["plays"] == 6
    (tmp_path / "1.zip").write_bytes((tmp_path / "0.zip").read_bytes()[:-40])
    for path in (tmp_path, tmp_path / "1.zip"):
        with pytest.raises(BadInput, match=r"1\.zip: not a whole zip; download the export again"):
            read(path)


def test_a_bomb_is_refused_unopened(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SMALL_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("endsong_0.json", b"[" + b" " * 2_000_000 + b"]")
    with pytest.raises(BadInput, match="no export does that"):
        read(tmp_path / "x.zip")


@pytest.mark.parametrize("flag", ["--card", "--story"])
def test_where_cards_go_is_asked_before_the_import(tmp_path, capsys, monkeypatch, flag):
    monkeypatch.setattr("wrapped.importer.report.import_year", None)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "x.png").mkdir()
    for place in ("file", "x.gif", "x.png", "none/x.png") if flag == "--card" else ("file", "file/below"):
        assert run(capsys, tmp_path / "any.json", "--year", YEAR, flag, tmp_path / place)[0] == 2
    assert (tmp_path / "file").read_text() == "kept"


def one_line(capsys, path, *arguments):
    """The message of an import that is refused."""
    code, out, error = run(capsys, path, "--year", YEAR, *arguments)
    assert (code, out, error.count("\n")) == (2, "", 1)
    return error


ROWS = [new(NOON + timedelta(hours=n), 40_000, "A", "T") for n in range(4)]
FORMS = {
    "endsong_0.json": json.dumps(ROWS),
    "endsong_1.json": json.dumps(ROWS) + " torn",
    "x.jsonl": "\n".join(map(json.dumps, ROWS)),
    "x.csv": "artist,track,timestamp\n" + "A,T,2025-07-01\n" * 4,
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_a_file_are_bounded(tmp_path, capsys, monkeypatch, name):
    (tmp_path / name).write_text(FORMS[name])
    card = tmp_path / "card.png"
    monkeypatch.setattr(rows, "MOST_ROWS", 3)
    assert f"{name}: more than 3 rows up to here; import it in parts" in one_line(
        capsys, tmp_path / name, "--card", card
    )
    assert not card.exists()
    monkeypatch.setattr(rows, "MOST_ROWS", 4)
    assert read(tmp_path / name)["rows"]["read"] == 4


def test_rows_of_all_files_are_bounded(tmp_path, capsys, monkeypatch):
    for number in range(3):
        dump(tmp_path / f"endsong_{number}.json", ROWS)
    monkeypatch.setattr(rows, "MOST_ROWS", 8)
    assert "endsong_2.json: more than 8 rows up to here" in one_line(capsys, tmp_path)


@pytest.mark.parametrize("torn", ["", " torn"])
def test_one_huge_row_costs_itself(tmp_path, torn):
    huge = [
        new(NOON, 40_000, "B" * 3_000_000, "T"),
        new(NOON, 40_000, "B", "T" * 3_000_000),
        new(NOON, 40_000, "ö" * 2_001, "T"),
    ]
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("endsong_0.json", json.dumps(huge + ROWS, ensure_ascii=False) + torn)
    found = read(tmp_path / "x.zip")
    assert found["plays"] == 4
    assert [row["name"] for row in found["top_artists"]] == ["A"]
    assert rejected(found) == ({"broken_row": 2, "no_track": 1} if torn else {"no_track": 3})
    named = {(row["index"], row["field"]) for row in found["problems"] if row["index"] >= 0}
    assert named == {
        (0, "" if torn else "master_metadata_album_artist_name"),
        (1, "" if torn else "master_metadata_track_name"),
        (2, "master_metadata_album_artist_name"),
    }


def test_members_are_bounded_whatever_they_are(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 5)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("endsong_0.json", json.dumps(ROWS))
        for number in range(5):
            archive.writestr(f"{number}/", b"")
    assert "x.zip: 6 files, at most 5 are read; import it in parts" in one_line(capsys, tmp_path / "x.zip")


def test_a_zip_in_a_zip_is_not_opened(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("endsong_0.json", json.dumps(ROWS))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    assert "x.zip: nothing to read; expected Streaming_History" in one_line(capsys, tmp_path / "x.zip")


def test_what_is_no_file_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "endsong_0.json")
    assert "no such file or folder" in one_line(capsys, tmp_path / "endsong_0.json")


def test_broken_rows_are_all_counted_and_some_named(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MOST_LISTED", 2)
    found = read(dump(tmp_path / "endsong_0.json", [*ROWS, *[5] * 7]))
    assert (rejected(found), [row["index"] for row in found["problems"]]) == ({"broken_row": 7}, [4, 5])


@pytest.mark.parametrize(
    "changed",
    [{"ts": 1751371200}, {"ms_played": -5}, {"ms_played": -1}, {"ms_played": "40000 ms"}, {"ts": "2031-01-01"}],
)
def test_an_export_with_no_usable_row_is_refused_by_field(tmp_path, capsys, changed):
    path = dump(tmp_path / "endsong_0.json", [{**row, **changed} for row in ROWS])
    error = one_line(capsys, path, "--card", tmp_path / "card.png")
    assert f"endsong_0.json: field {next(iter(changed))}: missing, not a " in error
    assert not (tmp_path / "card.png").exists()


def test_a_card_is_whole_or_not_there(tmp_path, capsys, monkeypatch):
    path, card = dump(tmp_path / "endsong_0.json", ROWS), tmp_path / "card.png"
    card.write_text("an earlier one")
    write = Path.write_bytes

    def full(self, data):
        write(self, data[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "card.png: cannot be written (No space left on device)" in one_line(capsys, path, "--card", card)
    assert card.read_text() == "an earlier one"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["card.png", "endsong_0.json"]
