"""Addresses of real servers, for tests that run a whole system on them."""

import pytest

from tests.servers import server_url


@pytest.fixture
def kafka_url():
    return server_url("kafka")


@pytest.fixture
def redis_url():
    return server_url("redis")


@pytest.fixture
def spark_url():
    return server_url("spark")
