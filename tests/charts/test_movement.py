"""Movement against a slow second writing, the printed conventions, and the file that people bring."""

import json
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charts.movement import Movement, movements, same_entry
from charts.ranks import read_ranks, with_movement
from shared.cli import main
from shared.errors import BadInput


def slow(charts, at, entry, rank):
    """One place's movement, from the definition."""
    ranks = [{e: r for r, e in reversed(chart)}.get(entry) for chart in charts[: at + 1]]
    last = ranks[at - 1] if at else None
    seen = [r for r in ranks if r is not None]
    streak = len(list(takewhile(lambda r: r is not None, reversed(ranks))))
    moved = "same" if last == rank else "up" if last and last > rank else "down"
    status = "new" if len(seen) == 1 else "re-entry" if last is None else moved
    return Movement(last, min(seen), len(seen), streak, status)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.permutations("abcde").map(lambda p: p[:3]) | st.just([]), max_size=8))
def test_any_history(charts):
    charts = [[(rank + 1, entry) for rank, entry in enumerate(chart)] for chart in charts]
    expected = [[slow(charts, at, entry, rank) for rank, entry in chart] for at, chart in enumerate(charts)]
    assert movements(charts) == expected


def test_a_re_entry_keeps_peak_and_weeks_and_loses_the_streak():
    charts = [[(2, "a")], [(1, "a")], [(1, "b")], [(3, "a")], [(3, "a")]]
    assert [chart[-1] for chart in movements(charts)][3:] == [
        Movement(None, 1, 3, 1, "re-entry"),
        Movement(3, 1, 4, 2, "same"),
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [("Breland & HARDY", "BRELAND & Hardy"), ("Don’t", "Don't"), ("A  b ", "A b"), ("Café", "Cafe\u0301"), ("ß", "SS")],
)
def test_spellings_of_one_entry(a, b):
    assert same_entry(a) == same_entry(b)


def test_different_entries_stay_apart():
    assert len({same_entry(entry) for entry in ("Café", "Cafe", "Cafe (Live)", "Cafés")}) == 4


def write(tmp_path, text):
    path = tmp_path / "ranks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_command_prints_every_place(tmp_path, capsys):
    text = "chart_week,rank,entry,extra\n2024-01-13,2,B,x\n2024-01-06,1,B,x\n2024-01-13,1,A,\n2024-01-06,2,a,\n2024-01-27,1,b,\n"
    assert main(["charts", "movement", "--ranks", str(write(tmp_path, text)), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [
        (r["chart_week"], r["rank"], r["entry"], r["last_week"], r["peak"], r["weeks"], r["status"]) for r in rows
    ] == [
        ("2024-01-06", 1, "B", None, 1, 1, "new"),
        ("2024-01-06", 2, "a", None, 2, 1, "new"),
        ("2024-01-13", 1, "A", 2, 1, 2, "up"),
        ("2024-01-13", 2, "B", 1, 1, 2, "down"),
        ("2024-01-27", 1, "b", 2, 1, 3, "up"),
    ]
    assert main(["charts", "movement", "--ranks", str(write(tmp_path, text))]) == 0
    assert "last   2  peak   1  weeks   3  up        b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'chart_week'"),
        ("chart_week,rank\n2024-01-06,1\n", "no column 'entry'"),
        ("chart_week,rank,entry\n", "no rows"),
        ("chart_week,rank,entry\n2024-01-06,1,A\n06/01/2024,2,B\n", "line 3, field 'chart_week': got '06/01/2024'"),
        ("chart_week,rank,entry\n2024-01-06,one,A\n", "line 2, field 'rank': got 'one'"),
        ("chart_week,rank,entry\n2024-01-06,0,A\n", "field 'rank': got '0'"),
        ("chart_week,rank,entry\n2024-01-06,,A\n", "field 'rank': got ''"),
        (f"chart_week,rank,entry\n2024-01-06,{'9' * 5000},A\n", "field 'rank': got '999"),
        ("chart_week,rank,entry\n2024-01-06,1, \n", "field 'entry': empty"),
        ("chart_week,rank,entry\n2024-01-06\n", "field 'rank': got ''"),
        (b"chart_week,rank,entry\n2024-01-06,1,\xff\n", "not readable as UTF-8 CSV"),
    ],
)
def test_bad_files_are_one_line(tmp_path, capsys, text, message):
    assert main(["charts", "movement", "--ranks", str(write(tmp_path, text)), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_an_absent_file_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="not readable"):
        read_ranks(tmp_path / "none.csv")


def test_an_entry_twice_on_a_chart_counts_once(tmp_path):
    text = "chart_week,rank,entry\n2024-01-06,1,A\n2024-01-06,3,A\n2024-01-13,2,A\n"
    rows = with_movement(read_ranks(write(tmp_path, text)))
    assert (rows[-1]["last_week"], rows[-1]["weeks"], rows[-1]["peak"]) == (1, 2, 1)
