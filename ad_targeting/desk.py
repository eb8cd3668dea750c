"""A worker at its desk: it decides from memory, and books before it answers.

In memory lies what was last seen of budgets and of what listeners met today. Deciding touches nothing else, so it takes microseconds.
Memory may be stale: another worker, an edited budget, a full cap. Then the ledger refuses the booking, memory is read again and the
decision made once more; after that the break stays silent, which can always be booked.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from ad_targeting.decide import Decider, Floats, Int64
from ad_targeting.ledger import Booking, Charge, Ledger, Outcome, Report
from ad_targeting.records import Request
from shared.clock import Clock

FRESH_MS = 1_000
"""After so long, what others spent is looked at again."""
REMEMBERED = 100_000
"""Days of listeners that are kept in memory."""


class Ask(NamedTuple):
    """A request with what lies beside it: the decision's id, the listener's local day, the break's length in ms."""

    decision: str
    request: Request
    day: int
    room: int


class Desk:
    """One worker's memory over a ledger; threads take turns at it, processes have one each."""

    def __init__(self, decider: Decider, ledger: Ledger, clock: Clock) -> None:
        """clock: tells how old memory is."""
        self.decider, self.ledger, self._clock, self._lock = decider, ledger, clock, Lock()
        campaigns = decider.policy.campaigns
        self._ids, self._caps = campaigns.campaign_id.tolist(), campaigns.cap.tolist()
        self._index = {campaign: at for at, campaign in enumerate(self._ids)}
        self._left = np.zeros(len(self._ids), np.int64)  # micros
        self._looked = 0
        self._met: OrderedDict[tuple[int, int], dict[int, int]] = OrderedDict()
        self._look()
        self.reprice(decider.policy.shadow)

    def answer(self, asks: Sequence[Ask]) -> list[bytes]:
        """Decide breaks and book them in one transaction; their audit records. An id that was booked before gets what was booked."""
        records: dict[str, bytes] = {}
        with self._lock:
            for attempt in range(3):
                if attempt or self._clock() - self._looked >= FRESH_MS:
                    self._look()
                left = self._left if attempt < 2 else np.zeros_like(self._left)
                bookings = [self.decide(ask, left) for ask in asks if ask.decision not in records]
                for booking, outcome in zip(bookings, self.ledger.book(bookings), strict=True):
                    if outcome is Outcome.TAKEN:
                        records[booking.decision] = self.ledger.books.record(booking.decision)
                    elif outcome in (Outcome.BOOKED, Outcome.REPEATED):
                        records[booking.decision] = booking.record
                if len(records) == len(asks):
                    break
        return [records[ask.decision] for ask in asks]

    def decide(self, ask: Ask, left: Int64) -> Booking:
        """Decide from memory, and remember what it costs; to be booked before anybody hears of it."""
        met = self._met_today(ask.request.user, ask.day)
        played = self.decider.choose(ask.request, ask.room, met, left)
        record = self.decider.record(ask.decision, ask.request, ask.room, met, left, played)
        for ad, micros in played:
            left[ad] -= micros
            met[ad] = met.get(ad, 0) + 1
        charges = tuple(Charge(self._ids[ad], micros, self._caps[ad]) for ad, micros in played)
        return Booking(ask.decision, ask.request.user, ask.day, record, charges)

    def settle(self, reports: Sequence[Report]) -> list[Outcome]:
        """Reports from players; an ad that was not played may be met again, so memory is read again."""
        outcomes = self.ledger.settle(reports)
        if Outcome.RELEASED in outcomes:
            with self._lock:
                self._met.clear()
        return outcomes

    def reprice(self, shadow: Floats) -> None:
        """Go on at new prices; they are kept first, so that every record can be replayed."""
        with self._lock:
            self.ledger.keep_prices(self.decider.reprice(shadow), shadow.tobytes())

    def _look(self) -> None:
        """Release what nobody reported, and read again what others may have changed."""
        self.ledger.sweep()
        free = {balance.campaign: balance.free for balance in self.ledger.books.balances()}
        self._left[:] = [free.get(campaign, 0) for campaign in self._ids]
        self._met.clear()
        self._looked = self._clock()

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
