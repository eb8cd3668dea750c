"""A small day for the tests of allocation, and slow, obvious versions of what the kernels do."""

from functools import cache

import numpy as np

from ad_targeting.simulate import make_day

SLOTS, CAMPAIGNS = 3_000, 40


@cache
def small_day(scenario="normal", caps=False):
    """About 1,100 breaks and 40 campaigns; never written to."""
    return make_day(7, SLOTS, CAMPAIGNS, scenario, caps)


def no_floor(log):
    return np.zeros(log.breaks.moment.size)


def best_of_break(log, b, shadow, floor, group, may=lambda ad, price: True):
    """[(ad, price, value)] of a break: sort everything, take the first of each group."""
    chosen, groups = [], set()
    rows = [(int(log.ad[k]), int(log.price[k])) for k in range(log.first[b], log.first[b + 1])]
    worth = sorted(
        ((price * (1 - shadow[ad]) - floor[b], ad, price) for ad, price in rows), key=lambda row: (-row[0], row[1])
    )
    for value, ad, price in worth:
        if value > 0 and group[ad] not in groups and len(chosen) < log.breaks.slots[b] and may(ad, price):
            chosen.append((ad, price, value))
            groups.add(group[ad])
    return chosen
