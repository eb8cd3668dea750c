"""The command line: quick, lazy, honest about exit codes; and the documentation cannot drift from it."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared import systems
from shared.cli import build_parser, main

ROOT = Path(__file__).parents[2]
HEAVY = {
    "numpy",
    "numba",
    "scipy",
    "duckdb",
    "pyarrow",
    "fastapi",
    "pyspark",
    "kafka",
    "redis",
    "faiss",
    "implicit",
    "rich",
    "PIL",
}


def test_help_imports_no_engine():
    program = "import sys; sys.argv=['liner','--help']\ntry:\n    from shared.cli import main; main()\nexcept SystemExit: pass\n"
    program += "print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in re.findall(r"'([\w.]+)'", done.stderr)}
    assert not loaded & HEAVY
    assert "discover-weekly" in done.stdout


def test_every_command_says_what_it_does(capsys):
    for system in systems.installed():
        with pytest.raises(SystemExit) as ended:
            main([system.verb, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert "demo" in shown
        assert "capacity" in shown


def commands_in_readmes():
    for readme in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("*/README.md")]:
        for command in re.findall(r"`(liner [^`\n]+)`|^\$? ?(liner [^\n#]+)", readme.read_text(), re.MULTILINE):
            yield readme.parent.name, (command[0] or command[1]).strip()


@pytest.mark.parametrize(("place", "command"), sorted(set(commands_in_readmes())))
def test_documented_commands_parse(place, command):
    words = command.replace("…", "x").split()[1:]
    if any(
        re.fullmatch("[A-Z_]+", word) for word in words
    ):  # a place-holder: the verb exists, its value is the reader's
        words = [
            *itertools.takewhile(lambda word: re.fullmatch("[a-z-]+", word) and not word.startswith("-"), words),
            "--help",
        ]
    if "--help" in words:
        with pytest.raises(SystemExit, match="0"):
            build_parser().parse_args(words)
    else:
        assert build_parser().parse_args(words).run


def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path):
    assert main(["world", "describe", str(tmp_path / "nowhere")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("liner: ")
    assert captured.err.count("\n") == 1
    assert not captured.out


def test_json_is_one_object(capsys):
    assert main(["discover-weekly", "capacity", "--json"]) == 0
    assert {line["name"] for line in json.loads(capsys.readouterr().out)["estimate"]} >= {"training", "scoring"}


def test_an_assumption_can_be_changed(capsys):
    def scoring(*flags):
        main(["discover-weekly", "capacity", "--json", *flags])
        lines = json.loads(capsys.readouterr().out)["estimate"]
        return next(line["value"] for line in lines if line["name"] == "scoring")

    assert scoring("--users", "1e9") == pytest.approx(2 * scoring("--users", "5e8"))


def test_completion_names_the_verbs(capsys):
    assert main(["completion", "bash"]) == 0
    assert "discover-weekly" in capsys.readouterr().out


def test_clean_deletes_the_home(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LINER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "file").write_bytes(b"123")
    assert main(["clean"]) == 0
    assert not (tmp_path / "home").exists()
    assert "3 B" in capsys.readouterr().out
