"""The service answers its schema, says what is missing, and never fails; the verbs print one JSON object."""

import json

import pytest
from fastapi.testclient import TestClient

from shared.bootstrap import Engines
from shared.cli import main
from shared.console.app import build_app
from shared.settings import Settings
from tests.wrapped.adversaries import at, write
from wrapped.pipeline import run_year
from wrapped.service import talkative
from wrapped.sources import own_source, world_source


@pytest.fixture(scope="module")
def home(engine, tiny_world, tmp_path_factory):
    from tests.wrapped.conftest import NOW

    engines = Engines(Settings(home=tmp_path_factory.mktemp("home")))
    run_year(engine, engines.lake, world_source(tiny_world), 2026, NOW)
    return engines


@pytest.fixture(scope="module")
def client(home):
    with TestClient(build_app(home, "wrapped")) as client:
        yield client


def test_a_story_and_its_cards(client):
    known = client.get("/wrapped/stories").json()
    assert known["years"] == [2026]
    assert all(isinstance(user, str) for user in known["users"])  # 64 bits, which a number of a browser has not
    story = client.get(f"/wrapped/stories/2026/{known['users'][0]}").json()
    assert story["plays"] > 0
    assert story["user"] == known["users"][0]
    for card in story["cards"]:
        address = f"/wrapped/stories/2026/{story['user']}/{card['name']}"
        assert client.get(address + ".svg").headers["content-type"] == "image/svg+xml"
        assert client.get(address + ".png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["2026/123456789", "2025/1", "2026/0/none.svg", "2026/0/none.png"])
def test_what_is_not_there_is_404_with_a_reason(client, path):
    answer = client.get(f"/wrapped/stories/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_nothing_published_is_no_failure(tmp_path):
    with TestClient(build_app(Engines(Settings(home=tmp_path)), "wrapped")) as client:
        assert client.get("/wrapped/stories").json() == {"years": [], "users": []}


def test_the_verbs(home, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LINER_HOME", str(home.settings.home))
    assert main(["wrapped", "show", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["user"] == 3
    assert main(["wrapped", "show", "3"]) == 0
    assert "Top artists" in capsys.readouterr().out
    assert main(["wrapped", "card", "3", "--out", str(tmp_path / "card.svg")]) == 0
    assert (tmp_path / "card.svg").read_text().startswith("<svg")
    assert main(["wrapped", "card", "3", "--name", "all", "--out", str(tmp_path / "all")]) == 0
    assert len(list((tmp_path / "all").glob("*.png"))) >= 6
    monkeypatch.chdir(tmp_path)
    assert main(["wrapped", "card", "3", "--name", "all"]) == 0
    assert len(list((tmp_path / "cards").glob("*.png"))) >= 6
    assert main(["wrapped", "card", "3", "--name", "none"]) == 2
    assert main(["wrapped", "show", "99999"]) == 2
    assert main(["wrapped", "show", "3", "--lake", str(tmp_path / "empty")]) == 2
    for user in (str(1 << 63), "x"):
        with pytest.raises(SystemExit, match="2"):
            main(["wrapped", "show", user])


def test_run_on_own_files(capsys, tmp_path):
    from tests.wrapped.adversaries import LEAP, LEVEL, rows, write

    plays = write(tmp_path / "plays", rows(2024))
    assert (
        main(["wrapped", "run", "--plays", str(plays), "--year", "2024", "--out", str(tmp_path / "out"), "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["users"] == 12 + len(LEVEL)
    assert main(["wrapped", "show", str(LEAP), "--lake", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top_month"] == "2024-02"


@pytest.mark.parametrize("user", range(1, 9))
def test_whoever_is_alone_is_offered_from_any_bucket(engine, tmp_path, monkeypatch, user):
    from tests.wrapped.conftest import NOW

    monkeypatch.setattr("wrapped.pipeline.bucket_count", lambda rows: 4)
    engines = Engines(Settings(home=tmp_path))
    plays = [(user, "A", "Song", at("2024-05-05 05:05"), 60_000, "pop", "UTC")]
    run_year(engine, engines.lake, own_source(engine, write(tmp_path / "plays", plays, files=1)), 2024, NOW)
    assert talkative(engines, 2024) == [str(user)]


def test_capacity_is_arithmetic(capsys):
    assert main(["wrapped", "capacity", "--json"]) == 0
    lines = {line["name"]: line["value"] for line in json.loads(capsys.readouterr().out)["estimate"]}
    assert lines["plays"] == 2.5e12
    assert main(["wrapped", "capacity", "--users", "1e9", "--json"]) == 0
    assert {line["name"]: line["value"] for line in json.loads(capsys.readouterr().out)["estimate"]}["plays"] == 5e12
