"""Desks over one ledger: what one spent, showed or edited is what the next decides by; at worst a break stays silent."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from ad_targeting.decide import Decider, read_record
from ad_targeting.desk import Desk
from ad_targeting.ledger import RESERVATION_MS, Ledger, Report
from ad_targeting.records import Request
from shared.errors import Busy, Conflict
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
    yield [Desk(Decider(free, "0" * 16), ledger) for ledger in ledgers]
    ledgers[0].books.check()
    for ledger in ledgers:
        ledger.close()


def ask(decision, user=7, slots=1):
    return str(decision), request(user=user, slots=slots, day=DAY)


def played(desk, *asks):
    return [[campaign for campaign, _ in read_record(line).played] for line in desk.answer(asks)]


def test_an_edited_budget_counts_for_the_next_decision_of_any_worker(desks):
    one, two = desks
    ((best,),) = played(one, ask("a"))
    one.ledger.set_budgets({best: 0})
    ((instead,),) = played(two, ask("b", user=8))
    assert instead != best


def test_a_cap_holds_between_workers_and_within_a_batch(desks):
    one, two = desks
    met = [campaign for n in range(8) for (campaign,) in played((one, two)[n % 2], ask(n))]
    met += [campaign for row in played(one, *(ask(100 + n, slots=4) for n in range(20))) for campaign in row]
    caps = dict(zip(one._ids, one._caps, strict=True))
    assert all(met.count(campaign) <= caps[campaign] for campaign in met)


def test_when_the_money_is_gone_the_break_is_silent_and_booked(desks):
    one, two = desks
    one.ledger.set_budgets(dict.fromkeys(one._ids, 0))
    assert played(two, ask("x", slots=4)) == [[]]
    line = two.ledger.books.record("x")
    assert read_record(line).played == []
    assert two.decider.replay(line) == line


def test_a_batch_spends_no_budget_twice(desks):
    one, _ = desks
    one.ledger.set_budgets(dict.fromkeys(one._ids, 9_000))
    one.answer([ask(n, user=n, slots=4) for n in range(60)])
    assert all(balance.free >= 0 for balance in one.ledger.books.balances())


def test_what_nobody_reports_comes_back(desks, clock):
    one, _ = desks
    one.answer([ask("a", slots=4)])
    assert sum(balance.reserved for balance in one.ledger.books.balances()) > 0
    clock.now += RESERVATION_MS
    one.answer([ask("b", user=8)])
    states = one.ledger.books.slots("a")
    assert states == dict.fromkeys(range(len(states)), "released")
    assert set(one.ledger.books.exposures(7, DAY).values()) == {1}  # who knows whether it was heard


def test_the_same_id_gets_the_same_answer_from_any_worker(desks):
    one, two = desks
    first = one.answer([ask("a", slots=2)])
    assert two.answer([ask("a", slots=3), ask("b")])[0] == first[0]
    assert len(one.answer([ask("c"), ask("c")])) == 2
    with pytest.raises(Conflict, match="another listener"):
        two.answer([ask("a", user=8)])


def test_a_refused_batch_books_nothing(desks):
    one, _ = desks
    one.answer([ask("a")])
    before = one.ledger.books.balances()
    with pytest.raises(Conflict):
        one.answer([ask("b"), ask("a", user=8)])
    assert one.ledger.books.balances() == before
    assert one.ledger.books.known("b") is None


def test_a_skipped_ad_may_be_met_again(desks):
    one, _ = desks
    first = played(one, ask("a"))
    one.ledger.settle([Report("a", 0, False)])
    assert played(one, ask("b")) == first


def test_who_is_deleted_is_named_nowhere_and_their_decisions_replay(desks):
    one, two = desks
    kept = one.answer([ask("other", user=8)])
    gone = [*one.answer([ask("a", slots=3)]), *two.answer([ask("b", slots=2)])]
    before = one.ledger.books.balances()
    assert two.forget(7) == 2
    assert one.ledger.books.balances() == before
    assert one.ledger.inside.exposures(7, DAY) == {}
    for decision, line in zip("ab", gone, strict=True):
        nameless = one.ledger.books.record(decision)
        assert one.decider.replay(nameless) == nameless != line
        assert read_record(nameless).played == read_record(line).played
    assert [Request(*read_record(line).request).user for line in one.ledger.books.newest(3)] == [-1, -1, 8]
    assert one.ledger.books.record("other") == kept[0]
    # on its way when they went: what the player reports is settled, a retry is not answered with what was nobody's
    assert one.ledger.settle([Report("a", 0, played=True), Report("a", 1, played=False)]) == ["spent", "released"]
    with pytest.raises(Conflict, match="another listener's"):
        one.answer([ask("b", slots=2)])
    assert one.forget(7) == 0


def test_who_cannot_have_the_ledger_in_time_is_told_and_nothing_is_begun(desks):
    one, two = desks
    held, done = Event(), Event()

    def hold():
        with one.ledger.transaction():
            held.set()
            done.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        held.wait()
        for desk in desks:  # over the same connection, and over one of its own
            with pytest.raises(Busy):
                desk.answer([ask("a")], 0.01)
        done.set()
    assert played(two, ask("a"))[0]
