"""People's own files: what is read how, what is rejected and counted, what stops with one line."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charts.files import read_files
from charts.rules import Rules
from shared.cli import main
from shared.clock import to_ms
from shared.errors import BadInput
from shared.lake import Lake

HEADER = "event_id,user_id,track_id,artist_ids,country,started_at,played_ms,tier"
MOMENT = to_ms(datetime(2026, 11, 14, 12, tzinfo=UTC))
PLAIN = {
    "event_id": [1, 2], "user_id": [1, 1], "track_id": [5, 6], "artist_ids": [[7, 8], [7]], "country": ["SE", "US"],
    "started_at": [MOMENT, MOMENT + 1], "played_ms": [30_000, 40_000], "tier": ["paid", "programmed"],
}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs `liner charts run --json` on a file's bytes or a table; the report."""
    monkeypatch.setenv("LINER_HOME", str(tmp_path / "home"))

    def run(content, name="plays.csv"):
        path = tmp_path / name
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert main(["charts", "run", "--plays", str(path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def rejected(report):
    plays = report["plays"]
    found = {reason: count for reason, count in plays["rejected"].items() if count}
    assert plays["read"] == plays["counted"] + sum(found.values())
    return plays["counted"], found


def row(**change):
    play = {
        "event_id": "1",
        "user_id": "1",
        "track_id": "5",
        "artist_ids": "7",
        "country": "SE",
        "started_at": str(MOMENT),
        "played_ms": "30000",
    }
    return ",".join({**play, "tier": "paid", **change}.values())


def test_csv_and_parquet_of_the_same_plays_are_the_same(tmp_path):
    pq.write_table(pa.table(PLAIN), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text(
        f"{HEADER}\n1,1,5,7;8,SE,{MOMENT},30000,paid\n2,1,6,7,US,{MOMENT + 1},40000,programmed\n"
    )
    assert read_files(tmp_path / "a.parquet").plays.equals(read_files(tmp_path / "b.csv").plays)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([MOMENT, MOMENT + 1000]).cast(pa.timestamp("ms", tz="UTC")),
        pa.array([MOMENT, MOMENT + 1000]).cast(pa.timestamp("ms")),
        pa.array([MOMENT * 1000 + 999, (MOMENT + 1000) * 1000]).cast(pa.timestamp("us", tz="Europe/Stockholm")),
        pa.array([MOMENT, MOMENT + 1000]),
        pa.array([MOMENT // 1000, MOMENT // 1000 + 1]),
        pa.array([str(MOMENT), f" {MOMENT + 1000} "]),
        pa.array(["2026-11-14T12:00:00Z", "2026-11-14T13:00:01+01:00"]),
        pa.array(["2026-11-14 12:00:00.000999", "2026-11-14T12:00:01"]),
    ],
)
def test_times_in_every_documented_form(tmp_path, times):
    pq.write_table(pa.table({**PLAIN, "started_at": times}), tmp_path / "a.parquet")
    found = read_files(tmp_path / "a.parquet").plays.column("started_at").cast(pa.int64()).to_pylist()
    assert found == [MOMENT, MOMENT + 1000]


def test_textual_ids_are_numbered_in_their_order_over_all_files(tmp_path):
    for name, ids in (("a", ["b", "a"]), ("b", ["c", "10"])):
        pq.write_table(pa.table({**PLAIN, "event_id": pa.array(ids).dictionary_encode()}), tmp_path / f"{name}.parquet")
    given = read_files(tmp_path)
    assert given.plays.column("event_id").to_pylist() == [2, 1, 3, 0]
    assert given.texts["event_id"].to_pylist() == ["10", "a", "b", "c"]
    assert "artist_ids" not in given.texts


def test_leading_zeros_keep_ids_apart(tmp_path):
    pq.write_table(pa.table({**PLAIN, "event_id": ["7", "007"]}), tmp_path / "a.parquet")
    assert len(set(read_files(tmp_path).plays.column("event_id").to_pylist())) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_id": ""}, "missing_id"),
        ({"user_id": " "}, "missing_id"),
        ({"track_id": ""}, "missing_id"),
        ({"artist_ids": ""}, "bad_credits"),
        ({"artist_ids": "7;;8"}, "bad_credits"),
        ({"started_at": "yesterday"}, "impossible_time"),
        ({"started_at": "1"}, "impossible_time"),
        ({"started_at": str(MOMENT * 1000)}, "impossible_time"),
        ({"started_at": "4102444800000"}, "impossible_time"),
        ({"played_ms": "-1"}, "impossible_length"),
        ({"played_ms": "86400001"}, "impossible_length"),
        ({"played_ms": "99999999999"}, "impossible_length"),
        ({"played_ms": "NaN"}, "impossible_length"),
        ({"country": "ZZ"}, "unknown_country"),
        ({"country": "SWE"}, "unknown_country"),
        ({"country": "se"}, "unknown_country"),
        ({"tier": "gold"}, "unknown_tier"),
        ({"played_ms": "29999"}, "too_short"),
    ],
)
def test_a_bad_cell_is_rejected_with_its_reason_and_the_rest_goes_on(run, change, reason):
    report = run(f"{HEADER}\n{row(event_id='9')}\n{row(**change)}\n")
    assert rejected(report) == (1, {reason: 1})


def test_rows_that_do_not_fit_and_bytes_that_are_no_text(run):
    text = (
        f"{HEADER}\n{row(event_id='9')}\n1,2,3\n".encode()
        + row(event_id="8", country="SE").encode().replace(b"SE", b"\xff\xfe")
        + b"\n"
    )
    assert rejected(run(text)) == (1, {"unreadable_row": 1, "unknown_country": 1})


def test_duplicates_conflicts_and_caps_in_a_report(run):
    rows = [row(event_id=str(i), started_at=str(MOMENT + i)) for i in range(12, 0, -1)]
    rows += [rows[0], row(event_id="5", started_at=str(MOMENT + 5), artist_ids="99")]
    report = run(f"{HEADER}\n" + "\n".join(rows) + "\n")
    assert rejected(report) == (10, {"duplicate": 1, "conflicting_payload": 1, "over_daily_cap": 2})
    (chart,) = [chart for chart in report["charts"] if chart["scope"] == "SE"]
    assert [(r["artist_id"], r["units"], r["plays"]) for r in chart["rows"]] == [(7, 60, 10)]


def test_late_plays_become_a_numbered_correction_with_its_difference(run, capsys):
    on_time = [
        row(event_id="1"),
        row(event_id="2", started_at="1795305600001"),
        row(event_id="3", started_at="1795305600002"),
    ]
    report = run(f"{HEADER}\n" + "\n".join([*on_time, row(event_id="4", user_id="2", tier="ad_funded")]) + "\n")
    assert [(w["week"], w["state"], w["revision"]) for w in report["weeks"]] == [
        ("2026-11-13", "corrected", 2),
        ("2026-11-20", "provisional", 0),
    ]
    (correction,) = report["corrections"]
    changed = [
        (r["scope"], r["units_before"], r["units_after"], r["plays_before"], r["plays_after"])
        for r in correction["rows"]
    ]
    assert changed == [("SE", 6, 10, 1, 2), ("global", 6, 10, 1, 2)]
    days = {day["day"]: day["units"] for week in report["weeks"] for day in week["days"]}
    assert days == {"2026-11-14": 10, "2026-11-22": 12}
    assert main(["charts", "show", "--scope", "SE", "--week", "2026-11-13"]) == 0
    assert "corrected, revision 2" in capsys.readouterr().out
    assert main(["charts", "why", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arrivals"][0]["verdict"] == "counted"
    assert main(["charts", "show", "--scope", "NO", "--week", "2026-11-13", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []


def test_scrobbles_of_overlapping_exports_count_once(run):
    lines = (
        ["artist,track,timestamp"]
        + [f"Björk,Jóga,{MOMENT // 1000 + i}" for i in (0, 60, 0)]
        + ["Robyn,Jóga,1794657600"]
    )
    report = run("\n".join(lines))
    assert rejected(report) == (3, {"duplicate": 1})
    assert [(r["artist"], r["plays"]) for r in report["charts"][0]["rows"]] == [("Björk", 2), ("Robyn", 1)]
    assert {chart["scope"] for chart in report["charts"]} == {"global"}


def test_scrobbles_newest_first_over_years_are_none_too_late(run):
    lines = [f"A,x,{MOMENT // 1000 - i * 7 * 86_400}" for i in range(200)]
    report = run("artist,track,uts\n" + "\n".join(lines))
    assert rejected(report) == (200, {})
    assert report["charts"][-1]["rows"][0]["weeks"] == 200


def test_plays_newest_first_over_years_are_none_too_late(run):
    rows = [row(event_id=str(i), started_at=str(MOMENT - i * 7 * 86_400_000)) for i in range(70)]
    assert rejected(run("\n".join([HEADER, *rows]))) == (70, {})


def test_one_play_of_twenty_years_ago_is_not_followed_by_a_thousand_charts(run):
    report = run("\n".join([HEADER, row(event_id="1", started_at="1146400000000"), row(event_id="2")]))
    weeks = [week["week"] for week in report["weeks"]]
    assert weeks[:2] == ["2006-04-28", "2006-05-05"]
    assert len(weeks) < 60
    again = next(chart["rows"][0] for chart in report["charts"] if chart["week"] == "2026-11-13")
    assert (again["status"], again["weeks"]) == ("re-entry", 2)


@pytest.mark.parametrize("artists", ["7;", " 7 ; 8 ;", ";7|8"])
def test_a_separator_at_the_end_names_nobody(run, artists):
    assert rejected(run(f"{HEADER}\n{row(artist_ids=artists)}\n")) == (1, {})


def test_other_rules_are_another_run(run, monkeypatch):
    first = run(f"{HEADER}\n{row()}\n")
    monkeypatch.setattr("charts.run.Rules", lambda: Rules(daily_cap=1))
    assert run(f"{HEADER}\n{row()}\n")["state"]["path"] != first["state"]["path"]


def test_the_same_file_twice_at_once_is_a_conflict(tmp_path, run, capsys):
    text = f"{HEADER}\n{row()}\n"
    name = run(text)["state"]["path"].rsplit("/", 1)[1]
    with Lake(tmp_path / "home" / "lake").alone(f"charts/{name}/running"):
        assert main(["charts", "run", "--plays", str(tmp_path / "plays.csv"), "--json"]) != 0
    assert "another run works here" in capsys.readouterr().err


def test_scrobbles_in_milliseconds_among_seconds_are_rejected(run):
    assert rejected(run(f"artist,track,epoch\nA,x,{MOMENT // 1000}\nA,y,{MOMENT}\n")) == (1, {"impossible_time": 1})


def test_the_same_files_again_give_the_same_report(run):
    text = f"{HEADER}\n{row()}\n{row(event_id='2')}\n"
    assert run(text) == run(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not readable"),
        (f"{HEADER}\n", "no plays"),
        (HEADER.replace(",tier", "") + "\n" + row().rsplit(",", 1)[0] + "\n", "no column 'tier'"),
        (b"PAR1 not parquet", "not readable"),
        ("x" * 200_000, "not readable"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_two(tmp_path, monkeypatch, capsys, content, message):
    monkeypatch.setenv("LINER_HOME", str(tmp_path / "home"))
    path = tmp_path / ("a.parquet" if isinstance(content, bytes) else "a.csv")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["charts", "run", "--plays", str(path), "--json"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert str(path) in err
    assert not (tmp_path / "home" / "charts").exists()


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_nothing_there(tmp_path, name):
    with pytest.raises(BadInput, match=r"no such file|no \.parquet or \.csv"):
        read_files(tmp_path / name)


def test_a_column_of_another_kind_is_one_line(tmp_path):
    pq.write_table(pa.table({**PLAIN, "event_id": [1.5, 2.5]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="id column holds double"):
        read_files(tmp_path)
    pq.write_table(pa.table({**PLAIN, "played_ms": [[1], [2]]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="column of numbers holds list"):
        read_files(tmp_path)


def test_a_folder_that_is_named_like_a_file_is_read_once(tmp_path):
    folder = tmp_path / "plays.parquet"
    folder.mkdir()
    pq.write_table(pa.table(PLAIN), folder / "part-0.parquet")
    (tmp_path / "empty.csv").mkdir()
    assert read_files(tmp_path).plays.num_rows == 2


@pytest.mark.parametrize("names", [[1, 2], [["A"], ["B"]]])
def test_scrobbles_of_another_kind_are_one_line(tmp_path, names):
    pq.write_table(pa.table({"artist": names, "track": ["x", "y"], "timestamp": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="expected text, one name a scrobble"):
        read_files(tmp_path)


def test_scrobbles_under_a_plural_are_scrobbles(run):
    report = run(f"artists,track,timestamp\nSimon | Garfunkel,x,{MOMENT // 1000}\n")
    assert [r["artist"] for r in report["charts"][0]["rows"]] == ["Simon | Garfunkel"]


@pytest.mark.parametrize("arguments", [["--week", "2026-11-14"], ["--week", "soon"], ["--scope", "Sweden"], []])
def test_show_says_what_is_wrong(tmp_path, monkeypatch, capsys, arguments, run):
    if arguments:
        run(f"{HEADER}\n{row()}\n")
    else:
        monkeypatch.setenv("LINER_HOME", str(tmp_path / "empty"))
    assert main(["charts", "show", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_cells_are_judged_one_by_one(run):
    times = ["2026-11-14T12:00:00Z", str(MOMENT), "yesterday"]
    rows = [row(event_id=str(i), started_at=time) for i, time in enumerate(times)]
    report = run(f"{HEADER}\n" + "\n".join([*rows, row(event_id="9", played_ms="+40000")]) + "\n")
    assert rejected(report) == (2, {"impossible_time": 1, "impossible_length": 1})


def test_a_column_twice_or_nested_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEADER},tier\n{row()},paid\n")
    with pytest.raises(BadInput, match="a column twice"):
        read_files(tmp_path / "a.csv")
    for name in ("country", "tier"):
        pq.write_table(pa.table({**PLAIN, name: [["SE"], ["US"]]}), tmp_path / "b.parquet")
        with pytest.raises(BadInput, match="column of text holds list"):
            read_files(tmp_path / "b.parquet")


def test_track_ms_may_be_missing_in_some_files(tmp_path):
    pq.write_table(pa.table(PLAIN), tmp_path / "a.parquet")
    pq.write_table(pa.table({**PLAIN, "track_ms": [50_000, 60_000]}), tmp_path / "b.parquet")
    assert read_files(tmp_path).plays.column("track_ms").to_pylist() == [None, None, 50_000, 60_000]


def test_two_files_that_differ_in_their_names_only_are_two_runs(run):
    first, second = (run(f"artist,track,timestamp\n{name},x,{MOMENT // 1000}\n") for name in ("Björk", "Robyn"))
    assert [report["charts"][0]["rows"][0]["artist"] for report in (first, second)] == ["Björk", "Robyn"]


def test_why_answers_for_an_absurd_moment_and_with_the_clock_of_the_run(run, capsys):
    run(f"{HEADER}\n{row(event_id='1', started_at='900000000000000000')}\n{row(event_id='2')}\n")
    verdicts = []
    for event in "12":
        assert main(["charts", "why", event, "--json"]) == 0
        verdicts += [arrival["verdict"] for arrival in json.loads(capsys.readouterr().out)["arrivals"]]
    assert verdicts == ["impossible_time", "counted"]


def test_why_names_ids_as_the_input_had_them(run, capsys):
    text = {"event_id": "e7", "user_id": "ann", "track_id": "t1", "artist_ids": "b;a"}
    run(f"{HEADER}\n{row(**text)}\n{row(**{**text, 'event_id': 'e8', 'user_id': ''})}\n")
    assert main(["charts", "why", "e7", "--json"]) == 0
    (arrival,) = json.loads(capsys.readouterr().out)["arrivals"]
    assert {name: arrival[name] for name in text} == {**text, "artist_ids": ["b", "a"]}
    assert main(["charts", "why", "e8"]) == 0
    assert "user None  track t1: missing_id" in capsys.readouterr().out
    assert main(["charts", "why", "e9"]) == 2


def test_weeks_go_on_to_the_clock_of_the_stream(run, capsys):
    """A play that is too short to count moves the clock all the same: what was published is shown."""
    late = row(event_id="2", started_at=str(MOMENT + 24 * 86_400_000), played_ms="1")
    report = run(f"{HEADER}\n{row()}\n{late}\n")
    states = [(week["week"], week["state"]) for week in report["weeks"]]
    assert states == [
        ("2026-11-13", "final"),
        ("2026-11-20", "final"),
        ("2026-11-27", "final"),
        ("2026-12-04", "provisional"),
    ]
    assert main(["charts", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["week"] == "2026-12-04"
