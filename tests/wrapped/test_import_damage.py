"""What is damaged in an export costs itself and nothing else, and is named."""

import json
import os
import random
import zipfile
from datetime import timedelta

import pytest

from shared.errors import BadInput
from tests.wrapped.exports import GOOD, NOON, YEAR, dump, new, read, rejected, run, write_export, zipped


def test_a_broken_file_names_file_index_and_field_and_the_rest_loads(tmp_path, capsys):
    good = json.dumps([new(NOON + timedelta(hours=n), 40_000, "A", "T") for n in range(4)])
    (tmp_path / "endsong_0.json").write_text(good)
    torn = json.dumps([new(NOON + timedelta(days=1, hours=n), 40_000, "B", "T") for n in range(4)])
    (tmp_path / "endsong_1.json").write_text(torn.replace('"B"', "B", 1)[: len(torn) - 30])
    dump(tmp_path / "endsong_2.json", [{**new(NOON, 40_000, "C", "T"), "ms_played": "secret"}])
    code, out, error = run(capsys, tmp_path, "--year", YEAR, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["plays"], found["rows"]["rejected"]["broken_row"], found["rows"]["rejected"]["bad_duration"]) == (
        6,
        2,
        1,
    )
    assert {
        "file": "endsong_2.json",
        "index": 0,
        "field": "ms_played",
        "problem": found["problems"][-1]["problem"],
    } in found["problems"]
    assert "endsong_1.json: row 0" in error
    assert "endsong_1.json: row 3" in error
    assert "endsong_2.json: row 0, field ms_played" in error
    assert "secret" not in out + error


@pytest.mark.parametrize(
    ("text", "plays", "broken"),
    [
        (b"", None, 0),
        (b"   ", None, 0),
        (b"[]", 0, 0),
        (b"\xef\xbb\xbf[ROW]", 1, 0),
        (b"[ROW,]", 1, 0),
        (b"[ROW", 1, 0),
        (b"[ROW, {\"ts\": ", 1, 1),
        (b"ROW", 1, 0),
        (b"ROW\nROW2", 2, 0),
        (b"[ROW, {\"x\": \"\xff\xfe\"}, ROW2]", 2, 1),
        (b"[ROW, {\"x\": \"\\ud800\"}, ROW2]", 2, 1),
        (b"[ROW, {\"x\": NaN, \"x\": 1}, ROW2]", 2, 1),
        (b"[" * 100_000, None, 1),
        (b"\x00\x01\x02", None, 1),
    ],
)  # fmt: skip
def test_files_that_are_no_json(tmp_path, text, plays, broken):
    for name, hour in ((b"ROW2", 2), (b"ROW", 1)):
        text = text.replace(name, json.dumps(new(NOON + timedelta(hours=hour), 40_000, "A", "T")).encode())
    path = tmp_path / "endsong_0.json"
    path.write_bytes(text)
    if plays is None:
        with pytest.raises(BadInput, match=r"endsong_0\.json: (empty file|not a listening history)"):
            read(path)
        return
    found = read(path)
    rejected = found["rows"]["rejected"]
    assert (found["plays"], rejected["broken_row"] + rejected["no_track"]) == (plays, broken)
    assert found["rows"]["read"] == plays + broken


JUNK = (b"\x00", b'"', b"{", b"}", b"[", b"]", b",", b"\\u0000", b"\xff", b'"infinity"', b"1e400", b"-", b"\n", b"null")


@pytest.mark.parametrize("seed", range(25))
def test_any_damage_is_survived_and_accounted_for(tmp_path, seed):
    write_export(tmp_path / "export", seed, count=40)
    rng = random.Random(seed)
    for path in sorted((tmp_path / "export").iterdir()):
        damaged = bytearray(path.read_bytes())
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(len(damaged) + 1)
            end = rng.choice((at, at + 1, at + rng.randint(1, 40), len(damaged)))
            damaged[at:end] = rng.choice(JUNK) * rng.randint(0, 1)
        path.write_bytes(damaged)
    found = read(tmp_path / "export")
    assert found["rows"]["read"] == found["rows"]["loaded"] + sum(found["rows"]["rejected"].values())
    assert json.dumps(found, ensure_ascii=False).encode()


