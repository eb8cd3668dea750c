"""The contestants: what others publish and use, asked the same question each minute: at which λ, and who takes part?

Greedy and MSVV look at budgets alone. Throttling, PID and dual descent follow a plan: a campaign shall have spent the share of its
budget that had come of yesterday's breaks in which it may play. Gains were tuned on seeds that no report uses.
"""

from typing import Any

import numpy as np

from ad_targeting.pacing import Now, Pacer, Policy, curve, minutes
from ad_targeting.records import Floats, Log

PID_GAIN, PID_MEMORY, DESCENT_COLD, DESCENT_WARM = 4.0, 0.3, 6.0, 1.5


def contestants(yesterday: Log, shadow: Floats, group: Any, floor: Floats, seed: int) -> dict[str, Policy]:
    """Policies by name, each fresh for one day; shadow is yesterday's dual, the rest as in `pacing.Pacer`."""
    ads = shadow.size
    minute = np.repeat(minutes(yesterday.breaks.moment), np.diff(yesterday.first))
    plan = curve(minute, yesterday.ad, None, ads)
    everyone = np.ones(ads)
    return {
        "greedy": lambda _: (np.zeros(ads), everyone),
        "MSVV discount": lambda now: (np.exp(-now.left / now.budgets), everyone),
        "throttling": throttling(plan),
        "PID on the multiplier, cold": pid(plan),
        "dual descent, cold": dual_descent(plan, np.zeros(ads), DESCENT_COLD),
        "dual descent, warm": dual_descent(plan, shadow, DESCENT_WARM),
        "yesterday's prices, static": lambda _: (shadow, everyone),
        "ours": pacing(Pacer(yesterday, shadow, group, floor, seed)),
    }


def pacing(pacer: Pacer) -> Policy:
    """Its prices, at which everyone takes part."""
    everyone = np.ones(pacer.shadow.size)
    return lambda now: (pacer.prices(now), everyone)


def throttling(plan: Floats) -> Policy:
    """Agarwal, Ghosh, Wei, You, «Budget Pacing for Targeted Online Advertisements at LinkedIn» (KDD 2014): the chance to take part goes
    down by a tenth each minute while a campaign is ahead of its plan, and up by a tenth while it is behind."""
    chance = np.full(plan.shape[1], 0.1)

    def prices(now: Now) -> tuple[Floats, Floats]:
        ahead = now.budgets - now.left > now.budgets * plan[now.minute]
        chance[:] = np.clip(chance * np.where(ahead, 0.9, 1.1), 0.001, 1)
        return np.zeros(chance.size), chance

    return prices


def pid(plan: Floats) -> Policy:
    """A controller of the share of its price that a campaign bids, from its distance to the plan (Zhang and others, WSDM 2016)."""
    total = np.zeros(plan.shape[1])

    def prices(now: Now) -> tuple[Floats, Floats]:
        ahead = 1 - now.left / now.budgets - plan[now.minute]  # share of the budget
        total[:] = np.clip(total + PID_MEMORY * ahead, 0, 3)
        return 1 - np.exp(-np.clip(PID_GAIN * ahead + total, 0, 4)), np.ones(total.size)

    return prices


def dual_descent(plan: Floats, start: Floats, eta: float) -> Policy:
    """Balseiro, Lu, Mirrokni, «The Best of Many Worlds» (2020): after each minute λ moves against what was spent less what was due."""
    shadow, before = start.copy(), [np.zeros(start.size)]

    def prices(now: Now) -> tuple[Floats, Floats]:
        spent = 1 - now.left / now.budgets  # share of the budget
        due = plan[now.minute] - plan[max(now.minute - 1, 0)]
        shadow[:] = np.clip(shadow + eta * (spent - before[0] - due), 0, 1)
        before[0] = spent
        return shadow, np.ones(shadow.size)

    return prices
