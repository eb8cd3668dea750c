"""Hard filters, before any score: which campaigns may play at all. Nothing that fails one can win by paying more.

`rule.fits` says it for one campaign and gives the reason. Asking it of every campaign at every break grows with the number of
campaigns, so here the question is turned round: for each value of each field a list of the campaigns that accept it, as bits. A
request picks one list a field and ANDs them, 64 campaigns at a time; the listener's frequency caps are one more list. The
tests hold the two to the same answer.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting.records import ADULT, ALL_AGES, ALL_COUNTRIES, RATINGS, SENSITIVE, Campaigns, Reason, Request
from ad_targeting.rule import fits
from shared.world.ads import CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

Bits = NDArray[np.uint64]
"""A set of campaigns: bit c % 64 of word c // 64 is campaign c."""
ONE = np.uint64(1)


SIZES = (len(CODES) + 1, len(AGE_BANDS) + 1, len(CONTEXTS), 24, len(RATINGS))
COUNTRY, AGE, CONTEXT, HOUR, RATING, NO_PROFILE = (sum(SIZES[:field]) for field in range(len(SIZES) + 1))
"""Where a field's lists begin; country and age begin with the one for unknown, so their value v is 1 + v further."""


def build(campaigns: Campaigns) -> Bits:
    """The inverted lists uint64[sum of SIZES + 1, words] of all campaigns; the last is of those that may play without consent."""
    every_age = campaigns.ages == ALL_AGES
    harmless = every_age & (campaigns.category < SENSITIVE)  # for whom is under 18, or may be
    everywhere = campaigns.countries == ALL_COUNTRIES
    rows = [everywhere, *(_has(campaigns.countries, at) for at in range(len(CODES))), harmless]
    rows += [_has(campaigns.ages, at) if at >= ADULT else harmless for at in range(len(AGE_BANDS))]
    rows += [_has(campaigns.contexts, at) for at in range(len(CONTEXTS))]
    rows += [_has(campaigns.hours, at) for at in range(24)]
    return np.stack([bits(row) for row in (*rows, *(campaigns.rating >= at for at in range(len(RATINGS))), every_age)])


def bits(flags: NDArray[np.bool_]) -> Bits:
    """The set of campaigns whose flag is set, bool[campaigns] → uint64[words]."""
    padded = np.zeros(-(-len(flags) // 64) * 64, np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view("<u8")


def _has(masks: Any, at: int) -> Any:
    return (masks >> np.uint64(at)) & ONE != 0


@njit(cache=True, nogil=True)
def eligible(lists: Any, starts: Any, ends: Any, request: Any, barred: Any, out: Any) -> int:
    """Campaigns that may play to a request, ascending, into out int64[≥ campaigns]; returns how many.

    barred uint64[words]: campaigns that this user has had often enough.
    """
    found, moment = 0, request.moment
    country, age = lists[COUNTRY + 1 + request.country], lists[AGE + 1 + request.age]
    context, no_profile = lists[CONTEXT + request.context], lists[NO_PROFILE]
    hour, rating = lists[HOUR + request.hour], lists[RATING + request.rating]
    for word in range(len(barred)):
        left = country[word] & age[word] & context[word] & hour[word] & rating[word] & ~barred[word]
        if not request.consent:
            left &= no_profile[word]
        ad = word * 64
        while left:
            if left & ONE and starts[ad] <= moment < ends[ad]:
                out[found] = ad
                found += 1
            left >>= ONE
            ad += 1
    return found


@njit(cache=True, nogil=True)
def bar(ads: Any, counts: Any, cap: Any, barred: Any) -> None:
    """barred uint64[words] becomes the campaigns whose cap the user has reached; ads, counts int64[met]: what the user had today."""
    barred[:] = 0
    for k in range(len(ads)):
        if counts[k] >= cap[ads[k]]:
            barred[ads[k] // 64] |= ONE << np.uint64(ads[k] % 64)


def reason(campaigns: Campaigns, ad: int, request: Request, met: int) -> Reason:
    """Why a campaign is filtered, or SERVED when nothing bars it; met: impressions of it to this user today."""
    why = tuple(Reason)[fits(campaigns, ad, request)]
    return Reason.CAP if why is Reason.SERVED and met >= campaigns.cap[ad] else why