def test_a_table_without_the_columns_says_which(tmp_path):
    (tmp_path / "x.csv").write_text("artist,song\na,b\n")
    with pytest.raises(BadInput, match=r"x\.csv: no column track, timestamp"):
        read(tmp_path / "x.csv")


def test_a_torn_member_is_named_and_the_rest_loads(tmp_path):
    path = zipped_pair(tmp_path)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"endsong_0.json") + 60
    raw[at : at + 20] = b"\xff" * 20
    path.write_bytes(raw)
    found = read(path)
    assert found["plays"] == 50
    assert found["problems"][0]["file"] == "endsong_0.json"


def zipped_pair(tmp_path):
    folder = tmp_path / "pair"
    folder.mkdir()
    for number in range(2):
        dump(
            folder / f"endsong_{number}.json",
            [new(NOON + timedelta(hours=n, days=100 * number), 40_000, "A", f"T{n}") for n in range(50)],
        )
    return zipped(folder, tmp_path / "pair.zip")


@pytest.mark.parametrize(
    ("raw", "plays", "problem"),
    [
        (GOOD.encode("utf-16"), 4, None),
        (b"\xff" + GOOD.encode(), 3, "not UTF-8"),
        (GOOD.encode("latin-1"), 1, "not UTF-8"),
    ],
)
def test_other_encodings_cost_their_own_rows_at_most(tmp_path, raw, plays, problem):
    (tmp_path / "endsong_0.json").write_bytes(raw)
    dump(tmp_path / "endsong_1.json", [new(NOON, 50_000, "B", "T")])
    found = read(tmp_path)
    assert found["plays"] == plays
    remarks = [(row["file"], row["problem"]) for row in found["problems"] if row["index"] == -1]
    assert [file for file, said in remarks if problem and problem in said] == ["endsong_0.json"] * bool(problem)


def test_a_file_name_that_is_not_utf8_is_read(tmp_path):
    with open(os.fsencode(tmp_path) + b"/endsong_\xff.json", "w") as file:
        file.write(GOOD)
    dump(tmp_path / "endsong_1.json", [new(NOON, 50_000, "B", "T"), 5])
    assert read(tmp_path)["plays"] == 4


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_torn_member_of_any_method_is_named(tmp_path, method):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("endsong_0.json", GOOD * 40)
        archive.writestr("endsong_1.json", GOOD)
    raw = bytearray(path.read_bytes())
    raw[70:90] = b"\xff" * 20
    path.write_bytes(raw)
    found = read(path)
    assert (found["plays"], found["problems"][0]["file"]) == (3, "endsong_0.json")


def test_an_unbalanced_quote_costs_its_own_row(tmp_path):
    lines = [f"A,T{n},{1751371200 + 300 * n}" for n in range(100)]
    lines[3] = 'A,"T3,1751371300'
    lines[50] = f'"A, B","two\nlines",{1751371200 + 300 * 50}'
    (tmp_path / "x.csv").write_text("\n".join(["artist,track,timestamp", *lines]))
    found = read(tmp_path / "x.csv")
    assert (found["plays"], found["rows"]["read"], rejected(found)) == (99, 100, {"broken_row": 1})
    assert [problem["index"] for problem in found["problems"]] == [3]


@pytest.mark.parametrize("letter", "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e")
def test_only_a_line_end_ends_a_row(tmp_path, letter):
    title = f"Foo{letter}Bar"
    row = json.dumps({"artist": "A", "track": title, "timestamp": 1751371200}, ensure_ascii=False)
    (tmp_path / "x.jsonl").write_text(row + "\n{torn\n")
    (tmp_path / "x.csv").write_text(f"artist,track,timestamp\nA,{title},1751371200\n")
    for name in ("x.jsonl", "x.csv"):
        assert [track["name"] for track in read(tmp_path / name)["top_tracks"]] == [title]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Playlist1.json", {"playlists": [{"name": "x", "items": []}]}),
        ("Userdata.json", {"username": "secret-name"}),
        ("endsong_0.json", {"items": json.loads(GOOD)}),
    ],
)
def test_another_file_of_the_export_is_no_history(tmp_path, capsys, name, content):
    code, _, error = run(capsys, dump(tmp_path / name, content), "--year", YEAR)
    assert code == 2
    assert "not a listening history" in error
    assert "give Streaming_History_Audio_" in error
    assert "secret" not in error
