"""The one rule, as helpers that the batch kernels and the single request both inline. (Who may play at all, `fits`, the single request
asks of inverted lists, `filters.py`; tests hold the two together.)

An ad is worth price·(1−λ): what it pays less what its budget would fetch elsewhere. It plays when that exceeds
reserve + κ·LTV·hazard: what the slot is kept for, and what the listener's leaving would cost. A break takes the best ad of each
category, best first, until its slots are full: slots of a break are worth the same, so this is the exact optimum under separation.
"""

from typing import Any

from numba import njit

from ad_targeting.records import ADULT, ALL_AGES, ALL_COUNTRIES, SENSITIVE, Reason

INLINED: dict[str, Any] = {"cache": True, "nogil": True, "forceinline": True, "_nrt": False}
"""Inlined, and without counting references to arrays, which costs more than helpers this small; they may not allocate."""

SERVED, FLIGHT, COUNTRY, CONTEXT, HOUR, AGE, CONSENT, MINOR, SAFETY = map(int, tuple(Reason)[: Reason.SAFETY + 1])
EVERY_AGE, EVERY_COUNTRY = int(ALL_AGES), int(ALL_COUNTRIES)


@njit(**INLINED)
def in_mask(mask: Any, value: Any) -> Any:
    """Whether bit `value` ≥ 0 of a mask is set."""
    return (int(mask) >> int(value)) & 1


@njit(**INLINED)
def fits(campaigns: Any, ad: Any, request: Any) -> int:
    """The Reason why a campaign may not play to a request, from what does not change with the day's spending; SERVED when it may."""
    reason = SERVED
    countries, ages = int(campaigns.countries[ad]), int(campaigns.ages[ad])
    minor = request.age < ADULT
    if request.moment < campaigns.starts[ad] or request.moment >= campaigns.ends[ad]:
        reason = FLIGHT
    elif countries != EVERY_COUNTRY and (request.country < 0 or not in_mask(countries, request.country)):
        reason = COUNTRY
    elif not in_mask(campaigns.contexts[ad], request.context):
        reason = CONTEXT
    elif not in_mask(campaigns.hours[ad], request.hour):
        reason = HOUR
    elif ages != EVERY_AGE and not request.consent:
        reason = CONSENT
    elif minor and (campaigns.category[ad] >= SENSITIVE or ages != EVERY_AGE):
        reason = MINOR
    elif ages != EVERY_AGE and not in_mask(ages, request.age):
        reason = AGE
    elif request.rating > campaigns.rating[ad]:
        reason = SAFETY
    return reason


@njit(**INLINED)
def net_value(price: Any, shadow: Any, floor: Any) -> Any:
    """Micros that playing brings beyond what it costs: price·(1−λ) − (reserve + κ·churn price); plays when > 0."""
    return price * (1.0 - shadow) - floor


@njit(**INLINED)
def offer(ads: Any, values: Any, taken: Any, slots: Any, ad: Any, value: Any, group: Any) -> Any:
    """Offer an ad to a break: ads int64[slots] and values float64[slots] hold the best `taken` so far, one a group, best first.

    Returns the new `taken`. Whatever the order of offers the outcome is the optimum: a group's best among the `slots` best groups.
    Equal values: the lower index first.
    """
    place = taken  # where the ad would stand
    for k in range(taken):
        if value > values[k] or (value == values[k] and ad < ads[k]):
            place = k
            break
    last = min(taken, slots - 1)  # the entry that goes, or the one that is new
    for k in range(taken):
        if group[ads[k]] == group[ad]:
            last = k
    if place > last:
        return taken
    for k in range(last, place, -1):
        ads[k] = ads[k - 1]
        values[k] = values[k - 1]
    ads[place] = ad
    values[place] = value
    return max(taken, last + 1)
