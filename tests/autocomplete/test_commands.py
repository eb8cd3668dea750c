"""The verbs as a person types them: build, suggest, evaluate, demo; one JSON object each; bad input is one line and exit code 2."""

import csv
import io
import json

import pytest

from autocomplete.demo import answer_keys
from shared.cli import main
from tests.autocomplete.by_hand import suggester_of

NAMES = [("Metallica", 900), ("Björk", 500), ("Radiohead", 800), ("Sigur Rós", 300), ("Metal", 1)]
QUERIES = [("metalica", "Metallica"), ("bjork", "Björk"), ("radiohaed", "Radiohead"), ("nobody at all", "Sigur Rós")]


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([header, *rows])
    return str(path)


@pytest.fixture
def built(tmp_path, capsys):
    terms = write(tmp_path / "terms.tsv", ["text", "weight"], NAMES)
    assert main(["autocomplete", "build", "--terms", terms, "--out", str(tmp_path / "index"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["terms"] == 5
    return str(tmp_path / "index")


def test_suggest(built, capsys):
    assert main(["autocomplete", "suggest", "--index", built, "metlalica", "-k", "1", "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["suggestions"]
    assert line["text"] == "Metallica"
    assert main(["autocomplete", "suggest", "--index", built, "bjork"]) == 0
    assert "Björk" in capsys.readouterr().out


def test_evaluate(built, tmp_path, capsys):
    queries = write(tmp_path / "queries.tsv", ["typed", "wanted"], QUERIES)
    assert main(["autocomplete", "evaluate", "--index", built, "--queries", queries, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"n", "success@1", "success@5", "mrr", "exact_only", "cpu_us"}
    assert (report["n"], report["success@1"], report["success@5"], report["mrr"]) == (4, 0.75, 0.75, 0.75)
    assert report["exact_only"]["success@5"] == 0.25
    assert set(report["cpu_us"]) == {"p50", "p99", "p99.9", "max"}
    assert main(["autocomplete", "evaluate", "--index", built, "--queries", queries]) == 0
    assert "0.7500" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "--terms", "nowhere.tsv", "--out", "index"],
        ["suggest", "--index", "nowhere", "a"],
        ["evaluate", "--index", "nowhere", "--queries", "nowhere.tsv"],
        ["serve", "--index", "nowhere"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["autocomplete", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "nowhere" in captured.err
    assert not (tmp_path / "index").exists()


def test_a_bad_k_is_refused(built, capsys):
    assert main(["autocomplete", "suggest", "--index", built, "a", "-k", "0"]) == 2
    assert "k = 0: expected 1 to 100" in capsys.readouterr().err


def test_the_demo_publishes_and_answers_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO("mara\n\n"))
    assert main(["autocomplete", "demo", "--size", "tiny"]) == 0
    shown = capsys.readouterr().out
    assert "› mara\n" in shown
    for kind in ("artist", "track", "by words"):
        assert kind in shown
    assert (tmp_path / "autocomplete" / "index" / "manifest.json").exists()


def test_the_demo_as_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    assert main(["autocomplete", "demo", "--size", "tiny", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all(answer["suggestions"] for answer in report["answers"])


def test_keys_are_answered_one_by_one(monkeypatch, capsys):
    class Keyboard(io.StringIO):
        def fileno(self):
            return 0

    monkeypatch.setattr("sys.stdin", Keyboard("bjx\x7f\n\x1b"))
    monkeypatch.setattr("termios.tcgetattr", lambda _: [])
    monkeypatch.setattr("termios.tcsetattr", lambda *_: None)
    monkeypatch.setattr("tty.setcbreak", lambda _: None)
    answer_keys(suggester_of(*NAMES))
    painted = capsys.readouterr().out
    assert [line.split("  ")[0] for line in painted.split("› ")[1:]] == ["b", "bj", "bjx", "bj", ""]


def test_capacity_answers_what_if(capsys):
    assert main(["autocomplete", "capacity", "--json"]) == 0
    usual = {line["name"]: line["value"] for line in json.loads(capsys.readouterr().out)["estimate"]}
    assert main(["autocomplete", "capacity", "--terms", "1.2e10", "--json"]) == 0
    big = {line["name"]: line["value"] for line in json.loads(capsys.readouterr().out)["estimate"]}
    assert usual["shards"] == 2
    assert big["shards"] == 157
    assert big["machines"] > usual["machines"]
