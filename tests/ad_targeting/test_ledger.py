"""The ledger: every balance is the sum of its audit rows, nothing is overspent, and what is repeated, late or unknown moves nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ad_targeting.books import Balance
from ad_targeting.ledger import MAX_MICROS, RESERVATION_MS, Booking, Charge, Ledger, Outcome, Report
from shared.errors import BadInput, CheckFailed, LinerError, NotFound
from shared.sqlite import explained

USER, DAY = 5, 20_000


class Clock:
    now = 1_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    opened = Ledger(tmp_path / "ledger.sqlite", clock)
    yield opened
    opened.books.check()
    opened.close()


def booking(decision, *charges, user=USER, record=b"{}"):
    return Booking(decision, user, DAY, 5, record, tuple(Charge(campaign, micros, 3) for campaign, micros in charges))


def settle(ledger, decision, slot, played):
    (outcome,) = ledger.settle([Report(decision, slot, played)])
    return outcome


def only(ledger):
    (balance,) = ledger.books.balances()
    return balance


def test_money_moves_from_free_to_reserved_to_spent(ledger):
    ledger.set_budgets({1: 1000})
    assert ledger.book([booking("a", (1, 100)), booking("b", (1, 50))]) == [Outcome.BOOKED] * 2
    assert only(ledger) == Balance(1, 1000, 150, 0)
    assert settle(ledger, "a", 0, True) is Outcome.SPENT
    assert settle(ledger, "b", 0, False) is Outcome.RELEASED
    assert only(ledger) == Balance(1, 1000, 0, 100)
    assert only(ledger).free == 900


def test_a_report_that_comes_twice_moves_nothing(ledger):
    ledger.set_budgets({1: 1000})
    ledger.book([booking("a", (1, 100))])
    reports = [settle(ledger, "a", 0, True) for _ in range(3)]
    assert reports == [Outcome.SPENT, Outcome.REPEATED, Outcome.REPEATED]
    assert settle(ledger, "a", 0, False) is Outcome.TAKEN
    assert only(ledger).spent == 100


def test_a_late_report_is_not_charged(ledger, clock):
    ledger.set_budgets({1: 1000})
    ledger.book([booking("a", (1, 100)), booking("b", (1, 100))])
    clock.now += RESERVATION_MS
    assert settle(ledger, "a", 0, True) is Outcome.LATE  # before a sweep
    assert ledger.sweep() == 1
    assert settle(ledger, "b", 0, True) is Outcome.LATE  # and after one
    assert only(ledger) == Balance(1, 1000, 0, 0)
    assert ledger.books.exposures(USER, DAY) == {1: 2}  # it may have been heard, so it counts for the cap


@pytest.mark.parametrize("swept", [False, True])
def test_a_late_skip_counts_for_the_cap_whether_it_was_swept_or_not(ledger, clock, swept):
    ledger.set_budgets({1: 1000})
    ledger.book([booking("a", (1, 100))])
    clock.now += RESERVATION_MS
    if swept:
        ledger.sweep()
    settle(ledger, "a", 0, False)
    assert only(ledger) == Balance(1, 1000, 0, 0)
    assert ledger.books.exposures(USER, DAY) == {1: 1}


def test_a_day_begins_anew_with_full_budgets(ledger):
    ledger.set_budgets({1: 1000, 2: 5})
    ledger.book([booking("a", (1, 100))])
    ledger.begin_day({1: 300})
    assert only(ledger) == Balance(1, 300, 0, 0)
    assert ledger.books.known("a") is None
    assert ledger.book([booking("a", (1, 100))]) == [Outcome.BOOKED]


def test_a_report_of_what_was_never_decided_is_unknown(ledger):
    assert settle(ledger, "nobody", 0, True) is Outcome.UNKNOWN
    with pytest.raises(NotFound, match="never booked"):
        ledger.books.record("nobody")


def test_a_decision_that_is_booked_twice_pays_once(ledger):
    ledger.set_budgets({1: 1000})
    first = booking("a", (1, 100))
    assert ledger.book([first, first]) == [Outcome.BOOKED, Outcome.REPEATED]
    assert ledger.book([first._replace(record=b"other")]) == [Outcome.TAKEN]
    assert only(ledger).reserved == 100
    assert ledger.books.record("a") == b"{}"


def test_a_refused_booking_does_not_use_up_its_key(ledger):
    ledger.set_budgets({1: 50})
    assert ledger.book([booking("a", (1, 100))]) == [Outcome.UNFUNDED]
    ledger.set_budgets({1: 500})
    assert ledger.book([booking("a", (1, 100))]) == [Outcome.BOOKED]


def test_a_break_is_booked_wholly_or_not_at_all(ledger):
    ledger.set_budgets({1: 1000})
    ledger.set_budgets({2: 10})
    assert ledger.book([booking("a", (1, 100), (2, 100))]) == [Outcome.UNFUNDED]
    assert [balance.reserved for balance in ledger.books.balances()] == [0, 0]


def test_a_clock_that_steps_back_ends_nothing_twice(ledger, clock):
    ledger.set_budgets({1: 1000})
    ledger.book([booking("a", (1, 100))])
    clock.now += RESERVATION_MS
    ledger.sweep()
    clock.now -= 2 * RESERVATION_MS
    assert settle(ledger, "a", 0, True) is Outcome.LATE
    assert ledger.sweep() == 0


def test_prices_are_kept_by_name(ledger):
    ledger.keep_prices("x", b"12345678")
    ledger.keep_prices("x", b"12345678")
    ledger.begin_day({1: 300})  # a desk decides on at them
    assert ledger.books.prices("x") == b"12345678"
    with pytest.raises(NotFound, match="never kept"):
        ledger.books.prices("y")


def test_a_budget_cut_below_what_is_spent_stops_the_campaign_at_once(ledger):
    ledger.set_budgets({1: 1000})
    ledger.book([booking("a", (1, 100)), booking("b", (1, 100))])
    settle(ledger, "a", 0, True)
    assert ledger.set_budgets({1: 50}) == {1: 200}
    assert only(ledger) == Balance(1, 200, 100, 100)
    assert ledger.book([booking("c", (1, 1))]) == [Outcome.UNFUNDED]
    assert settle(ledger, "b", 0, True) is Outcome.SPENT  # the break was under way: what was promised is kept


def test_caps_hold_between_workers_and_count_what_was_played(ledger):
    ledger.set_budgets({1: 1000})
    other = Ledger(ledger.path, lambda: 0)
    for decision, either in zip("xyz", (ledger, other, ledger), strict=True):
        assert either.book([booking(decision, (1, 10))]) == [Outcome.BOOKED]
    assert other.book([booking("more", (1, 10))]) == [Outcome.CAPPED]
    other.close()
    assert ledger.books.exposures(USER, DAY) == {1: 3}
    settle(ledger, "x", 0, False)
    assert ledger.books.exposures(USER, DAY) == {1: 2}
    assert ledger.book([booking("more", (1, 10))]) == [Outcome.BOOKED]


@pytest.mark.parametrize("micros", [-1, MAX_MICROS + 1, 1.5, float("nan"), True, "7", None])
def test_a_budget_is_whole_micros(ledger, micros):
    with pytest.raises(BadInput, match="expected whole micros"):
        ledger.set_budgets({1: micros})
    assert ledger.books.balances() == []


def test_the_highest_budget_can_be_spent_to_the_micro(ledger):
    ledger.set_budgets({1: MAX_MICROS})
    assert ledger.book([booking("a", (1, MAX_MICROS))]) == [Outcome.BOOKED]
    assert settle(ledger, "a", 0, True) is Outcome.SPENT
    assert only(ledger).spent == MAX_MICROS


def test_the_schema_itself_refuses_an_overspend(ledger):
    ledger.set_budgets({1: 10})
    with pytest.raises(LinerError, match="CHECK constraint"), explained(ledger.path, "restore it"):
        ledger._connection.execute("update accounts set spent = 11")


def test_a_balance_that_its_audit_does_not_explain_is_found(tmp_path, clock):
    ledger = Ledger(tmp_path / "ledger.sqlite", clock)
    ledger.set_budgets({1: 10})
    ledger._connection.execute("update accounts set spent = 1")
    with pytest.raises(CheckFailed, match=r"disagree: .*\(1, 10, 0, 1\)"):
        ledger.books.check()
    ledger.close()


def test_a_file_that_is_no_ledger_is_named(tmp_path, clock):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, and long enough to look at" * 10)
    with pytest.raises(BadInput, match=r"ledger\.sqlite.*not a database"):
        Ledger(tmp_path / "ledger.sqlite", clock)


class AnyOrder(RuleBasedStateMachine):
    """Whatever is asked in whatever order: the balances are the sums of the audit, and no budget is exceeded."""

    @initialize()
    def begin(self):
        self.folder, self.clock, self.spent, self.booked = TemporaryDirectory(), Clock(), 0, []
        self.ledger = Ledger(Path(self.folder.name) / "l.sqlite", self.clock)
        self.ledger._connection.execute("pragma synchronous = off")
        for campaign in (1, 2):
            self.ledger.set_budgets({campaign: 1000})

    @rule(campaign=st.sampled_from([1, 2]), micros=st.integers(0, 2000))
    def edit(self, campaign, micros):
        assert self.ledger.set_budgets({campaign: micros})[campaign] >= micros

    @rule(one=st.integers(1, 300), two=st.integers(1, 300), user=st.integers(1, 3))
    def book(self, one, two, user):
        decision = str(len(self.booked))
        self.booked += [(decision, one, two)]
        self.ledger.book([booking(decision, (1, one), (2, two), user=user)])

    @rule(at=st.integers(0, 50), slot=st.integers(0, 2), played=st.booleans())
    def settle(self, at, slot, played):
        decision, *prices = self.booked[at % len(self.booked)] if self.booked else ("none", 0, 0)
        if settle(self.ledger, decision, slot, played) is Outcome.SPENT:
            self.spent += prices[slot]

    @rule(passed=st.sampled_from([1, RESERVATION_MS // 2, RESERVATION_MS]))
    def wait(self, passed):
        self.clock.now += passed
        self.ledger.sweep()

    @invariant()
    def balanced(self):
        self.ledger.books.check()
        assert sum(balance.spent for balance in self.ledger.books.balances()) == self.spent
        assert all(count <= 3 for user in (1, 2, 3) for count in self.ledger.books.exposures(user, DAY).values())

    def teardown(self):
        self.ledger.close()
        self.folder.cleanup()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
