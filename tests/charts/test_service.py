"""The service beside the consumer: charts, history, CSV, bump, live events; and one-line answers for what is not there."""

import asyncio
import csv
import io
import json

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from charts import service
from charts.pipeline import Run, replay
from charts.rules import Rules
from charts.views import publish_names, set_current
from shared.bootstrap import Engines
from shared.clock import WEEK_MS
from shared.console.app import build_app
from shared.settings import Settings
from tests.charts.conftest import FRIDAY, as_batch, make_play

LAST = 1_000_000


@pytest.fixture
def client(engines):
    """A console over three weeks: artists 0 to 4 in week one, 1 in front in week two, the third still running."""
    run = Run("t", engines.settings.home)
    plays = [make_play(i, user_id=i, artist_ids=[i % 5], country=("SE", "US")[i % 2]) for i in range(40)]
    plays += [make_play(100 + i, user_id=i, artist_ids=[1], started_at=FRIDAY + WEEK_MS) for i in range(3)]
    plays += [make_play(LAST, started_at=FRIDAY + 2 * WEEK_MS + 3 * 86_400_000, artist_ids=[0])]
    publish_names(engines.lake, run, "artists", pa.array(['=Quote", comma', "B", "C", "D", "E"]), ids=False)
    replay(engines, run, [as_batch(plays)], 2, Rules())
    set_current(run)
    with TestClient(build_app(engines, "charts")) as opened:
        yield opened


def test_a_chart_with_movement(client):
    chart = client.get("/charts/global/2026-11-20").json()
    assert (chart["state"], chart["revision"], chart["week"]) == ("final", 1, "2026-11-20")
    assert chart["rows"] == [
        {
            "rank": 1,
            "artist_id": "1",
            "units": 18,
            "plays": 3,
            "artist": "B",
            "last_week": 2,
            "peak": 1,
            "weeks": 2,
            "streak": 2,
            "status": "up",
        }
    ]
    assert client.get("/charts/SE/latest").json()["rows"][0]["status"] == "re-entry"
    assert client.get("/charts/NO/2026-11-13").json()["rows"] == []


def test_weeks_history_and_bump(client):
    weeks = client.get("/charts/global/weeks").json()
    assert [week["state"] for week in weeks["weeks"]] == ["final", "final", "provisional"]
    assert weeks["scopes"] == ["global", "SE"]
    history = client.get("/charts/global/artists/1").json()
    assert (history["artist"], [week["rank"] for week in history["weeks"]]) == ("B", [2, 1])
    bump = client.get("/charts/global/bump").json()
    assert (bump["weeks"][0], bump["artists"][0]["ranks"]) == ("2026-11-13", [1, None, 1])


def test_ids_that_a_browser_would_round_are_texts_and_lead_to_their_artist(engines):
    run, largest = Run("t", engines.settings.home), (1 << 63) - 1
    replay(engines, run, [as_batch([make_play(1, artist_ids=[largest])])], 1, Rules())
    set_current(run)
    with TestClient(build_app(engines, "charts")) as client:
        (row,) = client.get("/charts/global/latest").json()["rows"]
        assert row["artist_id"] == client.get("/charts/global/bump").json()["artists"][0]["artist_id"] == str(largest)
        found = client.get(f"/charts/global/artists/{row['artist_id']}").json()
    assert (found["artist_id"], [week["rank"] for week in found["weeks"]]) == (str(largest), [1])


def test_csv_quotes_what_needs_it(client):
    response = client.get("/charts/global/2026-11-13.csv")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert (rows[0]["artist"], rows[0]["last_week"], rows[0]["status"]) == ('=Quote", comma', "", "new")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/charts/Sweden/2026-11-13", 400),
        ("/charts/global/2026-11-14", 400),
        ("/charts/global/yesterday", 400),
        ("/charts/ZZ/weeks", 400),
        ("/charts/xx/live", 400),
        ("/charts/global/artists/nobody", 404),
        ("/charts/global/artists/²", 404),
        ("/charts/global/artists/--5", 404),
        ("/charts/global/artists/" + "9" * 45_000, 404),
        ("/charts/global/0001-01-01", 400),
        ("/charts/global/%2e%2e%2fsecret", 404),
    ],
)
def test_what_is_not_there(client, path, status):
    response = client.get(path)
    assert response.status_code == status


def test_no_run_yet_is_not_found(tmp_path):
    with TestClient(build_app(Engines(Settings(home=tmp_path)), "charts")) as client:
        response = client.get("/charts/global/latest")
    assert response.status_code == 404
    assert "liner charts demo" in response.json()["error"]


def test_the_page_is_served(client):
    for path in ("/charts/", "/charts/charts.js", "/charts/bump.js", "/charts/charts.css"):
        response = client.get(path)
        assert response.status_code == 200
        assert "innerHTML" not in response.text
    assert "default-src 'self'" in response.headers["content-security-policy"]


class Client:
    """A request that goes away after some looks."""

    def __init__(self, looks):
        self.looks = looks

    async def is_disconnected(self):
        self.looks -= 1
        return self.looks < 0


def test_live_events_send_what_changed_and_end_with_the_client(client, engines, monkeypatch):
    monkeypatch.setattr(service, "LOOK_SECONDS", 0)
    streams = asyncio.BoundedSemaphore(1)

    async def listen():
        return [event async for event in service.live_events(engines, "global", Client(3), streams)]

    first, *rest = asyncio.run(listen())
    assert json.loads(first.removeprefix("data: "))["rows"][0]["artist_id"] == "0"
    assert rest == [": nothing new\n\n"] * 2
    assert not streams.locked()


def test_live_streams_are_bounded(engines, monkeypatch):
    monkeypatch.setattr(service, "LIVE_STREAMS", 0)
    with TestClient(build_app(engines, "charts")) as client:
        assert client.get("/charts/global/live").status_code == 503


def test_one_replay_at_a_time(client, monkeypatch):
    endings = []
    monkeypatch.setattr(service, "replay_in_background", lambda settings, done: endings.append(done))
    assert client.post("/charts/global/replay").status_code == 202
    assert client.post("/charts/global/replay").status_code == 400
    endings[0]()
    assert client.post("/charts/global/replay").status_code == 202
