"""What a night publishes for the day: models, prices and campaigns as one policy; and a ledger in which the day has not begun.

LINER_HOME/ad_targeting/policies/<digest>.npz, current
                        market.json             of which simulated market this is, and when its breaks come
                        ledger.sqlite
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ad_targeting import learn, model
from ad_targeting.bound import solve
from ad_targeting.ledger import Ledger
from ad_targeting.policy import Floats, Policy, save
from ad_targeting.records import Campaigns, Log
from ad_targeting.targeting import to_campaigns
from ad_targeting.world import Market, make_log
from shared.clock import DAY_MS, DEMO_NOW, Clock
from shared.errors import BadInput, NotFound
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
    churn = np.full(
        market.listeners.age.size + 1, log.breaks.churn.mean()
    )  # of who was silent yesterday, and of strangers
    churn[log.breaks.user] = log.breaks.churn
    policy = Policy(campaigns, solved.shadow, terms, churn, np.array([DEMO_NOW]), learnt)
    folder = folder_of(home)
    name = save(folder / "policies", policy)
    quarter = yesterday.breaks.moment % DAY_MS // QUARTER_MS
    traffic = np.cumsum(np.bincount(quarter, yesterday.breaks.slots, 96)) / yesterday.breaks.slots.sum()
    size = {"seed": market.seed, "slots": market.slots, "campaigns": len(market.campaigns.bid)}
    (folder / "market.json").write_text(json.dumps({"market": size, "traffic": [0.0, *traffic.tolist()]}))
    ledger = open_ledger(home, lambda: DEMO_NOW)
    ledger.begin_day(budgets(campaigns))
    ledger.close()
    return name


def add_campaign(home: Path, policy: Policy, ledger: Ledger, rule: Any) -> str:
    """Make a policy with one campaign more the current one, and open its account; its digest.

    The models have no weights for it yet, so it begins at the rate of its listeners, and at λ 0.
    """
    new = to_campaigns([rule], "campaign")
    campaign, last = int(new.campaign_id[0]), int(policy.campaigns.campaign_id.max(initial=-1))
    if campaign <= last:
        raise BadInput(f"campaign, row 1: campaign_id {campaign}: expected more than {last}, the newest; ids ascend")
    columns: list[Any] = [np.append(old, one) for old, one in zip(policy.campaigns, new, strict=True)]
    table = np.vstack([policy.model.campaign, np.zeros_like(policy.model.campaign[:1])])
    learnt = policy.model._replace(campaign=table)
    grown = policy._replace(campaigns=Campaigns(*columns), shadow=np.append(policy.shadow, 0.0), model=learnt)
    ledger.set_budgets({campaign: int(new.budget[0])})
    return save(folder_of(home) / "policies", grown)


def folder_of(home: Path) -> Path:
    """Where everything of this system lies."""
    return home / "ad_targeting"


def read_market(home: Path) -> tuple[dict[str, int], list[float]]:
    """Seed, slots and campaigns of the published market; the share of yesterday's slots that had come by each quarter of an hour."""
    path = folder_of(home) / "market.json"
    try:
        found = json.loads(path.read_text())
        return found["market"], found["traffic"]
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no policy is published; make one with `liner ad-targeting demo`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: {error}; make it again with `liner ad-targeting demo`") from error


def open_ledger(home: Path, clock: Clock) -> Ledger:
    """The ledger, which is made if there is none."""
    return Ledger(folder_of(home) / "ledger.sqlite", clock)


def budgets(campaigns: Campaigns) -> dict[int, int]:
    """Budgets in micros by campaign."""
    return dict(zip(campaigns.campaign_id.tolist(), campaigns.budget.tolist(), strict=True))
