"""One break at a time: what a decision costs, what each part of it costs, what booking costs, and that no rule is ever broken.

The requests are a simulated day's. Every contestant decides the same breaks of two on average, with caps, budgets and separation; times are
CPU time, in this process, warm, each decision in five rounds. LightGBM's own `predict` on eight rows is the peer of the compiled walk.
"""

import time

import lightgbm
import numpy as np
import pytest

from ad_targeting import learn, model, trees
from ad_targeting.decide import TOP, Decider, Tables
from ad_targeting.desk import Desk
from ad_targeting.ledger import Ledger
from ad_targeting.policy import Policy, digest
from ad_targeting.world import make_log, make_market, request_of
from shared.clock import DEMO_NOW
from tests.ad_targeting.test_decide import broken_rule

SLOTS = {"tiny": 4_000, "small": 100_000, "full": 100_000}
CAMPAIGNS = {"tiny": 60, "small": 200, "full": 200}
DECISIONS = {"tiny": 300, "small": 5_000, "full": 30_000}
CHECKED = {"tiny": 300, "small": 50_000, "full": 1_000_000}
ROUNDS = 5
EXPLORED = {"tiny": 4_000, "small": 100_000, "full": 400_000}


class Day:
    """A market, the policy of its night, and its breaks as requests."""

    def __init__(self, size):
        market = make_market(1, SLOTS[size], CAMPAIGNS[size])
        rng = np.random.default_rng(np.random.SeedSequence(1))
        early, late = (learn.explored(make_log(market, d), market.campaigns, rng, EXPLORED[size]) for d in (-2, -1))
        self.late, self.campaigns = late, market.campaigns
        breaks = make_log(market, 0).breaks
        churn = np.array([breaks.churn.mean()])
        learnt = model.fit(early, late, market.campaigns)
        shadow = rng.random(len(market.campaigns.bid)) * 0.5
        terms, source = np.array([0.0, 1.0]), np.array([1, SLOTS[size], CAMPAIGNS[size]])
        about = churn, np.array([DEMO_NOW]), learnt, source, np.linspace(0, 1, 97)
        self.policy = Policy(market.campaigns, shadow, terms, *about)
        self.requests = [request_of(breaks, row) for row in range(breaks.moment.size)]

    def decider(self):
        return Decider(self.policy, digest(self.policy))


@pytest.fixture(scope="module")
def day(bench_size):
    return Day(bench_size)


def timed(benchmark, group, requests, make):
    """CPU microseconds float64[ROUNDS, requests] of every call, in rounds that begin anew; the first calls of each warm up."""
    times = np.zeros((ROUNDS, len(requests)))

    def run(number, call):
        for at, request in enumerate(requests):
            began = time.thread_time_ns()
            call(request)
            times[number, at] = (time.thread_time_ns() - began) / 1000

    def rounds():
        for number in range(ROUNDS):
            call = make(number)
            for request in requests[:200]:
                call(request)
            run(number, call)

    benchmark.group = group
    benchmark.pedantic(rounds, rounds=1)
    return times


def note(benchmark, times, **show):
    """p50 and p99 of decisions, each the median of its rounds (what the decision costs), and of single calls (what neighbours add)."""
    p50, p99 = np.percentile(np.median(times, axis=0), [50, 99])
    single = np.percentile(times, 99)
    benchmark.extra_info.update(p50_us=p50, p99_us=p99, p99_single_us=single, decisions=times.shape[1], rounds=ROUNDS)
    benchmark.extra_info["show"] = {
        "CPU p50": f"{p50:.0f} µs",
        "p99": f"{p99:.0f} µs",
        "p99 of single calls": f"{single:.0f} µs",
        "a second": f"{1e6 / np.median(times, axis=0).mean():,.0f}",
        **show,
    }


def without_trees(day, _):
    decider = day.decider()
    flat = trees.fit(np.zeros((200, model.MAINS)), np.arange(200) % 2.0, rounds=1)
    lists, columns, learnt = decider.tables
    decider.tables = Tables(lists, columns, learnt._replace(trees=flat))
    left = day.campaigns.budget.copy()
    return lambda request: decider.choose(request, {}, left)


def with_trees(day, _):
    decider, left = day.decider(), day.campaigns.budget.copy()
    return lambda request: decider.choose(request, {}, left)


def from_memory(day, path):
    """Caps and the audit record too; all but the disk."""
    clock = lambda: DEMO_NOW  # noqa: E731
    ledger = Ledger(path, clock)
    ledger.set_budgets(dict(zip(day.campaigns.campaign_id.tolist(), day.campaigns.budget.tolist(), strict=True)))
    desk, left, met = Desk(day.decider(), ledger), day.campaigns.budget.copy(), {}

    def decide(request):
        mine = met.setdefault(request.user, {})
        for charge in desk.decide("break-1", request, mine, left).charges:
            ad = desk._index[charge.campaign]
            mine[ad] = mine.get(ad, 0) + 1

    return decide


