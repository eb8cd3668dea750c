"""An export is read to the row, whatever is in it, and nothing personal is repeated."""

import json
import os
import random
import re
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from shared.cli import main
from shared.clock import fixed_clock, to_ms
from shared.errors import BadInput
from tests.wrapped import exports
from tests.wrapped.exports import YEAR, ZONE, by_hand, dump, listening, new, old, write_export, zipped
from wrapped.cards.story import story
from wrapped.cards.svg import draw_svg
from wrapped.demo import print_facts
from wrapped.importer import files, importer
from wrapped.importer.importer import import_year
from wrapped.importer.report import year_of

NOW = fixed_clock(to_ms(datetime(2026, 6, 1, tzinfo=UTC)))
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)


def read(path, year=YEAR, zone=ZONE):
    return year_of(import_year(path, year, zone, NOW), year, zone)


def run(capsys, *arguments):
    code = main(["wrapped", "import", *map(str, arguments)])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_goes_wrong_costs_itself_and_nothing_else(tmp_path, seed, form):
    expected = write_export(tmp_path / "export", seed)
    path = tmp_path / "export" if form == "folder" else zipped(tmp_path / "export", tmp_path / "export.zip")
    found = read(path)
    rows = found["rows"]
    assert rows["read"] == rows["loaded"] + sum(rows["rejected"].values())
    assert {name: count for name, count in rows["rejected"].items() if count and name != "duplicate"} == expected
    want = by_hand(listening(seed, 300))
    want["top_tracks"] = [
        {"name": name, "artist": artist, "plays": p, "minutes": m} for name, artist, p, m in want["top_tracks"]
    ]
    shown = [{key: row[key] for key in ("name", "plays", "minutes")} for row in found["top_artists"]]
    assert {**{key: found[key] for key in want}, "top_artists": shown} == want
    assert rows["loaded"] == len(
        {(end, ms, artist.strip().replace("o\u0308", "ö"), track) for end, ms, artist, track in listening(seed, 300)}
    )


@pytest.mark.parametrize("seed", range(4))
def test_well_formed_and_walked_files_say_the_same(tmp_path, seed):
    write_export(tmp_path / "export", seed)
    fast = read(tmp_path / "export")
    for path in (tmp_path / "export").glob("*.json"):
        path.write_text(path.read_text() + " trailing")  # no JSON any more: each file has to be walked
    slow = read(tmp_path / "export")
    assert sum(problem["problem"] == "goes on after its end" for problem in slow.pop("problems")) == 5
    del fast["problems"]
    assert slow == fast


def test_a_play_belongs_to_the_day_it_began(tmp_path):
    midnight = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        new(midnight + timedelta(seconds=60), 61_000, "A", "Old year"),
        new(midnight + timedelta(seconds=60), 60_000, "A", "New year"),
    ]
    path = dump(tmp_path / "Streaming_History_Audio_0.json", rows)
    assert [row["name"] for row in read(path, zone="UTC")["top_tracks"]] == ["New year"]
    assert read(path, zone="Europe/Stockholm")["plays"] == 2
    assert read(path, zone="America/New_York")["plays"] == 0
    assert read(path, year=2024, zone="UTC")["plays"] == 1
    assert read(path, zone="UTC")["rows"]["loaded"] == 2


def test_the_same_play_in_both_formats_counts_once(tmp_path):
    first, second = NOON, NOON + timedelta(seconds=40)  # twice in one minute, of different length
    dump(
        tmp_path / "endsong_0.json",
        [new(first, 31_000, "A", "T"), new(second, 35_000, "A", "T"), new(NOON, 31_000, "A", "Other")],
    )
    dump(
        tmp_path / "StreamingHistory0.json",
        [old(first, 31_000, "A", "T"), old(second, 35_000, "A", "T"), old(second, 36_000, "A", "T")],
    )
    found = read(tmp_path)
    assert found["plays"] == 4
    assert found["rows"]["rejected"]["duplicate"] == 2


def test_two_plays_of_one_song_in_one_minute_are_two_in_the_new_format(tmp_path):
    path = dump(tmp_path / "endsong_0.json", [new(NOON + timedelta(seconds=s), 31_000, "A", "T") for s in (0, 31, 31)])
    assert (read(path)["plays"], read(path)["rows"]["rejected"]["duplicate"]) == (2, 1)


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


