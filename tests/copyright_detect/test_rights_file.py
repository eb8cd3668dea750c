"""The file a label sends: every mistake has its line; good rows count all the same."""

from datetime import date

import pytest

from copyright_detect.rights import WORLD
from copyright_detect.rights_file import COLUMNS, import_rights, open_rights, read_rights
from shared.errors import BadInput

HEADER = ",".join(COLUMNS)
GOOD = "a.flac,N,WORLD -US,2024-01-01,2026-12-31,block,7.5,"


def write(tmp_path, *lines, encoding="utf-8"):
    path = tmp_path / "rights.csv"
    path.write_bytes("\n".join([HEADER, *lines, ""]).encode(encoding))
    return path


def test_a_row_is_read_as_it_is_meant(tmp_path):
    rights, rejected = read_rights(write(tmp_path, GOOD, "", " b.flac , E , de fr ,,, allow ,, show 7 "))
    first, second = rights.claims
    assert rejected == []
    assert first == (2, "a.flac", "N", {WORLD}, {"US"}, date(2024, 1, 1), date(2026, 12, 31), "block", 7500, "")
    assert second == (4, "b.flac", "E", {"DE", "FR"}, set(), date.min, date.max, "allow", 0, "show 7")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.flac,N,WORLD,,,block,7.5", "7 cells; expected 8"),
        (",N,WORLD,,,block,,", "reference: ''"),
        ("a.flac,,WORLD,,,block,,", "owner: ''"),
        ("a\tb.flac,N,WORLD,,,block,,", "reference: 'a\\tb.flac'"),
        ("a.flac,N,WORLD,,,forbid,,", "action: 'forbid'; expected block, monetise, track, allow"),
        ("a.flac,N,WORLD,,,none,,", "action: 'none'"),
        ("a.flac,N,WORLD,,,allow,,", "show: ''"),
        ("a.flac,N,WORLD,,,block,,s", "show: 's'"),
        ("a.flac,N,UK,,,block,,", "territories: 'UK' is no ISO 3166-1 code"),
        ("a.flac,N,WORLD -EU,,,block,,", "territories: 'EU'"),
        ("a.flac,N,,,,block,,", "territories: ''"),
        ("a.flac,N,DE -FR,,,block,,", "territories: 'DE -FR'"),
        ("a.flac,N,WORLD,1.1.2026,,block,,", "valid_from: '1.1.2026'"),
        ("a.flac,N,WORLD,,2026-02-30,block,,", "valid_until: '2026-02-30'"),
        ("a.flac,N,WORLD,2026-02-02,2026-02-01,block,,", "valid_until: 2026-02-01 is before"),
        ("a.flac,N,WORLD,,,block,-1,", "minimum_s: '-1'"),
        ("a.flac,N,WORLD,,,block,nan,", "minimum_s: 'nan'"),
        ('a.flac,N,WORLD,,,block,"1,5",', "minimum_s: '1,5'"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(tmp_path, row, reason):
    rights, rejected = read_rights(write(tmp_path, row, GOOD))
    assert [claim.row for claim in rights.claims] == [3]
    assert [each.row for each in rejected] == [2]
    assert rejected[0].reason.startswith(reason)
    with pytest.raises(BadInput, match=r"rights.csv row 2, .*no row of the file can be used"):
        read_rights(write(tmp_path, row))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "row 1: columns ''"),
        (b"reference,owner\na,b\n", "row 1: columns 'reference, owner'; expected reference,owner,territories"),
        ("\ufeff".encode("utf-16-le") + HEADER.encode("utf-16-le"), "binary, or UTF-16"),
        (b"PK\x03\x04 workbook", "a spreadsheet or a zip"),
        (HEADER.encode() + b"\n\xe9.flac,N,WORLD,,,block,,\n", "is not UTF-8"),
        (HEADER.encode() + b'\n"a.flac,N,WORLD,,,block,,\n', "a quote that is not closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content, reason):
    path = tmp_path / "rights.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_rights(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_rights(tmp_path / "rights.csv")


def test_what_spreadsheets_write_is_taken(tmp_path):
    path = tmp_path / "rights.csv"
    text = "\r\n".join([HEADER.replace(",", ";"), GOOD.replace(",", ";").replace("N", "Søn & Co")])
    path.write_bytes(text.encode("utf-8-sig"))
    rights, _ = read_rights(path)
    assert rights.claims[0].owner == "Søn & Co"


def test_import_keeps_the_file_and_lists_what_was_set_aside(tmp_path):
    db = tmp_path / "db"
    assert open_rights(db).claims == ()
    file = write(tmp_path, GOOD, "x")
    rights, rejected = import_rights(file, db)
    assert open_rights(db) == rights
    assert (db / "rights.csv").read_bytes() == file.read_bytes()
    assert (db / "rights_rejected.csv").read_text() == "row,reason\n3,1 cells; expected 8\n"
    with pytest.raises(BadInput):
        import_rights(write(tmp_path, "x"), db)
    assert open_rights(db) == rights  # what was there stays
    changed, _ = import_rights(write(tmp_path, GOOD, GOOD.replace("block", "track")), db)
    assert changed.version != rights.version
    assert len(rejected) == 1
