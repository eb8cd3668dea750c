"""What every test may stand on: one tiny world per session, and the faults in one of pytest-xdist's workers."""

import pytest
from xdist.scheduler import LoadFileScheduling

from shared.lake import Lake
from shared.world import make_world


class Files(LoadFileScheduling):
    """A file to a worker, but all faults to one: their victims are forks of one warm process (processes.py), 18 s of CPU to warm."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "tests/faults" if file.startswith("tests/faults/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """For `--dist=loadfile`, as `make test` has it; every other choice is pytest-xdist's own."""
    return Files(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A `tiny` world of seed 1: 500 users, 1,000 tracks, about 250,000 plays. Read it; never write into it."""
    return make_world(tmp_path_factory.mktemp("world") / "tiny-1", "tiny", seed=1, workers=1)
