"""Where the models learn: impressions of explored slots, in which chance and not a model chose the ad.

A model that learns only from what a model chose never hears of the rest. So a small share of breaks plays a random ad that may play
there; what came of it is the training data, unbiased by construction.
"""

from typing import Any

import numpy as np
from numba import njit

from ad_targeting.model import CROSSED, MAINS, Codes, Floats, codes_of, cross
from ad_targeting.records import Campaigns, Log
from ad_targeting.world import request_of


def explored(log: Log, campaigns: Campaigns, rng: np.random.Generator, count: int) -> tuple[Codes, Floats]:
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