def test_scrobbles_as_csv_and_jsonl_begin_at_their_timestamp(tmp_path):
    start = "2025-07-01T12:00:00Z"
    lines = [
        "\ufeffArtist,album,Track,TIMESTAMP",
        f'"A, B",x,T,{start}',
        f"A,x,T,{int(NOON.timestamp())}",
        f"A,x,T,{int(NOON.timestamp()) * 1000}",
    ]
    lines += ["A,x,U,01 Jul 2025 12:00", ",x,T,2025", "A,x,T", "A,x,T,never", ""]
    (tmp_path / "scrobbles.csv").write_text("\n".join(lines))
    rows = [
        {"artist": "A, B", "track": "T", "timestamp": start},
        {"listened_at": 1751371200, "track_metadata": {"artist_name": "A", "track_name": "T"}},
    ]
    (tmp_path / "scrobbles.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n")
    csv, jsonl = (read(tmp_path / name) for name in ("scrobbles.csv", "scrobbles.jsonl"))
    assert (csv["plays"], csv["minutes"], csv["clock"][1][14]) == (3, 0, 3)
    assert {name: count for name, count in csv["rows"]["rejected"].items() if count} == {
        "no_track": 1,
        "bad_time": 2,
        "duplicate": 1,
    }
    assert (jsonl["plays"], jsonl["rows"]["rejected"]["broken_row"]) == (2, 1)


def test_a_table_without_the_columns_says_which(tmp_path):
    (tmp_path / "x.csv").write_text("artist,song\na,b\n")
    with pytest.raises(BadInput, match=r"x\.csv: no column track, timestamp"):
        read(tmp_path / "x.csv")


def test_nothing_personal_is_repeated(tmp_path, capsys):
    write_export(tmp_path / "export", 1)
    code, out, error = run(
        capsys, tmp_path / "export", "--year", YEAR, "--timezone", ZONE, "--card", tmp_path / "card.png"
    )
    assert code == 0
    assert (tmp_path / "card.png").read_bytes().startswith(b"\x89PNG")
    assert not {"secret-name", "203.0.113.77"} & set((out + error).split())
    assert "secret" not in out + error


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


def test_the_generator_breaks_every_rule_there_is():
    assert set(exports.BROKEN) | {"video", "duplicate", ""} == set(importer.REASONS)


def rejected(found):
    return {name: count for name, count in found["rows"]["rejected"].items() if count}


GOOD = json.dumps([new(NOON + timedelta(hours=n), 40_000, "Björk", "T") for n in range(3)], ensure_ascii=False)


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


@pytest.mark.parametrize("comma", ",;")
def test_moments_and_names_as_scrobblers_write_them(tmp_path, comma):
    moments = ["1751371200.0", "1751371201000", "1751371202000000"]
    lines = [
        "artist,track,timestamp",
        *(f"A,T,{moment}" for moment in moments),
        "\u00a0,T,1751371203",
        "A,\u200b,1751371204",
    ]
    (tmp_path / "x.csv").write_text("\n".join([*lines, "A,T,", "A"]).replace(",", comma))
    found = read(tmp_path / "x.csv")
    assert (found["plays"], rejected(found)) == (3, {"no_track": 3, "bad_time": 1})
    assert sum(map(sum, found["clock"])) == found["clock"][1][14] == 3
    assert [(row["index"], row["field"]) for row in found["problems"]] == [
        (3, "artist"),
        (4, "track"),
        (5, "timestamp"),
        (6, "track"),
    ]


def test_scrobbles_speak_of_plays_not_of_minutes(tmp_path, capsys):
    lines = [f"A,T{n % 3},{1751371200 + 300 * n}" for n in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["artist,track,timestamp", *lines]))
    found = read(tmp_path / "x.csv")
    assert (found["minutes"], found["plays"]) == (0, 60)
    for card in story(found):
        assert not re.search(r"\b0 (minute|hour|day)|minutes of music|MINUTES", card.alt + draw_svg(card)), card.name
    print_facts(found)
    assert " 0 min" not in capsys.readouterr().out


def test_one_play_is_told_in_the_singular(tmp_path, capsys):
    found = read(dump(tmp_path / "endsong_0.json", [new(NOON, 60_000, "A\x01\x1b[31m", "T")]))
    print_facts(found)
    said = capsys.readouterr().out + "".join(card.alt + draw_svg(card) for card in story(found))
    assert not re.search(r"\b1 (artists|songs|plays|days|hours|minutes)\b|\b0 hours|1 Jul – 1 Jul|\x01|\x1b", said)
    assert "1 Jul 2025" in said
    for card in story(found):
        ElementTree.fromstring(draw_svg(card))


@pytest.mark.parametrize("flag", ["--card", "--story"])
def test_where_cards_go_is_asked_before_the_import(tmp_path, capsys, monkeypatch, flag):
    monkeypatch.setattr("wrapped.importer.report.import_year", None)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "x.png").mkdir()
    for place in ("file", "x.gif", "x.png", "none/x.png") if flag == "--card" else ("file", "file/below"):
        assert run(capsys, tmp_path / "any.json", "--year", YEAR, flag, tmp_path / place)[0] == 2
    assert (tmp_path / "file").read_text() == "kept"
