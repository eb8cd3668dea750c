"""One campaign, one day of second-price auctions, one budget: how near does a bidder come to the best that hindsight could buy?

The best is a knapsack: win the auctions with the most predicted clicks per unit of money until the budget is gone. All of them share one
threshold λ (clicks per unit of money), so every good bidder bids `pctr / λ`, pays the market price, and only has to find λ. Yesterday's λ
(static) breaks when the market has moved. Ours keeps a spend curve, money an auction by log ratio `pctr / price`: the curve of the train
log is the prior, scaled to what today has shown, and today's curve counts only what was seen, because a lost auction does not tell its
price: a bin above the current λ has been watched, a bin below has not, the one that λ cuts in part. λ is solved anew a thousand times
a day, so that what is left of the budget lasts for what is left of the auctions. Observations fade, so a drifting market is followed.

Money is int64 micro-units. Every bidder knows the budget and how many auctions are to come (the traffic forecast, as in the literature on
this data: Cai et al., WSDM 2017), nothing else of the log. A bid never exceeds what is left, so nothing is ever overspent.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting.records import Floats, Int64

BLOCKS = 1_000  # prices a day
BINS_PER_OCTAVE, LOWEST_OCTAVE, OCTAVES = 16, -70, 90  # log2 of predicted clicks per micro-unit
PRIOR_AUCTIONS = 0.005  # the train log counts like so many of today's auctions (share of the day) in each bin
PRIOR_MONEY = 0.01  # … and its scale like so much spent money (share of the budget)
KEPT = 0.996  # of the observations, from block to block


class Log(NamedTuple):
    """Auctions in order: click bool[n], price int64[n] (the market's, micro-units), pctr float64[n] in [0, 1]."""

    click: NDArray[np.bool_]
    price: Int64
    pctr: Floats


class Block(NamedTuple):
    """What a bidder sees of the auctions since its last price: ratio bins and prices of those it won, and where it stands."""

    won_bins: Int64
    won_prices: Int64
    auctions: int  # in the block
    left: int  # auctions to come
    money: int  # left of the budget, micro-units


Pacer = Callable[[Block], float]  # the next λ
Policy = Callable[[Log, int, int], Pacer]  # train, budget of the day, auctions of the day → its pacer


class Result(NamedTuple):
    """Sum of pctr won, micro-units spent, clicks won."""

    value: float
    spent: int
    clicks: int


@njit(cache=True)
def bid_block(price, value, per_unit, first, last, money, won):  # type: ignore[no-untyped-def]
    """Bid `value / per_unit` on auctions first … last − 1, mark the won ones, return the money that is left."""
    for t in range(first, last):
        bid = min(value[t] / per_unit, float(money)) if value[t] > 0 else 0.0
        if price[t] <= bid:
            won[t] = True
            money -= price[t]
    return money


def run(log: Log, budget: int, pacer: Pacer, value: Floats) -> Result:
    """The day under one pacer; `value` is what bids are proportional to: float64[n], pctr or ones."""
    count, money = len(log.price), budget
    won, bins = np.zeros(count, bool), ratio_bins(log)
    edges = np.unique(np.linspace(0, count, min(BLOCKS, count) + 1).astype(np.int64))
    seen = slice(0, 0)
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        mask = won[seen]
        block = Block(bins[seen][mask], log.price[seen][mask], seen.stop - seen.start, count - first, money)
        money = int(bid_block(log.price, value, pacer(block), first, last, money, won))
        seen = slice(first, last)
    return Result(float(log.pctr[won].sum()), budget - money, int(log.click[won].sum()))


def ratios(log: Log) -> Floats:
    """Predicted clicks per micro-unit, float64[n]; infinite where the price is 0, and 0 where no click is expected."""
    with np.errstate(divide="ignore"):
        return np.divide(log.pctr, log.price, out=np.zeros(len(log.pctr)), where=log.pctr > 0)


def ratio_bins(log: Log) -> Int64:
    """The bin of each auction's log ratio, int64[n]."""
    with np.errstate(divide="ignore"):
        octave = np.log2(ratios(log)) - LOWEST_OCTAVE
    bins: Int64 = np.clip(octave * BINS_PER_OCTAVE, 0, OCTAVES * BINS_PER_OCTAVE - 1).astype(np.int64)
    return bins


def knapsack(log: Log, budget: int) -> tuple[float, float]:
    """Most predicted clicks that `budget` buys in hindsight (the last auction in part, so an upper bound), and its λ."""
    ratio = ratios(log)
    order = np.argsort(-ratio, kind="stable")
    cost = np.cumsum(log.price[order])
    count = int(np.searchsorted(cost, budget, side="right"))
    value = float(log.pctr[order[:count]].sum())
    if count == len(order):
        return value, float(ratio[order[-1]])
    last, before = order[count], int(cost[count - 1]) if count else 0
    return value + float(log.pctr[last] * (budget - before) / log.price[last]), float(ratio[last])


def positive(price: float) -> float:
    """λ as a divisor: bids stay finite."""
    return float(min(max(price, 1e-30), 1e30))


def yesterdays_price(train: Log, budget: int, auctions: int) -> float:
    """λ of the train log, its budget scaled to its length."""
    return positive(knapsack(train, round(budget * len(train.price) / auctions))[1])


def static(train: Log, budget: int, auctions: int) -> Pacer:
    """Yesterday's λ all day."""
    price = yesterdays_price(train, budget, auctions)
    return lambda _block: price


def constant_bid(train: Log, budget: int, auctions: int) -> Pacer:
    """The same bid for every auction: the one with which the train log would have spent its budget."""
    prices = np.sort(train.price)
    cost = np.cumsum(prices)
    place = np.searchsorted(cost, budget * len(prices) / auctions)
    bid = float(prices[min(int(place), len(prices) - 1)])
    return lambda _block: positive(1 / max(bid, 1.0))


def linear_bid(train: Log, budget: int, auctions: int) -> Pacer:
    """Bid ∝ pctr, its slope the one of 25 around yesterday's that brought the most clicks in the train log (Perlich et al., KDD 2012)."""
    centre, money = yesterdays_price(train, budget, auctions), round(budget * len(train.price) / auctions)
    slopes = [centre * 2.0 ** (step / 6) for step in range(-12, 13)]
    found = [run(train, money, lambda _block, slope=slope: slope, train.pctr) for slope in slopes]  # type: ignore[misc]
    best = slopes[max(range(len(slopes)), key=lambda i: (found[i].clicks, found[i].value))]
    return lambda _block: best


def dual_descent(train: Log, budget: int, auctions: int) -> Pacer:
    """Yesterday's λ, then one multiplicative step a block on the gradient of the dual (Balseiro et al., arXiv 2011.10124)."""
    price, step = yesterdays_price(train, budget, auctions), 5.0

    def pace(block: Block) -> float:
        nonlocal price
        spent_too_much = block.won_prices.sum() / max(budget, 1) - block.auctions / auctions
        price = positive(price * np.exp(step * spent_too_much))
        return price

    return pace


def pid(train: Log, budget: int, auctions: int) -> Pacer:
    """A proportional-integral loop on log λ around yesterday's, on spent share minus elapsed share."""
    start, gain, integral_gain, integral = yesterdays_price(train, budget, auctions), 20.0, 20.0, 0.0

    def pace(block: Block) -> float:
        nonlocal integral
        error = (budget - block.money) / max(budget, 1) - (1 - block.left / auctions)
        integral += error * block.auctions / auctions
        return positive(start * np.exp(gain * error + integral_gain * integral))

    return pace


def resolve(train: Log, budget: int, auctions: int) -> Pacer:
    """Ours: λ solved anew each block on the spend curve of train and today (see the module)."""
    prior = np.bincount(ratio_bins(train), train.price, OCTAVES * BINS_PER_OCTAVE) / len(train.price)
    spent, watched = np.zeros_like(prior), np.zeros_like(prior)  # money and auctions by bin
    lowest = float(len(prior))  # the bin of the current λ

    def pace(block: Block) -> float:
        nonlocal lowest, spent, watched
        above = np.clip(np.arange(len(prior)) + 1 - lowest, 0, 1)  # the bin that λ cuts was watched in part
        spent = KEPT * (spent + np.bincount(block.won_bins, block.won_prices, len(prior)))
        watched = KEPT * (watched + above * block.auctions)
        expected, trust = watched @ prior, PRIOR_MONEY * budget + 1
        scale = (spent.sum() + trust) / (expected + trust)
        weight = PRIOR_AUCTIONS * auctions
        curve = (spent + weight * scale * prior) / (watched + weight)  # micro-units an auction
        lowest = threshold(curve, block.money / block.left)
        return positive(2.0 ** (LOWEST_OCTAVE + lowest / BINS_PER_OCTAVE))

    return pace


def threshold(curve: Floats, rate: float) -> float:
    """The place on the axis of bins above which an auction costs `rate` on average; 0 when everything is cheaper than that."""
    from_top = np.cumsum(curve[::-1])
    place = int(np.searchsorted(from_top, rate))
    if place == len(curve):
        return 0.0
    inside = (from_top[place] - rate) / max(curve[::-1][place], 1e-300)  # part of the bin that is left out
    return float(len(curve) - 1 - place + min(inside, 1.0))


OURS = "resolve"
POLICIES: dict[str, Policy] = {"constant_bid": constant_bid, "static_price": static, "linear_bid": linear_bid}
POLICIES |= {"dual_descent": dual_descent, "pid": pid, OURS: resolve}


def replay(train: Log, log: Log, budget: int, policy: str) -> Result:
    """One policy on one budget (micro-units)."""
    value = np.ones(len(log.price)) if policy == "constant_bid" else log.pctr
    return run(log, budget, POLICIES[policy](train, budget, len(log.price)), value)
