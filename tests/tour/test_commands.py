"""What a newcomer does: `make tour`, then every command that a README shows, on the tour's state or on files of his own.

Minutes long, so `.ci/run` calls it by itself. Commands are run as they stand; `FILLED` puts a name where a README writes FILE or DIR,
`SHORTER` adds a flag to what would run for minutes.
"""

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.readmes import READMES, ROOT, commands
from tests.tour import samples

pytestmark = pytest.mark.tour
FILLED = {
    "ad-targeting ctr": {"--train FILE": "--train train.csv", "--test FILE": "--test test.csv"},
    "ad-targeting replay": {"--train FILE": "--train yesterday.txt", "--log FILE": "--log today.txt"},
    "charts movement": {"FILE": "ranks.csv"},
    "charts run": {"FILE|DIR": "plays.parquet"},
    "charts why": {"EVENT_ID": "1"},
    "copyright-detect evaluate": {"--music DIR": "--music music", "--speech DIR": "--speech speech"},
    "copyright-detect explain": {"FILE REFERENCE": "episode.wav 'song 1.wav'", "DB": "db"},
    "copyright-detect index": {"DIR": "music", "DB": "db"},
    "jam-recs fairness": {"FILE": "listening.tsv"},
    "podcast-recs evaluate-impressions": {
        "--behaviors FILE": "--behaviors behaviors.tsv",
        "--news FILE": "--news news.tsv",
    },
    "podcast-recs import": {"FEED": "feed.xml"},
    "wrapped import": {"FILE": "my_spotify_data.zip"},
}
SHORTER = {
    "ad-targeting churn": "--listeners 10000 --worlds 5",
    "ad-targeting frontier": "--slots 20000",
    "ad-targeting simulate": "--slots 20000",
    "copyright-detect evaluate": "--clips 4 --hours 0.1",
    "jam-recs fairness": "--sessions 10",
    "jam-recs loadtest": "--rooms 10 --rate 100 --seconds 3",
    "podcast-recs ablate": "--size tiny",
}
ELSEWHERE = (
    "bench",
    "clean",
    "cluster",
    "console",
)  # below, and `liner cluster check` where .ci/run starts the servers


def filled(command):
    """A command as the README has it, with names of files that are there."""
    for blank, value in FILLED.get(" ".join(command.split()[1:3]), {}).items():
        command = command.replace(blank, value)
    assert not re.search(r"\b(FILE|DIR|DB|FEED|LOG|[A-Z]+_ID)\b", command), f"FILLED has no value for {command}"
    return command


def shown():
    """The commands of all READMEs but the demos, which are the tour; `index` before what reads an index, `run` before `why`."""
    found = {command for readme in READMES for command in commands(readme.read_text())}
    found = {c for c in found if c.split()[1] not in ELSEWHERE and not c.endswith(" demo")}
    return sorted(map(filled, found), key=lambda command: (" index " not in command, command))


def liner(home, *words, cwd=None):
    """The exit code and what was printed, by a process of its own as a shell would start it."""
    environment = {**os.environ, "LINER_HOME": str(home)}
    command = [sys.executable, "-m", "shared", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    samples.write(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """LINER_HOME as the tour leaves it."""
    home = tmp_path_factory.mktemp("home") / ".liner"
    ended = liner(home, "tour")
    assert ended.returncode == 0, ended.stdout[-2_000:] + ended.stderr
    assert (home / "tour.html").exists()
    return home


@pytest.mark.parametrize("command", dict.fromkeys(shown()))
def test_what_a_readme_shows_runs(home, files, command):
    system, verb = command.split()[1:3]
    folder = files / system.replace("-", "_")
    shorter = SHORTER.get(f"{system} {verb}", "")
    ended = liner(home, *shlex.split(f"{command} {shorter}")[1:], cwd=folder if folder.exists() else files)
    assert ended.returncode == 0, ended.stdout[-2_000:] + ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout
    if "--json" in command:
        assert isinstance(json.loads(ended.stdout), dict)


def test_benchmarks_that_a_readme_names_are_there():
    """`make bench-test` runs them all."""
    command = [sys.executable, "-m", "pytest", "tests/bench", "--collect-only"]
    there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for readme in READMES:
        for expression in re.findall(r"liner bench [^`\n]*--only ([\w.]+)", readme.read_text()):
            assert expression == "EXPRESSION" or expression in there, expression


def answer_of(process, port):
    """The first page of a server that has been started."""
    while process.poll() is None:
        with contextlib.suppress(URLError), urlopen(f"http://127.0.0.1:{port}") as answer:
            return answer.read().decode()
    raise AssertionError(process.stdout.read())


def test_the_console_starts_where_it_says(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "shared", "console", "--port", str(port)]
    environment = {**os.environ, "LINER_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = process.stdout.readline()
        page = answer_of(process, port)
        process.terminate()
    assert f"http://127.0.0.1:{port}/" in said
    assert "linernotes" in page


def test_clean_leaves_nothing(home):
    assert liner(home, "clean").returncode == 0
    assert not home.exists()
