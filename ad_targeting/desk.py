"""A worker at its desk: it reads, decides and books in one transaction, and answers when that is on the disk.

Deciding takes a tenth of a millisecond and the disk ten, so nothing is gained by deciding outside; and inside, budgets and caps are what
they are: no other worker, edit or late report can come between. Requests that wait together share the transaction.
"""

from collections.abc import Sequence

import numpy as np

from ad_targeting.decide import Decider, nameless, read_record
from ad_targeting.ledger import WAIT_S, Booking, Charge, Ledger, Outcome
from ad_targeting.records import Floats, Int64, Request
from shared.errors import Conflict


class Desk:
    """A decider over a ledger; threads and processes take turns at the ledger's lock."""

    def __init__(self, decider: Decider, ledger: Ledger) -> None:
        """Keeps the decider's prices in the ledger, so that every record can be replayed."""
        self.decider, self.ledger = decider, ledger
        campaigns = decider.policy.campaigns
        self._ids, self._caps = campaigns.campaign_id.tolist(), campaigns.cap.tolist()
        self._index = {campaign: at for at, campaign in enumerate(self._ids)}
        self.reprice(decider.policy.shadow)

    def answer(self, asks: Sequence[tuple[str, Request]], wait_s: float = WAIT_S) -> list[bytes]:
        """Decide breaks, each under an id of its own, and book them in one transaction; their audit records. An id that was booked before
        gets what was booked. Busy as of `Ledger.transaction`."""
        with self.ledger.transaction(wait_s):
            self.ledger.sweep()
            free = {balance.campaign: balance.free for balance in self.ledger.inside.balances()}
            left = np.array([free.get(campaign, 0) for campaign in self._ids], np.int64)
            return [self._answer(decision, request, left) for decision, request in asks]

    def _answer(self, decision: str, request: Request, left: Int64) -> bytes:
        if known := self.ledger.inside.known(decision):
            if Request(*read_record(known).request).user != request.user:
                raise Conflict(f"decision {decision!r}: stands for another listener's break; take another id")
            return known
        exposures = self.ledger.inside.exposures(request.user, request.day)
        met = {self._index[campaign]: count for campaign, count in exposures.items() if campaign in self._index}
        booking = self.decide(decision, request, met, left)
        (outcome,) = self.ledger.book([booking])
        assert outcome is Outcome.BOOKED, outcome
        return booking.record

    def decide(self, decision: str, request: Request, met: dict[int, int], left: Int64) -> Booking:
        """The decision to be booked; takes what it costs from left int64[campaigns], micros."""
        played = self.decider.choose(request, met, left)
        record = self.decider.record(decision, request, met, left, played)
        for ad, micros in played:
            left[ad] -= micros
        charges = tuple(Charge(self._ids[ad], micros, self._caps[ad]) for ad, micros in played)
        return Booking(decision, request.user, request.day, request.moment, record, charges)

    def forget(self, user: int) -> int:
        """Delete a listener: their decisions stay, for the money's sake, as those of nobody, and replay to the byte as before. How many."""
        return self.ledger.forget(user, nameless)

    def reprice(self, shadow: Floats) -> None:
        """Go on at new prices; they are kept first."""
        with self.ledger.transaction():
            self.ledger.keep_prices(self.decider.reprice(shadow), shadow.tobytes())
