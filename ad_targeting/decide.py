"""One decision: filter → score → price → break, and the record from which it can be made again.

The filters leave the ads that may play. The cheap model prices all of them, the careful one the best eight again: a few trees cost as
much as hundreds of hashed weights. A price is bid × probability, its value `rule.net_value` as in the batch replay, and the break is the
best that fits. All it depends on is the policy and its prices (named by digests), the request, what the listener met today and what is
left of budgets that are short: that is the audit record. `replay` makes the decision again and must give the same bytes; `explain` says
of every campaign why not.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting import filters
from ad_targeting.breaks import assemble
from ad_targeting.model import MAINS, careful, cheap, codes_of
from ad_targeting.policy import Policy
from ad_targeting.records import MAX_SLOTS, Reason, Request
from ad_targeting.rule import net_value
from shared.errors import BadInput

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]
Chosen = list[tuple[int, int]]
TOP = 8
"""How many of the best by the cheap model the careful one looks at."""
ENCODER = msgspec.json.Encoder()
NOTHING = np.zeros(0, np.int64)
SPOT_MS = 30_000
"""Length of a slot when the request does not tell the length of its break."""


class Played(msgspec.Struct, frozen=True, array_like=True):
    """One ad of a break: its campaign's id, and what it pays, micros."""

    campaign: int
    micros: int


class Record(msgspec.Struct, frozen=True):
    """The audit record: a Request; (index of campaign, impressions today); (index, micros left) where that is less than a bid."""

    decision: str
    policy: str
    prices: str
    request: tuple[int, ...]
    room: int
    met: list[tuple[int, int]]
    left: list[tuple[int, int]]
    played: list[Played]


class Work(NamedTuple):
    """Memory of one decider, so that none is allocated on the way; its first count[0] entries are of the last decision."""

    barred: filters.Bits
    ads: NDArray[np.int64]
    price: NDArray[np.int64]
    value: NDArray[np.float64]
    seen: NDArray[np.bool_]  # by the careful model
    codes: Int64  # of the request
    row: NDArray[np.float64]  # of the careful model
    chosen: Int64
    short: Int64  # eligible with less left than a bid
    counts: Int64  # eligible, taken, short


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
        self.policy, self.digest, self.lists = policy, digest, filters.build(policy.campaigns)
        count = len(policy.campaigns.bid)
        self._work = Work(
            filters.bits(np.zeros(count, np.bool_)), np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count),
            np.zeros(count, np.bool_), np.zeros(MAINS, np.int64), np.zeros(MAINS),
            np.zeros(MAX_SLOTS, np.int64), np.zeros(count, np.int64), np.zeros(3, np.int64),
        )  # fmt: skip
        self._ids = policy.campaigns.campaign_id.tolist()
        self.prices = self.reprice(policy.shadow)

    def reprice(self, shadow: Floats) -> str:
        """Go on at new prices λ float64[campaigns], and return their name: what of a policy changes through the day is this alone."""
        self.policy = self.policy._replace(shadow=shadow)
        self.prices = sha256(shadow.tobytes()).hexdigest()[:16]
        return self.prices

    def choose(self, request: Request, room: int, met: Mapping[int, int], left: Int64) -> Chosen:
        """(index of campaign, price in micros) of each ad of the break, best first; [] is silence.

        room: ms of the break; met: impressions of campaigns (by index) that the user had today; left int64[campaigns]: micros they may
        still spend.
        """
        ads = np.array(list(met), np.int64) if met else NOTHING
        counts = np.array(list(met.values()), np.int64) if met else NOTHING
        policy, work = self.policy, self._work
        decide(policy, self.lists, request, policy.floor(request.user), room, ads, counts, left, work)
        return [(int(work.ads[at]), int(work.price[at])) for at in work.chosen[: work.counts[1]]]

    def record(
        self, decision: str, request: Request, room: int, met: Mapping[int, int], left: Int64, played: Chosen
    ) -> bytes:
        """The audit record of what `choose` returned last, from what it was given."""
        short = self._work.short[: self._work.counts[2]]
        amounts = list(zip(short.tolist(), left[short].tolist(), strict=True)) if short.size else []
        found = (self.digest, self.prices, tuple(request), room, sorted(met.items()), amounts, self._named(played))
        return ENCODER.encode(Record(decision, *found))

    def replay(self, line: bytes) -> bytes:
        """The record of the same decision, made anew: equal bytes, or code, policy or record were touched."""
        record = read_record(line)
        return ENCODER.encode(msgspec.structs.replace(record, played=self._named(self._again(record))))

    def explain(self, record: Record) -> list[Reasoned]:
        """Of every campaign, in order of id, whether it played and why not."""
        played = self._again(record)
        campaigns, request, met, work = self.policy.campaigns, Request(*record.request), dict(record.met), self._work
        offered = {int(work.ads[k]): (int(work.price[k]), float(work.value[k])) for k in range(work.counts[0])}
        left, found = dict(record.left), []
        for ad, campaign in enumerate(self._ids):
            price, value = offered.get(ad, (0, 0.0))
            if ad not in offered:
                why = filters.reason(campaigns, ad, request, met.get(ad, 0))
            elif price > left.get(ad, price):
                why = Reason.BUDGET
            else:
                why = self._why_lost(ad, offered, [ad for ad, _ in played], request, record.room)
            found.append(Reasoned(campaign, why, price, value if np.isfinite(value) else 0.0))
        return found

    def _named(self, played: Chosen) -> list[Played]:
        return [Played(self._ids[ad], micros) for ad, micros in played]

    def _again(self, record: Record) -> Chosen:
        """The choice of a record, made anew."""
        if record.policy != self.digest:
            raise BadInput(
                f"decision {record.decision}: made by policy {record.policy}, not {self.digest}; load that one"
            )
        left = np.full(len(self._ids), np.iinfo(np.int64).max)
        for ad, micros in record.left:
            left[ad] = micros
        return self.choose(Request(*record.request), record.room, dict(record.met), left)

    def _why_lost(
        self, ad: int, offered: Mapping[int, tuple[int, float]], played: list[int], request: Request, room: int
    ) -> Reason:
        campaigns, value = self.policy.campaigns, offered[ad][1]
        if ad in played:
            return Reason.SERVED
        if not value > 0:
            return Reason.FLOOR
        for other in played:
            alike = (
                campaigns.category[other] == campaigns.category[ad]
                or campaigns.advertiser[other] == campaigns.advertiser[ad]
            )
            if alike and offered[other][1] >= value:
                return Reason.SEPARATION
        spare = room - int(campaigns.duration[played].sum())
        return Reason.LENGTH if len(played) < request.slots and spare < campaigns.duration[ad] else Reason.OUTBID


