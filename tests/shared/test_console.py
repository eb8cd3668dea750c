"""The console: bounded, with headers that keep the browser at home, and honest status codes."""

import pytest
from fastapi.testclient import TestClient

from shared.bootstrap import Engines
from shared.console.app import MAX_BODY_BYTES, build_app
from shared.settings import Settings


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


def test_paths_stay_inside(client):
    assert client.get("/../pyproject.toml").status_code == 404
    assert client.get("/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_unknown_engine_url_is_one_line(tmp_path):
    from shared.errors import BadInput

    engines = Engines(Settings(home=tmp_path, engine="mysql://x"))
    with pytest.raises(BadInput, match="LINER_ENGINE='mysql://x': expected one of duckdb:, spark:"):
        _ = engines.engine
