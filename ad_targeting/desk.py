"""A worker at its desk: it decides from memory, books before it answers, and knows at every moment who can still pay.

In memory lie the slices of budgets that it leased, and what listeners met today. Deciding touches nothing else, so it takes
microseconds. Booking makes decisions durable in one transaction: whoever finds the ledger busy is booked by the next one in (group
commit). If another worker was faster (a cap, a budget cut), memory is read again and the decision made once more; then the break is silent.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_targeting.decide import Chosen, Decider, Floats
from ad_targeting.ledger import LEASE_MS, Booking, Charge, Ledger, Outcome, Report, Slice
from ad_targeting.records import Request
from shared.clock import Clock

SLICE = 20
"""A lease takes this part of a budget, or one bid if that is more; at a quarter of it more is asked for."""
RETRY_MS = 1_000
"""Pause before a budget that had no more to lease is asked again: others may have returned theirs."""
REMEMBERED = 100_000
"""Days of listeners that are kept in memory."""

FINAL = (Outcome.BOOKED, Outcome.REPEATED, Outcome.TAKEN)


class Ask(NamedTuple):
    """A request with what lies beside it: the decision's id, the listener's local day, the break's length in ms."""

    decision: str
    request: Request
    day: int
    room: int


@dataclass
class Ticket:
    """A decision on its way into the ledger."""

    booking: Booking
    played: Chosen
    outcome: Outcome | None = None


class Desk:
    """One worker's memory over a ledger; threads may share it, processes have one each."""

    def __init__(self, decider: Decider, ledger: Ledger, worker: str, clock: Clock) -> None:
        """worker: unique among all who lease from this ledger."""
        self.decider, self.ledger, self.worker, self._clock = decider, ledger, worker, clock
        campaigns = decider.policy.campaigns
        self._ids, self._caps = campaigns.campaign_id.tolist(), campaigns.cap.tolist()
        self._index = {campaign: at for at, campaign in enumerate(self._ids)}
        self.left = np.zeros(len(self._ids), np.int64)  # micros of the slices
        self._wanted = np.maximum(campaigns.budget // SLICE, campaigns.bid)
        self._dry = np.zeros(len(self._ids), np.bool_)
        self._leased_at = 0
        self._met: OrderedDict[tuple[int, int], dict[int, int]] = OrderedDict()
        self._deciding, self._booking = Lock(), Lock()
        self._waiting: deque[Ticket] = deque()
        self.read_again()
        self.reprice(decider.policy.shadow)

    def answer(self, ask: Ask) -> Ticket:
        """Decide and book one break; the ticket says what plays and holds the audit record."""
        for _ in range(2):
            ticket = self.decide(ask)
            self.book(ticket)
            if ticket.outcome in FINAL:
                return ticket
            self.read_again()
        return self._silence(ask)

    def decide(self, ask: Ask) -> Ticket:
        """Decide from memory and take the money out of its slices; to be booked before anybody hears of it."""
        with self._deciding:
            met = self._met_today(ask.request.user, ask.day)
            played = self.decider.choose(ask.request, ask.room, met, self.left)
            record = self.decider.record(ask.decision, ask.request, ask.room, met, self.left, played)
            for ad, micros in played:
                self.left[ad] -= micros
                met[ad] = met.get(ad, 0) + 1
            ticket = Ticket(self._to_book(ask, played, record), played)
            self._waiting.append(ticket)
        return ticket

    def book(self, ticket: Ticket) -> None:
        """Book a ticket, and with it whatever else waits; then fill up slices that are low."""
        with self._booking:
            if ticket.outcome is None:
                self._book_waiting()
                self._fill_up()

    def settle(self, reports: Sequence[Report]) -> list[Outcome]:
        """Reports from players; an ad that was not played may be met again, so memory is read anew."""
        outcomes = self.ledger.settle(reports)
        if Outcome.RELEASED in outcomes:
            with self._deciding:
                self._met.clear()
        return outcomes

    def reprice(self, shadow: Floats) -> None:
        """Go on at new prices; they are kept first, so that every record can be replayed."""
        with self._deciding:
            name = self.decider.reprice(shadow)
            self.ledger.keep_prices(name, shadow.tobytes())

    def _to_book(self, ask: Ask, played: Chosen, record: bytes) -> Booking:
        charges = tuple(Charge(self._ids[ad], micros, self._caps[ad]) for ad, micros in played)
        return Booking(ask.decision, ask.request.user, ask.day, record, charges)

    def _book_waiting(self) -> None:
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        outcomes = self.ledger.book(self.worker, [ticket.booking for ticket in tickets])
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            ticket.outcome = outcome

    def _silence(self, ask: Ask) -> Ticket:
        """Book that nothing plays, as if nobody could pay."""
        with self._deciding:
            met, nothing = self._met_today(ask.request.user, ask.day), np.zeros_like(self.left)
            played = self.decider.choose(ask.request, ask.room, met, nothing)
            record = self.decider.record(ask.decision, ask.request, ask.room, met, nothing, played)
            ticket = Ticket(self._to_book(ask, played, record), played)
            self._waiting.append(ticket)
        self.book(ticket)
        return ticket

    def _met_today(self, user: int, day: int) -> dict[int, int]:
        """Impressions of campaigns, by index, that a listener had on a local day."""
        met = self._met.get((user, day))
        if met is None:
            known = self.ledger.books.exposures(user, day)
            met = {self._index[campaign]: count for campaign, count in known.items() if campaign in self._index}
            self._met[user, day] = met
            if len(self._met) > REMEMBERED:
                self._met.popitem(last=False)
        return met

    def _fill_up(self) -> None:
        """Lease more for the slices that are low, and hold on to all."""
        passed = self._clock() - self._leased_at
        low = self.left * 4 < self._wanted
        if passed < RETRY_MS:
            low &= ~self._dry
        if low.any() or passed >= LEASE_MS // 2:
            slices = self._lease(np.flatnonzero(low))
            with self._deciding:
                for at, held in slices.items():
                    self.left[at] += held.more

    def read_again(self) -> None:
        """Somebody else changed what memory holds: book what waits, then take slices and days as the ledger has them."""
        with self._booking, self._deciding:  # in this order everywhere
            self._book_waiting()
            self._met.clear()
            for at, held in self._lease(np.arange(len(self._ids))).items():
                self.left[at] = held.holds

    def _lease(self, low: NDArray[np.int64]) -> dict[int, Slice]:
        """Fill up the slices of campaigns (by index)."""
        slices = self.ledger.lease(self.worker, {self._ids[at]: int(self._wanted[at]) for at in low.tolist()})
        found = {at: slices[self._ids[at]] for at in low.tolist()}
        self._dry[low] = [slice.holds < self._wanted[at] for at, slice in found.items()]
        self._leased_at = self._clock()
        return found


def answer_all(desk: Desk, asks: Sequence[Ask]) -> list[Ticket]:
    """Decide many breaks and book them in one transaction; those that another worker spoiled are answered again, one by one."""
    tickets = [desk.decide(ask) for ask in asks]
    if tickets:
        desk.book(tickets[-1])
    good = (Outcome.BOOKED, Outcome.REPEATED)
    return [ticket if ticket.outcome in good else desk.answer(ask) for ticket, ask in zip(tickets, asks, strict=True)]
