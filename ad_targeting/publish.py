"""What a night publishes for the day: models, prices and campaigns as one policy; and a ledger in which the day has not begun.

LINER_HOME/ad_targeting/policies/<digest>.npz, current
                        ledger.sqlite
"""

from pathlib import Path

import numpy as np

from ad_targeting import learn, model
from ad_targeting.bound import solve
from ad_targeting.ledger import Ledger
from ad_targeting.policy import Policy, save
from ad_targeting.records import Campaigns, Floats, Log
from ad_targeting.world import Market, make_log
from shared.clock import DAY_MS, DEMO_NOW, Clock
from shared.world.rng import generator

QUARTER_MS = 900_000
ROUNDS = 30
EXPLORED = 400_000
"""Impressions of explored slots of each of two days."""


def publish(home: Path, market: Market, yesterday: Log, shadow: Floats, reserve: float, kappa: float) -> str:
    """Learn the models from the two days before, solve λ at their prices (from `shadow` on), and make it the current policy; its digest."""
    rng, campaigns = generator(market.seed, "ads/explored"), market.campaigns
    early, late = (learn.explored(log, campaigns, rng, EXPLORED) for log in (make_log(market, -2), yesterday))
    learnt, terms = model.fit(early, late, campaigns), np.array([reserve, kappa], np.float64)
    log = learn.repriced(yesterday, campaigns, learnt)
    solved = solve(log, campaigns.budget, campaigns.category, reserve + kappa * log.breaks.churn, shadow, ROUNDS)
    # whoever was silent yesterday, and strangers, cost what people cost on average
    churn = np.full(market.listeners.age.size + 1, log.breaks.churn.mean())
    churn[log.breaks.user] = log.breaks.churn
    quarter = yesterday.breaks.moment % DAY_MS // QUARTER_MS
    slots = np.append(0, np.cumsum(np.bincount(quarter, yesterday.breaks.slots, 96)))
    source = np.array([market.seed, market.slots, len(campaigns.bid)])
    day = np.array([DEMO_NOW])
    policy = Policy(campaigns, solved.shadow, terms, churn, day, learnt, source, slots / slots[-1])
    name = save(folder_of(home) / "policies", policy)
    ledger = open_ledger(home, lambda: DEMO_NOW)
    ledger.begin_day(budgets(campaigns))
    ledger.close()
    return name


def folder_of(home: Path) -> Path:
    """Where everything of this system lies."""
    return home / "ad_targeting"


def open_ledger(home: Path, clock: Clock) -> Ledger:
    """The ledger, which is made if there is none."""
    return Ledger(folder_of(home) / "ledger.sqlite", clock)


def budgets(campaigns: Campaigns) -> dict[int, int]:
    """Budgets in micros by campaign."""
    return dict(zip(campaigns.campaign_id.tolist(), campaigns.budget.tolist(), strict=True))
