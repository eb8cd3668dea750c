"""A small market and the policy that a night would publish for it, once for the session."""

import json
import shutil

import numpy as np
import pytest

from ad_targeting import learn, model, publish
from ad_targeting.decide import Decider
from ad_targeting.policy import Policy, digest
from ad_targeting.world import make_log, make_market
from shared.clock import DEMO_NOW

SLOTS, CAMPAIGNS = 4_000, 60


@pytest.fixture(scope="session")
def market():
    """About a thousand listeners, 60 campaigns."""
    return make_market(1, SLOTS, CAMPAIGNS)


@pytest.fixture(scope="session")
def policy(market):
    """Models learnt from explored slots of two days, prices drawn by lot, a floor that silences some breaks."""
    rng = np.random.default_rng(1)
    early, late = (learn.explored(make_log(market, day), market.campaigns, rng, 8_000) for day in (-2, -1))
    learnt = model.fit(early, late, market.campaigns)
    churn = np.append(rng.gamma(2, 4_000, 50), 5_000)
    day = np.array([DEMO_NOW])
    return Policy(market.campaigns, rng.random(CAMPAIGNS) * 0.6, np.array([2_000.0, 1.0]), churn, day, learnt)


@pytest.fixture
def decider(policy):
    return Decider(policy, digest(policy))


@pytest.fixture(scope="session")
def published(market, policy, tmp_path_factory):
    """A LINER_HOME as a demo leaves it; copy it before writing (fixture `home`)."""
    home = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "EXPLORED", 2_000)
        publish.publish(home, market, make_log(market, -1), policy.shadow, 0.0, 1.0)
    points = [{"kappa": k / 4, "revenue_micros": 10**9 - k * k * 10**6, "retention": 0.7 + k / 100} for k in range(9)]
    worse = [{"kappa": k, "revenue_micros": 8 * 10**8 - k * 10**7, "retention": 0.7 + k / 50} for k in range(4)]
    frontier = {
        "points": points,
        "fill_all": {"revenue_micros": 9 * 10**8, "retention": 0.7},
        "policies": {"cap": worse},
    }
    (home / "ad_targeting" / "frontier.json").write_text(json.dumps(frontier))
    return home


@pytest.fixture
def home(published, tmp_path):
    """A LINER_HOME of one's own."""
    return shutil.copytree(published, tmp_path / "home")
