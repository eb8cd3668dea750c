"""One small market a session."""

import shutil

import pytest

from ad_targeting.decide import Decider
from ad_targeting.policy import digest
from tests.ad_targeting.small import publish_small, small_market, small_policy


@pytest.fixture(scope="session")
def market():
    return small_market()


@pytest.fixture(scope="session")
def policy(market):
    return small_policy(market)


@pytest.fixture
def decider(policy):
    return Decider(policy, digest(policy))


@pytest.fixture(scope="session")
def published(market, tmp_path_factory):
    """A LINER_HOME as a demo leaves it; copied by `home`, never written."""
    folder = tmp_path_factory.mktemp("published")
    publish_small(folder, market)
    return folder


@pytest.fixture
def home(published, tmp_path):
    """A LINER_HOME of one's own."""
    return shutil.copytree(published, tmp_path / "home")
