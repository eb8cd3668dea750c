"""An export is read to the row, and nothing personal is repeated."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from tests.wrapped import exports
from tests.wrapped.exports import (
    NOON,
    YEAR,
    ZONE,
    by_hand,
    dump,
    listening,
    new,
    old,
    read,
    rejected,
    run,
    write_export,
    zipped,
)
from wrapped.cards.story import story
from wrapped.cards.svg import draw_svg
from wrapped.demo import print_facts
from wrapped.importer import importer


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


def test_nothing_personal_is_repeated(tmp_path, capsys):
    write_export(tmp_path / "export", 1)
    code, out, error = run(
        capsys, tmp_path / "export", "--year", YEAR, "--timezone", ZONE, "--card", tmp_path / "card.png"
    )
    assert code == 0
    assert (tmp_path / "card.png").read_bytes().startswith(b"\x89PNG")
    assert not {"secret-name", "203.0.113.77"} & set((out + error).split())
    assert "secret" not in out + error


def test_the_generator_breaks_every_rule_there_is():
    assert set(exports.BROKEN) | {"video", "duplicate", ""} == set(importer.REASONS)


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
