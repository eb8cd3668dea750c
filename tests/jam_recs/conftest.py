"""A served house for every test that asks for one."""

import asyncio

import pytest

from tests.jam_recs.house import Times, serve


@pytest.fixture
def times(monkeypatch):
    """The clocks of the house."""
    times = Times()
    monkeypatch.setattr("jam_recs.service.monotonic_ns", lambda: times.lease * 1_000_000)
    return times


@pytest.fixture
def served(tmp_path, times):
    """A function that runs `test(house)` on a loop on which the app is served, over `home`."""

    def run(test, home=tmp_path):
        asyncio.run(serve(home, times, test))

    return run
