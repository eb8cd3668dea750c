"""From the world to a day's log: each break with the campaigns that may play in it and what each would pay.

The price is bid × probability of a response in whole micros, with the world's true probability: what a perfect model would predict.
So the comparison of policies measures allocation alone; how good real predictions are is measured apart (`ctr`). Without consent
the listener's taste does not count.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ad_targeting.records import Breaks, Campaigns, Log, Request
from ad_targeting.rule import SERVED, fits
from shared.clock import DAY_MS
from shared.world import ads, ads_churn

HOUR_MS = DAY_MS // 24
USERS_PER_SLOT = 0.25
"""Users of the world for each slot of the day, free and premium: about ten slots a free listener."""


class Market(NamedTuple):
    """One world's free tier: who listens, who advertises, and the hidden truths."""

    seed: int
    slots: int
    listeners: ads.Listeners
    stakes: ads_churn.Stakes
    campaigns: Campaigns
    responses: ads.Responses


def make_market(seed: int, slots: int, count: int) -> Market:
    """A market of `count` campaigns whose budgets fit a day of about `slots` slots."""
    listeners = ads.make_listeners(seed, int(slots * USERS_PER_SLOT))
    campaigns = Campaigns(**ads.make_campaigns(seed, count, slots))
    stakes = ads_churn.make_stakes(seed, listeners.engagement)
    return Market(seed, slots, listeners, stakes, campaigns, ads.make_responses(seed, count))


def make_log(market: Market, day: int, shock: str = "") -> Log:
    """The log of a day: 0 is the demos' Monday, -1 the day before."""
    drawn = ads.make_breaks(market.listeners, market.seed, day, market.slots, shock)
    people, user = market.listeners, drawn.user
    hazard = ads_churn.marginal_hazard(people.engagement[user], market.stakes.sensitivity[user])
    churn = market.stakes.lifetime_value[user] * hazard
    breaks = Breaks(
        drawn.moment, user, people.country[user], people.age[user], drawn.context, drawn.hour, drawn.rating,
        people.consent[user], drawn.slots, churn,
    )  # fmt: skip
    mood = drawn.mood * breaks.consent[:, None]
    return Log(breaks, *_candidates(breaks, market.campaigns, mood, *market.responses))


def usual_breaks(market: Market) -> Any:
    """Breaks a day of each listener float64[listeners], counted over the two weeks before yesterday. A tenth of the mean is believed beside
    it: whoever was not heard in two weeks may be tomorrow."""
    users = [ads.make_breaks(market.listeners, market.seed, day, market.slots).user for day in range(-15, -1)]
    heard = np.bincount(np.concatenate(users), minlength=market.listeners.age.size) / len(users)
    return heard + 0.1 * heard.mean()


@njit(cache=True, nogil=True)
def _candidates(breaks: Any, campaigns: Any, mood: Any, base: Any, appeal: Any, setting: Any) -> Any:
    """(first, ad, price) of Log, the dearest first."""
    count, ads_count = breaks.moment.size, campaigns.budget.size
    first = np.zeros(count + 1, np.int64)
    for b in range(count):
        request = request_of(breaks, b)
        for i in range(ads_count):
            first[b + 1] += fits(campaigns, i, request) == SERVED
        first[b + 1] += first[b]
    ad, price = np.empty(first[count], np.int16), np.empty(first[count], np.int32)
    for b in range(count):
        request, at = request_of(breaks, b), first[b]
        for i in range(ads_count):
            if fits(campaigns, i, request) == SERVED:
                logit = base[i] + setting[request.context, i]
                for f in range(appeal.shape[1]):
                    logit += mood[b, f] * appeal[i, f]
                paid = np.int32(max(campaigns.bid[i] / (1.0 + np.exp(-np.float64(logit))) + 0.5, 1.0))
                place = at
                while place > first[b] and price[place - 1] < paid:
                    ad[place], price[place] = ad[place - 1], price[place - 1]
                    place -= 1
                ad[place], price[place] = i, paid
                at += 1
    return first, ad, price


@njit(cache=True, nogil=True)
def request_of(breaks: Any, b: int) -> Any:
    """The Request of a row of Breaks; the day is that of the nearest zone which has this hour now."""
    moment, hour = int(breaks.moment[b]), int(breaks.hour[b])
    ahead = (hour - moment // HOUR_MS + 12) % 24 - 12
    return Request(
        (moment + ahead * HOUR_MS) // DAY_MS, moment, int(breaks.user[b]), int(breaks.country[b]), int(breaks.age[b]),
        int(breaks.context[b]), hour, int(breaks.rating[b]), int(breaks.consent[b]), int(breaks.slots[b]),
    )  # fmt: skip
