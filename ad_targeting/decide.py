"""One decision: filter → score → price → break, and the record from which it can be made again.

The filters leave the ads that may play. The cheap model prices all of them, the careful one the best eight again: a few trees cost as
much as hundreds of hashed weights. A price is bid × probability; its value and the break are those of `rule.py`, as in the batch
replay. All it depends on is the policy and its prices (named by digests), the request, what the listener met today and what is
left of budgets that are short: that is the audit record. `replay` makes the decision again and must give the same bytes; `explain` says
of every campaign why not.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numba import njit

from ad_targeting import filters
from ad_targeting.model import MAINS, Model, careful, cheap, codes_of
from ad_targeting.policy import Policy
from ad_targeting.records import MAX_SLOTS, NOBODY, Floats, Int64, Reason, Request
from ad_targeting.rule import net_value, offer
from shared.errors import BadInput

Chosen = list[tuple[int, int]]
TOP = 8
"""How many of the best by the cheap model the careful one looks at."""
ENCODER = msgspec.json.Encoder()


class Record(msgspec.Struct, frozen=True):
    """The audit record: a Request; (index of campaign, impressions today); (index, micros left) where that is less than its price; and of
    each ad of the break, best first, (its campaign's id, what it pays in micros)."""

    decision: str
    policy: str
    prices: str
    request: tuple[int, ...]
    met: list[tuple[int, int]]
    left: list[tuple[int, int]]
    played: list[tuple[int, int]]


class Tables(NamedTuple):
    """A policy as the kernel takes it. An array costs a third of a microsecond on its way into a kernel, so columns are stacked."""

    lists: filters.Bits
    columns: Int64  # [STARTS … ITSELF, campaigns]
    model: Model


STARTS, ENDS, CAP, BID, CATEGORY, ITSELF = range(6)


class Work(NamedTuple):
    """Memory of one decider, so that little is allocated on the way; its first counts[0] ads are of the last decision."""

    ads: Int64  # eligible, ascending
    price: Int64  # [campaigns], micros, of those that are eligible
    value: Floats  # [campaigns], micros, the same
    short: Int64  # eligible with less left than their price
    chosen: Int64  # [MAX_SLOTS], best first
    counts: Int64  # eligible, chosen, short


class Reasoned(NamedTuple):
    """Why a campaign did or did not play; price and value in micros, 0 where a filter came first."""

    campaign_id: int
    reason: Reason
    price: int
    value: float


class Decider:
    """A policy, compiled and indexed; one for each thread."""

    def __init__(self, policy: Policy, digest: str) -> None:
        """digest: of the policy, for the records."""
        self.policy, self.digest, campaigns = policy, digest, policy.campaigns
        itself = np.arange(len(campaigns.bid))
        columns = (campaigns.starts, campaigns.ends, campaigns.cap, campaigns.bid, campaigns.category, itself)
        self.tables = Tables(filters.build(campaigns), np.stack(columns).astype(np.int64), policy.model)
        ads, price, short = np.zeros((3, len(campaigns.bid)), np.int64)
        chosen, counts = np.zeros(MAX_SLOTS, np.int64), np.zeros(3, np.int64)
        self._work = Work(ads, price, np.zeros(len(campaigns.bid)), short, chosen, counts)
        self._ids = policy.campaigns.campaign_id.tolist()
        self._floor = policy.terms[0] + policy.terms[1] * policy.churn
        self.prices = self.reprice(policy.shadow)

    def reprice(self, shadow: Floats) -> str:
        """Go on at new prices λ float64[campaigns], and return their name: what of a policy changes through the day is this alone."""
        self.policy = self.policy._replace(shadow=shadow)
        self.prices = sha256(shadow.tobytes()).hexdigest()[:16]
        return self.prices

    def choose(self, request: Request, met: Mapping[int, int], left: Int64) -> Chosen:
        """(index of campaign, price in micros) of each ad of the break, best first; [] is silence.

        met: impressions of campaigns (by index) that the user had today; left int64[campaigns]: micros they may still spend.
        """
        ads, counts = np.array(list(met), np.int64), np.array(list(met.values()), np.int64)
        work, user = self._work, request.user
        floor = self._floor[user if user < len(self._floor) - 1 else -1]  # the last is for strangers
        decide(self.tables, self.policy.shadow, request, floor, ads, counts, left, work)
        return [(ad, work.price.item(ad)) for ad in work.chosen[: work.counts.item(1)].tolist()]

    def record(self, decision: str, request: Request, met: Mapping[int, int], left: Int64, played: Chosen) -> bytes:
        """The audit record of what `choose` returned last, from what it was given."""
        amounts = [(ad, left.item(ad)) for ad in self._work.short[: self._work.counts.item(2)].tolist()]
        found = (self.digest, self.prices, tuple(request), sorted(met.items()), amounts, self._named(played))
        return ENCODER.encode(Record(decision, *found))

    def replay(self, line: bytes) -> bytes:
        """The record of the same decision, made anew: equal bytes, or code, policy or record were touched."""
        record = read_record(line)
        return ENCODER.encode(msgspec.structs.replace(record, played=self._named(self._again(record))))

    def explain(self, record: Record) -> list[Reasoned]:
        """Of every campaign, in order of id, whether it played and why not."""
        played = self._again(record)
        campaigns, request, met, work = self.policy.campaigns, Request(*record.request), dict(record.met), self._work
        offered, left, found = set(work.ads[: work.counts[0]].tolist()), dict(record.left), []
        for ad, campaign in enumerate(self._ids):
            price, value = (int(work.price[ad]), float(work.value[ad])) if ad in offered else (0, 0.0)
            if ad not in offered:
                why = filters.reason(campaigns, ad, request, met.get(ad, 0))
            elif price > left.get(ad, price):
                why = Reason.BUDGET
            else:
                why = self._why_lost(ad, value, [ad for ad, _ in played])
            found.append(Reasoned(campaign, why, price, value if np.isfinite(value) else 0.0))
        return found

    def _named(self, played: Chosen) -> Chosen:
        return [(self._ids[ad], micros) for ad, micros in played]

    def _again(self, record: Record) -> Chosen:
        """The choice of a record, made anew."""
        if record.policy != self.digest:
            raise BadInput(f"decision {record.decision}: made by policy {record.policy}, not by {self.digest}; load it")
        left = np.full(len(self._ids), np.iinfo(np.int64).max)
        for ad, micros in record.left:
            left[ad] = micros
        return self.choose(Request(*record.request), dict(record.met), left)

    def _why_lost(self, ad: int, value: float, played: list[int]) -> Reason:
        category = self.policy.campaigns.category
        if ad in played:
            return Reason.SERVED
        if not value > 0:
            return Reason.FLOOR
        return Reason.SEPARATION if category[ad] in category[played] else Reason.OUTBID


def read_record(line: bytes) -> Record:
    """An audit record; BadInput when the bytes are none."""
    try:
        return msgspec.json.decode(line, type=Record)
    except msgspec.DecodeError as error:
        raise BadInput(f"audit record: {error}; take one that the ledger holds") from error


def nameless(line: bytes) -> bytes:
    """The same audit record without its user, whom no rule asks for."""
    record = read_record(line)
    return ENCODER.encode(msgspec.structs.replace(record, request=Request(*record.request)._replace(user=NOBODY)))


@njit(cache=True, nogil=True)
def decide(tables: Any, shadow: Any, request: Any, floor: float, met: Any, counts: Any, left: Any, work: Any) -> None:
    """The whole decision, into `work`; parameters as of Decider.choose."""
    lists, columns, model = tables
    ads, price, value, short, chosen, _ = work
    barred, codes, row = np.empty(lists.shape[1], np.uint64), np.empty(MAINS, np.int64), np.empty(MAINS)
    filters.bar(met, counts, columns[CAP], barred)
    count = filters.eligible(lists, columns[STARTS], columns[ENDS], request, barred, ads)
    codes_of(request, codes)
    cheap(model, ads, count, codes, value)
    bid, scarce = columns[BID], 0
    for k in range(count):
        ad = ads[k]
        price[ad], value[ad] = _worth(value[ad], bid[ad], left[ad], shadow[ad], floor)
    best, values = np.empty(TOP, np.int64), np.empty(TOP)
    for k in range(_best(ads[:count], value, TOP, columns[ITSELF], best, values)):
        ad = best[k]
        p = careful(model, ad, columns[CATEGORY, ad], codes, row)
        if p == p:  # not a number: what the cheap model said stands
            price[ad], value[ad] = _worth(p, bid[ad], left[ad], shadow[ad], floor)
    for k in range(count):
        if price[ads[k]] > left[ads[k]]:
            short[scarce] = ads[k]
            scarce += 1
    taken = _best(ads[:count], value, request.slots, columns[CATEGORY], chosen, values, 0.0)
    work.counts[0], work.counts[1], work.counts[2] = count, taken, scarce


@njit(cache=True, nogil=True)
def _best(ads: Any, value: Any, most: int, group: Any, best: Any, values: Any, least: float = -np.inf) -> int:
    """The `most` best ads above `least`, one of a group, best first, into best and values; returns how many."""
    taken = 0
    for k in range(ads.size):
        if value[ads[k]] > least:
            taken = offer(best, values, taken, most, ads[k], value[ads[k]], group)
    return taken


@njit(cache=True, nogil=True)
def _worth(p: float, bid: Any, left: Any, shadow: Any, floor: float) -> Any:
    """(price, value) in micros at a probability; what is no probability (0, not a number) or not in the budget is worth nothing."""
    if not 0.0 < p <= 1.0:
        return 0, -np.inf
    price = max(np.int64(bid * p + 0.5), 1)
    return price, net_value(price, shadow, floor) if price <= left else -np.inf