def lightgbm_predict(day, path):
    """The same decision, and beside it what LightGBM's Python call takes for the eight rows that the walk scored."""
    decide, (codes, clicks) = with_trees(day, path), day.late
    x = np.column_stack([codes[:20_000, : model.MAINS - 1].astype(float), np.zeros(len(codes[:20_000]))])
    booster = lightgbm.train(trees.SETTINGS | model.CAUTIOUS, lightgbm.Dataset(x, clicks[:20_000]), model.ROUNDS)
    assert isinstance(booster, lightgbm.Booster)
    return lambda request: (decide(request), booster.predict(x[:TOP], num_threads=1))


CONTESTANTS = {
    "filters, hashed model, break": without_trees,
    "+ trees on the top 8": with_trees,
    "+ caps, audit record": from_memory,
    "LightGBM's predict on the top 8": lightgbm_predict,
}


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_decide(benchmark, day, bench_size, contestant, tmp_path):
    requests = day.requests[: DECISIONS[bench_size]]
    make = CONTESTANTS[contestant]
    times = timed(benchmark, "ad-decide", requests, lambda number: make(day, tmp_path / f"{number}.sqlite"))
    eligible = []
    decider, left = day.decider(), day.campaigns.budget.copy()
    for request in requests[:300]:
        decider.choose(request, {}, left)
        eligible.append(int(decider._work.counts[0]))
    benchmark.extra_info["eligible"] = float(np.mean(eligible))
    note(benchmark, times, **{"eligible of": f"{np.mean(eligible):.0f} of {len(day.campaigns.bid)}"})


@pytest.mark.parametrize("contestant", ["1 a transaction", "16 a transaction", "256 a transaction"])
def test_book(benchmark, day, bench_size, contestant, tmp_path):
    """Decide and book durably, every commit synced to the disk."""
    together = int(contestant.split()[0])
    clock = lambda: DEMO_NOW  # noqa: E731
    ledger = Ledger(tmp_path / "ledger.sqlite", clock)
    ledger.set_budgets(dict(zip(day.campaigns.campaign_id.tolist(), day.campaigns.budget.tolist(), strict=True)))
    desk = Desk(day.decider(), ledger)
    count = min(DECISIONS[bench_size], 40 * together)
    asks = [(str(number), request) for number, request in enumerate(day.requests[:count])]
    batches = [asks[at : at + together] for at in range(0, count, together)]
    benchmark.group = "ad-book"
    began = time.perf_counter()
    benchmark.pedantic(lambda: [desk.answer(batch) for batch in batches], rounds=1)
    passed = time.perf_counter() - began
    rows = ledger.books.check()
    ledger.close()
    benchmark.extra_info.update(decisions=count, per_second=count / passed, audit_rows=rows)
    benchmark.extra_info["show"] = {
        "decisions": f"{count:,}",
        "a second": f"{count / passed:,.0f}",
        "audit rows explained": f"{rows:,}",
    }


@pytest.mark.parametrize("contestant", ["linernotes"])
def test_invariants(benchmark, day, bench_size, contestant):
    """Caps, separation, consent, age, safety, targeting, flight, budgets: every break looked at by code that the filters do not share."""
    decider, campaigns, count = day.decider(), day.campaigns, CHECKED[bench_size]
    broken, ads = [], 0

    def run():
        nonlocal ads
        for number in range(count):
            if number % len(day.requests) == 0:
                met, left = {}, campaigns.budget.copy()
            request = day.requests[number % len(day.requests)]
            mine = met.setdefault(request.user, {})
            played = decider.choose(request, mine, left)
            categories = {int(campaigns.category[ad]) for ad, _ in played}
            if not len(categories) == len(played) <= request.slots:
                broken.append((number, "separation"))
            for ad, micros in played:
                rule = broken_rule(campaigns, ad, request, mine)
                broken.extend([(number, rule)] if rule else [])
                left[ad] -= micros
                mine[ad] = mine.get(ad, 0) + 1
            broken.extend([(number, "budget")] if left.min() < 0 else [])
            ads += len(played)

    benchmark.group = "ad-invariants"
    benchmark.pedantic(run, rounds=1)
    assert broken == []
    benchmark.extra_info.update(decisions=count, ads=ads, violations=len(broken))
    benchmark.extra_info["show"] = {"decisions": f"{count:,}", "ads": f"{ads:,}", "rules broken": f"{len(broken)}"}
