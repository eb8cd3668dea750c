"""What every test may stand on: one tiny world per session."""

import pytest

from shared.lake import Lake
from shared.world import make_world


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A `tiny` world of seed 1: 500 users, 1,000 tracks, about 250,000 plays. Read it; never write into it."""
    return make_world(tmp_path_factory.mktemp("world") / "tiny-1", "tiny", seed=1, workers=1)
