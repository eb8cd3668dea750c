"""A small market, the policy that a night would publish for it, and a LINER_HOME as a demo leaves it."""

import json

import numpy as np
import pytest

from ad_targeting import learn, model, publish
from ad_targeting.policy import Policy
from ad_targeting.world import make_log, make_market
from shared.clock import DEMO_NOW

SLOTS, CAMPAIGNS = 4_000, 60


def small_market():
    """About a thousand listeners, 60 campaigns."""
    return make_market(1, SLOTS, CAMPAIGNS)


def small_policy(market):
    """Models learnt from explored slots of two days, prices drawn by lot, a floor that silences some breaks."""
    rng = np.random.default_rng(1)
    early, late = (learn.explored(make_log(market, day), market.campaigns, rng, 8_000) for day in (-2, -1))
    learnt = model.fit(early, late, market.campaigns)
    churn = np.append(rng.gamma(2, 4_000, 50), 5_000)
    day = np.array([DEMO_NOW])
    shadow, source = rng.random(CAMPAIGNS) * 0.6, np.array([1, SLOTS, CAMPAIGNS])
    return Policy(market.campaigns, shadow, np.array([2_000.0, 1.0]), churn, day, learnt, source, np.linspace(0, 1, 97))


def publish_small(home, market):
    """Publish the market under a LINER_HOME, with a frontier of nine points."""
    shadow = np.random.default_rng(1).random(CAMPAIGNS) * 0.6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "EXPLORED", 4_000)
        publish.publish(home, market, make_log(market, -1), shadow, 0.0, 1.0)
    points = [{"kappa": k / 4, "revenue_micros": 10**9 - k * k * 10**6, "retention": 0.7 + k / 100} for k in range(9)]
    cap = [{"kappa": k, "revenue_micros": 8 * 10**8 - k * 10**8, "retention": 0.7 + k / 50} for k in range(4)]
    fill_all = {"revenue_micros": 9 * 10**8, "retention": 0.7}
    frontier = {
        "points": points,
        "fill_all": fill_all,
        "beats_fill_all": points[1],
        "policies": {"ads-per-hour cap": cap},
    }
    (home / "ad_targeting" / "frontier.json").write_text(json.dumps(frontier))
