"""What serves: the current policy, the ledger, one desk over both; and the demo's day, played through that very desk.

The simulated day has its own clock: it stands where the player is, or at the time of day that it is now. While the day is played the
prices move each quarter of an hour (`pacing.py`), and whoever asks meanwhile is answered at them.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any, cast

import numpy as np

from ad_targeting.decide import Decider, Reasoned, Record, read_record
from ad_targeting.desk import Desk
from ad_targeting.learn import repriced
from ad_targeting.ledger import Report
from ad_targeting.pacing import Now, Pacer
from ad_targeting.policy import current, load, save
from ad_targeting.publish import QUARTER_MS, budgets, folder_of, open_ledger
from ad_targeting.records import Breaks, Campaigns, Floats
from ad_targeting.targeting import to_campaigns
from ad_targeting.world import make_log, make_market, request_of
from shared.clock import DAY_MS, Clock
from shared.errors import BadInput, LinerError

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
        self.home, self.folder, self._clock, self._lock = home, folder_of(home), clock, RLock()
        self._desk: Desk | None = None
        self._day, self._moment = 0, -1
        self.playing = False

    def desk(self) -> Desk:
        """The desk over what is published now; NotFound before the first demo."""
        folder = self.folder / "policies"
        name = current(folder)
        with self._lock:
            if self._desk is None or name != self._desk.decider.digest:
                loaded = load(folder, name)
                ledger = self._desk.ledger if self._desk else open_ledger(self.home, self._clock)
                self._desk, self._day = Desk(Decider(loaded, name), ledger), int(loaded.day[0])
            return self._desk

    def now(self) -> int:
        """The moment of the simulated day, ms: the player's, or the time of day."""
        return self._moment if self.playing else self._day + self._clock() % DAY_MS

    def add_campaign(self, rule: Any) -> str:
        """Add a campaign from the next request on, and open its account; the digest of the new policy.

        The models have no weights for it yet, so it begins at the rate of its listeners, and at λ 0.
        """
        with self._lock, self.desk().ledger.transaction():  # which other processes wait for, too
            desk = self.desk()
            policy, new = desk.decider.policy, to_campaigns([rule], "campaign")
            campaign, last = int(new.campaign_id[0]), int(policy.campaigns.campaign_id.max(initial=-1))
            if campaign <= last:
                raise BadInput(f"campaign_id {campaign}: expected more than {last}, the newest; ids ascend")
            columns: list[Any] = [np.append(old, one) for old, one in zip(policy.campaigns, new, strict=True)]
            table = np.vstack([policy.model.campaign, np.zeros_like(policy.model.campaign[:1])])
            learnt, shadow = policy.model._replace(campaign=table), np.append(policy.shadow, 0.0)
            grown = policy._replace(campaigns=Campaigns(*columns), shadow=shadow, model=learnt)
            desk.ledger.set_budgets({campaign: int(new.budget[0])})
            return save(self.folder / "policies", grown)

    def explain(self, decision: str) -> tuple[Record, bool, list[Reasoned], dict[int, str]]:
        """A booked decision made again, with the policy and the prices that made it: its record, whether it came out byte by byte, every
        campaign's reason, and what became of its ads by slot."""
        desk = self.desk()
        ledger, now = desk.ledger, desk.decider
        line = ledger.books.record(decision)
        record = read_record(line)
        old = record.policy != now.digest
        policy = load(self.folder / "policies", record.policy) if old else now.policy
        decider = Decider(policy, record.policy)
        decider.reprice(np.frombuffer(ledger.books.prices(record.prices), np.float64).copy())
        return record, decider.replay(line) == line, decider.explain(record), ledger.books.slots(decision)

    def pacing(self) -> dict[str, Any]:
        """What was spent by each quarter of an hour so far, all together and by campaign (largest budgets first), micros."""
        desk, day = self.desk(), self._day
        ledger = desk.ledger
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
            "traffic": desk.decider.policy.traffic.tolist(),
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
            start = load(self.folder / "policies")  # the desk's prices may be last evening's
            market = make_market(*start.market.tolist())
            today = cast(Any, make_log(market, 0).breaks)
            yesterday = repriced(make_log(market, -1), start.campaigns, start.model)
            self._begin_day(start.shadow)
            floor = start.terms[0] + start.terms[1] * yesterday.breaks.churn
            pacer = Pacer(yesterday, start.shadow, start.campaigns.category, floor, market.seed)
            for quarter in range(96):
                low, high = np.searchsorted(today.moment, self._moment + np.array([0, QUARTER_MS])).tolist()
                self._reprice(pacer, quarter, Breaks(*(column[:low] for column in today)))
                for first in range(low, high, BATCH):
                    self._serve(today, range(first, min(first + BATCH, high)))
                self._moment = min(self._moment + QUARTER_MS, self._day + DAY_MS - 1)
                wait(FRAME_SECONDS)
        except LinerError as error:
            log.error(str(error))
        finally:
            self.playing = False

    def _begin_day(self, shadow: Floats) -> None:
        """Full budgets and λ float64[campaigns] of the published policy; a campaign that was added meanwhile begins with the others."""
        with self._lock, self.desk().ledger.transaction():
            desk = self.desk()
            policy = desk.decider.policy
            desk.ledger.begin_day(budgets(policy.campaigns))
            desk.reprice(np.append(shadow, policy.shadow[shadow.size :]))

    def _reprice(self, pacer: Pacer, quarter: int, seen: Breaks) -> None:
        """New prices for the campaigns with which the day began; one that was added meanwhile keeps its own."""
        desk, old = self.desk(), pacer.shadow.size
        mine = desk.ledger.books.balances()[:old]  # by id; what is added has a higher one
        money, left = np.array([each.budget for each in mine]), np.array([each.free for each in mine])
        prices = pacer.prices(Now(quarter * 15, money, left, seen))
        desk.reprice(np.append(prices, desk.decider.policy.shadow[old:]))

    def _serve(self, breaks: Breaks, rows: range) -> None:
        """Decide, book and settle some breaks of the day, under ids that no request over HTTP can have."""
        desk, dice = self.desk(), np.random.default_rng(np.random.SeedSequence([rows.start, 97]))
        records = map(read_record, desk.answer([(f"day.{row}", request_of(breaks, row)) for row in rows]))
        slots = [(record.decision, slot) for record in records for slot in range(len(record.played))]
        desk.ledger.settle([Report(decision, slot, bool(dice.random() < PLAYED)) for decision, slot in slots])