def read_record(line: bytes) -> Record:
    """An audit record; BadInput when the bytes are none."""
    try:
        return msgspec.json.decode(line, type=Record)
    except msgspec.DecodeError as error:
        raise BadInput(f"audit record: {error}; take one that the ledger holds") from error


@njit(cache=True, nogil=True)
def decide(
    policy: Any, lists: Any, request: Any, floor: float, room: int, met: Any, counts: Any, left: Any, work: Any
) -> None:
    """The whole decision, into `work`; parameters as of Decider.choose."""
    campaigns, model, shadow = policy.campaigns, policy.model, policy.shadow
    ads, price, value, seen, bid = work.ads, work.price, work.value, work.seen, campaigns.bid
    filters.bar(met, counts, campaigns.cap, work.barred)
    count = filters.eligible(lists, campaigns.starts, campaigns.ends, request, work.barred, ads)
    codes_of(request, work.codes)
    cheap(model, ads, count, work.codes, value)
    scarce = 0
    for k in range(count):
        ad = ads[k]
        price[k], value[k] = _worth(value[k], bid[ad], left[ad], shadow[ad], floor)
        if left[ad] < bid[ad]:
            work.short[scarce] = ad
            scarce += 1
    seen[:count] = False
    for _ in range(min(TOP, count)):
        best, most = -1, -np.inf
        for k in range(count):
            if not seen[k] and value[k] > most:
                best, most = k, value[k]
        if best < 0:
            break
        ad = ads[best]
        p = careful(model, campaigns, ad, work.codes, work.row)
        if p == p:  # not a number: what the cheap model said stands
            price[best], value[best] = _worth(p, bid[ad], left[ad], shadow[ad], floor)
        seen[best] = True
    work.counts[0], work.counts[2] = count, scarce
    work.counts[1] = assemble(
        ads,
        value,
        count,
        campaigns.category,
        campaigns.advertiser,
        campaigns.duration,
        request.slots,
        room,
        work.chosen,
    )


@njit(cache=True, nogil=True)
def _worth(p: float, bid: Any, left: Any, shadow: Any, floor: float) -> Any:
    """(price, value) in micros at a probability; what is no probability (0, not a number) or not in the budget is worth nothing."""
    if not 0.0 < p <= 1.0:
        return 0, -np.inf
    price = max(np.int64(bid * p + 0.5), 1)
    return price, net_value(price, shadow, floor) if price <= left else -np.inf
