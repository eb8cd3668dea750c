"""`GET /discover-weekly/{user}` over the embedded store; the same answers are asked of Redis in tests/cluster."""

import pytest
from fastapi.testclient import TestClient

from discover_weekly import store
from discover_weekly.demo import run_files
from discover_weekly.pipeline import NAME
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.discover_weekly.by_hand import HEALTHY


@pytest.fixture
def served(files, tmp_path):
    run_files(*map(str, files(HEALTHY)), "2026-W48", str(tmp_path), 1)
    engines = Engines(Settings(home=tmp_path))
    with TestClient(build_app(engines, "discover_weekly")) as client:
        yield client, engines
    engines.close()


def test_a_list_with_reasons(served):
    client, engines = served
    answer = client.get("/discover-weekly/3").json()
    assert answer["week"] == "2026-W48"
    published = [row["track_id"] for row in engines.lake.dataset(NAME).table().to_pylist() if row["user_id"] == 3]
    assert [track["track_id"] for track in answer["tracks"]] == published
    assert all(track["reason"] for track in answer["tracks"])


def test_unknown_user_and_unpublished_week_are_told_apart(served):
    client, engines = served
    response = client.get("/discover-weekly/4711")
    assert response.status_code == 404
    assert "no list for user 4711" in response.json()["error"]
    engines.store.delete([store.POINTER])
    assert "no week is published" in client.get("/discover-weekly/3").json()["error"]


def test_a_user_id_that_is_none(served):
    assert served[0].get("/discover-weekly/everybody").status_code == 404
    assert served[0].get(f"/discover-weekly/{10**30}").status_code == 404
    assert served[0].get(f"/discover-weekly/{'1' * 5000}").status_code == 404
    assert "no list for user -7" in served[0].get("/discover-weekly/-7").json()["error"]


def test_store_rebuilt_from_the_lake(served):
    client, engines = served
    before = client.get("/discover-weekly/3").json()
    lists = engines.lake.dataset(NAME)
    engines.store.delete([store.POINTER, f"discover_weekly/{lists.version}@{lists.digest}/3"])
    store.put_lists(engines.store, lists)
    assert client.get("/discover-weekly/3").json() == before


def test_an_older_week_that_ends_later_does_not_push_out_a_newer_one(served):
    _, engines = served
    lists = engines.lake.dataset(NAME)
    store_ = engines.store

    class Raced:
        """A store in which W49 is published between this run's look at the pointer and its write."""

        def __init__(self):
            self.raced = False

        def __getattr__(self, name):
            return getattr(store_, name)

        def get(self, keys):
            found = store_.get(keys)
            if keys == [store.POINTER] and not self.raced:
                self.raced = True
                store_.put({store.POINTER: b"2026-W49@1"})
            return found

    store.put_lists(Raced(), lists)
    assert store_.get([store.POINTER]) == [b"2026-W49@1"]


def test_headers_and_metrics(served):
    client, _ = served
    response = client.get("/discover-weekly/3")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    metrics = client.get("/metrics").text
    assert 'route="/discover-weekly/{user_id:id}",status="200"} 1' in metrics
