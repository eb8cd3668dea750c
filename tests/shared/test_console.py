"""The console: bounded, with headers that keep the browser at home, and honest status codes."""

import numpy  # noqa: F401  brings a BLAS
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from threadpoolctl import threadpool_info

from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.console.guard import MAX_BODY_BYTES, for_names_of
from shared.console.serve import run_app
from shared.settings import Settings
from shared.threads import blas_threads


@pytest.fixture
def client(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    with TestClient(build_app(engines)) as opened:
        yield opened
    engines.close()


def test_landing_page_lists_the_systems(client):
    assert "linernotes" in client.get("/").text
    systems = client.get("/systems").json()
    assert systems[0]["verb"] == "discover-weekly"


def test_files_of_the_house_are_served_with_headers(client):
    for path in ("/house.css", "/index.js", "/icon.svg"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
        assert response.headers["x-content-type-options"] == "nosniff"


def test_health(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_body_over_the_bound_is_refused(client):
    assert client.post("/healthz", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_a_body_without_a_length_is_counted_as_it_comes(client):
    """Chunked: no header says how much there will be, and the counting stops it."""
    pieces = (b"x" * 65_536 for _ in range(1 + MAX_BODY_BYTES // 65_536))
    answer = client.put("/copyright-detect/uploads/guard/parts/0?name=a.wav", content=pieces)
    assert (answer.status_code, answer.json()) == (413, {"error": "body over 1,048,576 bytes"})


def test_another_sites_page_cannot_act_here(client):
    for method, path in (("POST", "/charts/global/replay"), ("POST", "/ad-targeting/play"), ("DELETE", "/anything")):
        assert client.request(method, path, headers={"Origin": "https://elsewhere.example"}).status_code == 403
        assert client.request(method, path, headers={"Origin": "null"}).status_code == 403
    assert client.get("/healthz", headers={"Origin": "https://elsewhere.example"}).status_code == 200


def test_nor_open_a_socket(client):
    with (
        pytest.raises(WebSocketDenialResponse),
        client.websocket_connect("/jam-recs/socket", headers={"Origin": "https://elsewhere.example"}),
    ):
        raise AssertionError("it opened")


def test_a_refusal_has_the_headers_too_and_is_counted(client):
    refused = client.post("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert 'liner_requests_total{route="static",status="403"} 1' in client.get("/metrics").text


def test_a_name_that_only_resolves_to_this_machine_is_refused(client):
    """DNS rebinding: the address is ours, the name is not."""
    there = TestClient(for_names_of("127.0.0.1", client.app), base_url="http://rebound.example:8000")
    here = TestClient(for_names_of("127.0.0.1", client.app), base_url="http://localhost:8000")
    open_to_all = TestClient(for_names_of("0.0.0.0", client.app), base_url="http://party.example")
    assert [client.get("/healthz").status_code for client in (there, here, open_to_all)] == [400, 200, 200]


def test_paths_stay_inside(client):
    assert client.get("/../pyproject.toml").status_code == 404
    assert client.get("/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_unknown_engine_url_is_one_line(tmp_path):
    from shared.errors import BadInput

    engines = Engines(Settings(home=tmp_path, engine="mysql://x"))
    with pytest.raises(BadInput, match="LINER_ENGINE='mysql://x': expected one of duckdb:, spark:"):
        _ = engines.engine


def test_a_server_answers_with_one_thread_of_blas(monkeypatch):
    found = []
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: found.extend(blas_counts()))
    with blas_threads(2):
        run_app(FastAPI(), "127.0.0.1", 0)
        assert set(found) == {1}
        assert set(blas_counts()) == {2}


def blas_counts():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
