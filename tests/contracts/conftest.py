"""Every suite here runs on every adapter, each built as a user's settings build it.

Real servers are named by LINER_TEST_KAFKA, LINER_TEST_REDIS and LINER_TEST_SPARK (`make cluster-test` starts them). Where a variable is
not set its tests are skipped and say why; with LINER_REQUIRE_CLUSTER=1 they fail instead.
"""

from dataclasses import dataclass
from secrets import token_hex

import pytest

from shared.bootstrap import engines
from shared.clock import DEMO_NOW
from shared.lake import Lake
from shared.settings import Settings
from tests.servers import server_url


@dataclass
class ManualClock:
    """A clock that moves when a test says so."""

    now: int = DEMO_NOW

    def __call__(self) -> int:
        return self.now


def on_each(embedded, server):
    """Parameters of a fixture: the embedded adapter, and the one that needs a server."""
    return [embedded, pytest.param(server, marks=pytest.mark.cluster)]


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture(scope="session", params=on_each("duckdb", "spark"))
def engine(request):
    url = "duckdb:" if request.param == "duckdb" else server_url("spark")
    with engines(Settings(engine=url)) as opened:
        yield opened.engine


@pytest.fixture(params=on_each("sqlite", "kafka"))
def log_settings(request, tmp_path):
    url = "sqlite:" if request.param == "sqlite" else server_url("kafka")
    return Settings(home=tmp_path, log=url)


@pytest.fixture
def log(log_settings, clock):
    with engines(log_settings, clock) as opened:
        yield opened.log


@pytest.fixture
def topic():
    """A name that no other test uses: a broker outlives the tests."""
    return f"test-{token_hex(6)}"


@pytest.fixture(params=on_each("sqlite", "redis"))
def store_settings(request, tmp_path):
    url = "sqlite:" if request.param == "sqlite" else server_url("redis")
    return Settings(home=tmp_path, store=url)


@pytest.fixture
def store(store_settings, clock):
    with engines(store_settings, clock) as opened:
        yield opened.store


@pytest.fixture
def prefix():
    """Before every key of a test: a server outlives the tests."""
    return f"test/{token_hex(6)}/"
