"""What serves: the current policy, the ledger, one desk over both; and the demo's day, played through that very desk.

The simulated day has its own clock: it stands where the player is, or at the time of day that it is now. While the day is played the
prices are solved anew each quarter of an hour, and whoever asks meanwhile is answered at them.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any, cast

import numpy as np

from ad_targeting import policy as policies
from ad_targeting.decide import Decider, Reasoned, Record, read_record
from ad_targeting.desk import Ask, Desk
from ad_targeting.learn import repriced
from ad_targeting.ledger import Report
from ad_targeting.pacing import Now, Pacer
from ad_targeting.publish import QUARTER_MS, add_campaign, budgets, folder_of, open_ledger, read_market
from ad_targeting.records import Breaks, Request
from ad_targeting.world import make_log, make_market
from shared.clock import DAY_MS, Clock
from shared.errors import LinerError, NotFound

BATCH = 256
PLAYED = 0.97
"""Share of ads that are listened to; the others' listeners left the break."""
FRAME_SECONDS = 0.15
"""A quarter of an hour of the played day takes at least so long, or nobody could watch."""
log = logging.getLogger("liner.ad_targeting")


class Live:
    """One process's share of serving."""

    def __init__(self, home: Path, clock: Clock) -> None:
        """home: LINER_HOME; nothing is opened before it is asked for."""
        self.home, self._clock, self._lock = home, clock, RLock()
        self._desk: Desk | None = None
        self._day, self._moment = 0, -1
        self.playing = False

    def desk(self) -> Desk:
        """The desk over what is published now; NotFound before the first demo."""
        folder = folder_of(self.home) / "policies"
        try:
            name = (folder / "current").read_text().strip()
        except FileNotFoundError as error:
            raise NotFound("no policy of ads is published; make one with `liner ad-targeting demo`") from error
        with self._lock:
            if self._desk is None or name != self._desk.decider.digest:
                loaded = policies.load(folder, name)
                ledger = self._desk.ledger if self._desk else open_ledger(self.home, self._clock)
                self._desk, self._day = Desk(Decider(loaded, name), ledger), int(loaded.day[0])
            return self._desk

    def now(self) -> int:
        """The moment of the simulated day, ms: the player's, or the time of day."""
        return self._moment if self.playing else self._day + self._clock() % DAY_MS

    def add_campaign(self, rule: Any) -> str:
        """Add a campaign from the next request on; the digest of the new policy."""
        with self._lock:
            desk = self.desk()
            return add_campaign(self.home, desk.decider.policy, desk.ledger, rule)

    def explain(self, decision: str) -> tuple[Record, bool, list[Reasoned], dict[int, str]]:
        """A booked decision made again, with the policy and the prices that made it: its record, whether it came out byte by byte, every
        campaign's reason, and what became of its ads by slot."""
        desk = self.desk()
        ledger, now = desk.ledger, desk.decider
        line = ledger.books.record(decision)
        record = read_record(line)
        folder = folder_of(self.home) / "policies"
        policy = now.policy if record.policy == now.digest else policies.load(folder, record.policy)
        decider = Decider(policy, record.policy)
        decider.reprice(np.frombuffer(ledger.books.prices(record.prices), np.float64).copy())
        return record, decider.replay(line) == line, decider.explain(record), ledger.books.slots(decision)

    def pacing(self) -> dict[str, Any]:
        """What was spent by each quarter of an hour so far, all together and by campaign (largest budgets first), micros."""
        ledger, day = self.desk().ledger, self._day
        balances = sorted(ledger.books.balances(), key=lambda balance: (-balance.budget, balance.campaign))
        steps = np.zeros((len(balances), 97), np.int64)
        row = {balance.campaign: at for at, balance in enumerate(balances)}
        upto = min(96, (self.now() - day) // QUARTER_MS + 1)
        for step, campaign, micros in ledger.books.spending(day, QUARTER_MS):
            steps[row[campaign], step + 1] += micros
            upto = max(upto, step + 1)  # a day that was played reaches beyond the time of day
        curves = np.cumsum(steps, axis=1)[:, : upto + 1]
        return {
            "playing": self.playing,
            "now_ms": self.now(),
            "traffic": read_market(self.home)[1],
            "budget_micros": sum(balance.budget for balance in balances),
            "spent_micros": curves.sum(axis=0).tolist(),
            "campaigns": [
                {"campaign_id": number, "budget_micros": budget, "spent_micros": curve}
                for (number, budget, _, _), curve in zip(balances, curves.tolist(), strict=True)
            ],
        }

    def close(self) -> None:
        """Close the ledger."""
        with self._lock:
            if self._desk:
                self._desk.ledger.close()
            self._desk = None

    def begin(self) -> bool:
        """Whether the day may be played: not while it is."""
        with self._lock:
            self.desk()
            if self.playing:
                return False
            self.playing, self._moment = True, self._day
        return True

    def play_day(self, wait: Callable[[float], Any]) -> None:
        """After `begin`: play the published day from full budgets; `wait` sleeps between quarters of an hour. Errors are logged."""
        try:
            self._play(wait)
        except LinerError as error:
            log.error(str(error))
        finally:
            self.playing = False

    def _play(self, wait: Callable[[float], Any]) -> None:
        size, _ = read_market(self.home)
        market = make_market(**{"count" if name == "campaigns" else name: value for name, value in size.items()})
        desk, today = self.desk(), cast(Any, make_log(market, 0).breaks)
        start = desk.decider.policy
        yesterday = repriced(make_log(market, -1), start.campaigns, start.model)
        with desk.ledger.transaction():
            desk.ledger.begin_day(budgets(start.campaigns))
            desk.reprice(start.shadow)
        floor = start.terms[0] + start.terms[1] * yesterday.breaks.churn
        pacer = Pacer(yesterday, start.shadow, start.campaigns.category, floor, market.seed)
        for quarter in range(96):
            low, high = np.searchsorted(today.moment, self._moment + np.array([0, QUARTER_MS])).tolist()
            self._reprice(pacer, quarter, Breaks(*(column[:low] for column in today)))
            for first in range(low, high, BATCH):
                self._serve(today, range(first, min(first + BATCH, high)))
            self._moment += QUARTER_MS
            wait(FRAME_SECONDS)

    def _reprice(self, pacer: Pacer, quarter: int, seen: Breaks) -> None:
        """New prices for the campaigns with which the day began; one that was added meanwhile keeps its own."""
        desk, old = self.desk(), pacer.shadow.size
        mine = desk.ledger.books.balances()[:old]  # by id; what is added has a higher one
        money, left = np.array([each.budget for each in mine]), np.array([each.free for each in mine])
        prices = pacer.prices(Now(quarter * 15, money, left, seen))
        desk.reprice(np.append(prices, desk.decider.policy.shadow[old:]))

    def _serve(self, breaks: Breaks, rows: range) -> None:
        """Decide, book and settle some breaks of the day."""
        desk, dice = self.desk(), np.random.default_rng(np.random.SeedSequence([rows.start, 97]))
        requests = [Request(row, *(int(column[row]) for column in breaks[:-1])) for row in rows]
        asks = [Ask(f"day-{request.break_id}", request, local_day(request)) for request in requests]
        records = [read_record(line) for line in desk.answer(asks)]
        slots = [(record.decision, slot) for record in records for slot in range(len(record.played))]
        desk.ledger.settle([Report(decision, slot, bool(dice.random() < PLAYED)) for decision, slot in slots])


def local_day(request: Request) -> int:
    """The listener's local day, counted from the epoch, from the moment and the local hour: the zone is the nearest that fits."""
    ahead = (request.hour - request.moment // 3_600_000 % 24 + 12) % 24 - 12
    return (request.moment + ahead * 3_600_000) // DAY_MS
