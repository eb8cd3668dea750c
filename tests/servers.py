"""Where the real servers are that the cluster tests need; `make cluster-test` starts them and names them."""

import os

import pytest


def server_url(name):
    """The URL of a real `kafka`, `redis` or `spark`; skips the test, or fails it in CI, where there is none."""
    variable = f"LINER_TEST_{name.upper()}"
    if url := os.environ.get(variable):
        return url
    reason = f"{variable} names no server; `make cluster-test` starts one"
    if os.environ.get("LINER_REQUIRE_CLUSTER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
