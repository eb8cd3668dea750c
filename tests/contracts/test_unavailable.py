"""A server that is away, or an extra that is not installed, is one line that says which, within seconds."""

import socket
import subprocess
import sys

import pytest

from shared.bootstrap import engines
from shared.clock import system_clock
from shared.cluster_check import check
from shared.errors import BadInput, EngineUnavailable
from shared.settings import Settings


@pytest.fixture
def nobody():
    """An address where nobody listens: the port is taken, but not open."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(("part", "scheme"), [("engine", "spark"), ("log", "kafka"), ("store", "redis")])
def test_a_server_that_is_away_is_named(part, scheme, nobody, tmp_path):
    pytest.importorskip({"engine": "pyspark", "log": "kafka", "store": "redis"}[part])
    settings = Settings(**{"home": tmp_path, part: f"{scheme}://{nobody}"})
    with engines(settings) as opened, pytest.raises(EngineUnavailable, match=f"{scheme}://{nobody}"):
        getattr(opened, part)


@pytest.mark.parametrize(("package", "adapter"), [("pyspark", "spark"), ("kafka", "kafka"), ("redis", "redis")])
def test_an_extra_that_is_not_installed_says_how_to_install_it(package, adapter):
    """In a process of its own, where the package cannot be imported."""
    program = f"""
import sys
sys.modules[{package!r}] = None
from shared.errors import EngineUnavailable
try:
    import shared.adapters.{adapter}
except EngineUnavailable as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("install the cluster extra: make setup-cluster")


@pytest.mark.parametrize("part", ["engine", "log", "store"])
def test_a_url_of_another_kind_is_bad_input(part, tmp_path):
    expected = rf"LINER_{part.upper()}='mysql://localhost': expected one of"
    settings = Settings(**{"home": tmp_path, part: "mysql://localhost"})
    with engines(settings) as opened, pytest.raises(BadInput, match=expected):
        getattr(opened, part)


def test_the_check_reports_what_answers_and_what_does_not(nobody, tmp_path):
    pytest.importorskip("redis")
    reports = check(Settings(home=tmp_path, store=f"redis://user:secret@{nobody}/0"), system_clock)
    assert [(report.part, report.ok) for report in reports] == [("engine", True), ("log", True), ("store", False)]
    assert all(report.milliseconds > 0 and report.version for report in reports[:2])
    assert "does not answer" in str(reports[2])
    assert "secret" not in " ".join(map(str, reports))
