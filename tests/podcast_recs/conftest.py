"""One small learned world for the tests that need a recommender; read it, or copy its state first."""

import pytest

from podcast_recs.setting import make_setting


@pytest.fixture(scope="session")
def setting():
    return make_setting("tiny", seed=1)
