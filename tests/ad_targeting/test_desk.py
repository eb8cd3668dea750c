"""A desk whose memory is stale: others spent the budget, filled the cap, edited, died; it looks again, and at worst stays silent."""

import numpy as np
import pytest

from ad_targeting.decide import Decider, read_record
from ad_targeting.desk import FRESH_MS, Ask, Desk
from ad_targeting.ledger import RESERVATION_MS, Ledger, Report
from tests.ad_targeting.by_hand import request

DAY = 20_780


class Clock:
    now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def desks(policy, tmp_path, clock):
    """Two workers over one ledger."""
    free = policy._replace(terms=np.array([0.0, 0.0]), shadow=np.zeros_like(policy.shadow))
    ledgers = [Ledger(tmp_path / "ledger.sqlite", clock) for _ in range(2)]
    ledgers[0].set_budgets(dict.fromkeys(free.campaigns.campaign_id.tolist(), 100_000))
    yield [Desk(Decider(free, "0" * 16), ledger, clock) for ledger in ledgers]
    ledgers[0].books.check()
    for ledger in ledgers:
        ledger.close()


def ask(decision, user=7, slots=1):
    return Ask(str(decision), request(user=user, slots=slots), DAY, slots * 30_000)


def played(desk, *asks):
    return [[ad.campaign for ad in read_record(line).played] for line in desk.answer(asks)]


def test_what_another_worker_spent_is_seen_when_it_matters(desks):
    one, two = desks
    ((best,),) = played(one, ask("a"))
    one.ledger.set_budgets({best: 0})
    assert two._left[two._index[best]] > 0  # stale
    ((instead,),) = played(two, ask("b", user=8))
    assert instead != best


def test_a_cap_that_another_worker_filled_holds(desks):
    one, two = desks
    met = [campaign for n in range(8) for (campaign,) in played((one, two)[n % 2], ask(n))]
    caps = dict(zip(one._ids, one._caps, strict=True))
    assert all(met.count(campaign) <= caps[campaign] for campaign in met)


def test_when_the_money_is_gone_the_break_is_silent_and_booked(desks, clock):
    one, two = desks
    one.ledger.set_budgets(dict.fromkeys(one._ids, 0))
    assert played(two, ask("x", slots=4)) == [[]]
    assert read_record(two.ledger.books.record("x")).played == []
    line = two.ledger.books.record("x")
    assert two.decider.replay(line) == line


def test_what_nobody_reports_comes_back(desks, clock):
    one, _ = desks
    one.answer([ask("a", slots=4)])
    reserved = sum(balance.reserved for balance in one.ledger.books.balances())
    assert reserved > 0
    clock.now += RESERVATION_MS
    one.answer([ask("b", user=8)])
    assert one.ledger.books.slots("a") == dict.fromkeys(range(len(one.ledger.books.slots("a"))), "released")
    assert one.ledger.books.exposures(7, DAY) == dict.fromkeys(one.ledger.books.exposures(7, DAY), 0)


def test_an_edit_is_seen_within_a_second(desks, clock):
    one, two = desks
    ((best,),) = played(one, ask("a"))
    one.ledger.set_budgets({best: 0})
    clock.now += FRESH_MS
    two.answer([ask("b", user=9)])
    assert two._left[two._index[best]] == 0


def test_the_same_id_gets_the_same_answer_from_any_worker(desks):
    one, two = desks
    first = one.answer([ask("a", slots=2)])
    assert two.answer([ask("a", slots=3), ask("b")])[0] == first[0]
    assert len(one.answer([ask("c"), ask("c")])) == 2


def test_a_skipped_ad_may_be_met_again(desks):
    one, _ = desks
    first = played(one, ask("a"))
    one.settle([Report("a", 0, False)])
    assert played(one, ask("b")) == first
