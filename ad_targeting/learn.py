"""Where the models learn: impressions of explored slots, in which chance and not a model chose the ad.

A model that learns only from what a model chose never hears of the rest. So a small share of breaks plays a random ad that may play
there; what came of it is the training data, unbiased by construction.
"""

from typing import Any

import numpy as np
from numba import njit

from ad_targeting.model import CROSSED, MAINS, Model, cheap, codes_of, cross
from ad_targeting.records import Campaigns, Floats, Int64, Log
from ad_targeting.world import request_of


def explored(log: Log, campaigns: Campaigns, rng: np.random.Generator, count: int) -> tuple[Int64, Floats]:
    """Codes int64[n, 12] and responses float64[n] of up to `count` random breaks, each with a random ad that may play in it.

    A log's prices are bid × the true probability; the coin falls by that, so only the outcome reaches a model.
    """
    ends = np.diff(log.first)
    breaks = rng.choice(np.flatnonzero(ends), count)
    breaks.sort()
    at = log.first[breaks] + (rng.random(count) * ends[breaks]).astype(np.int64)
    ads = log.ad[at].astype(np.int64)
    responded = rng.random(count) * campaigns.bid[ads] < log.price[at]
    return _codes(log.breaks, campaigns, breaks, ads), responded.astype(np.float64)


@njit(cache=True, nogil=True)
def _codes(breaks: Any, campaigns: Any, rows: Any, ads: Any) -> Any:
    codes = np.empty((len(rows), MAINS + CROSSED), np.int64)
    for k in range(len(rows)):
        codes_of(request_of(breaks, rows[k]), codes[k])
        cross(codes[k], campaigns.campaign_id[ads[k]], campaigns.category[ads[k]])
    return codes


def repriced(log: Log, campaigns: Campaigns, model: Model) -> Log:
    """The log at the cheap model's prices, the dearest first again: λ must be solved at the prices at which decisions will be made."""
    price = _prices(log, campaigns.bid, model)
    sizes = np.diff(log.first)
    order = np.lexsort((log.ad, -price, np.repeat(np.arange(sizes.size), sizes)))
    return log._replace(ad=log.ad[order], price=price[order])


@njit(cache=True, nogil=True)
def _prices(log: Any, bid: Any, model: Any) -> Any:
    price, codes = np.empty(len(log.ad), np.int32), np.empty(MAINS, np.int64)
    probability = np.empty(len(bid))
    for b in range(len(log.first) - 1):
        low, high = log.first[b], log.first[b + 1]
        codes_of(request_of(log.breaks, b), codes)
        cheap(model, log.ad[low:high], high - low, codes, probability)
        for k in range(low, high):
            price[k] = max(int(bid[log.ad[k]] * probability[log.ad[k]] + 0.5), 1)
    return price
