"""A small market and the policy that a night would publish for it, once for the session."""

import numpy as np
import pytest

from ad_targeting import learn, model
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
