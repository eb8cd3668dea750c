"""From listeners to decisions a second, machines and money: what an ad server for a free tier costs, and what it earns."""

from dataclasses import dataclass, field

from shared.capacity import Line

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; the times are a core's, rounded up from the benchmarks."""

    listeners: float = field(default=300e6, metadata={"meaning": "free listeners a month"})
    active: float = field(default=0.4, metadata={"meaning": "share of them who listen on a day"})
    hours: float = field(default=1.2, metadata={"meaning": "hours of a listener who does"})
    breaks_an_hour: float = field(default=3, metadata={"meaning": "ad breaks an hour"})
    slots: float = field(default=2.65, metadata={"meaning": "slots of a break"})
    peak: float = field(default=2.5, metadata={"meaning": "busiest second, over the mean"})
    campaigns: float = field(default=50_000, metadata={"meaning": "campaigns that run on a day"})
    eligible: float = field(default=0.01, metadata={"meaning": "share of campaigns that may play in a break"})
    score_ns: float = field(default=150, metadata={"meaning": "of a core, to score one eligible ad", "unit": "ns"})
    careful_us: float = field(default=90, metadata={"meaning": "of a core: trees, break, record", "unit": "us"})
    http_us: float = field(default=250, metadata={"meaning": "of a core, for the request around it", "unit": "us"})
    core_share: float = field(default=0.5, metadata={"meaning": "of a core at the peak, so that p99 holds"})
    cores: float = field(default=16, metadata={"meaning": "cores of a machine"})
    record_bytes: float = field(default=600, metadata={"meaning": "of a decision in the audit log", "unit": "B"})
    audit_days: float = field(default=400, metadata={"meaning": "days that it is kept"})
    price: float = field(default=0.012, metadata={"meaning": "paid for a slot", "unit": "€"})
    sold: float = field(default=0.6, metadata={"meaning": "share of slots that are sold"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    breaks = a.listeners * a.active * a.hours * a.breaks_an_hour
    peak = breaks / DAY_SECONDS * a.peak
    decision = a.campaigns * a.eligible * a.score_ns / 1e9 + a.careful_us / 1e6
    cores = peak * (decision + a.http_us / 1e6) / a.core_share
    spend = breaks * a.slots * a.sold * a.price
    return [
        Line("breaks a day", breaks, "", "listeners × active × hours × breaks an hour"),
        Line("decisions a second at the peak", peak, "/s", "breaks / seconds of a day × peak"),
        Line("a decision", 1e6 * decision, "us", "eligible ads × score + the careful part"),
        Line("cores at the peak", cores, "", "decisions × (decision + request) / share of a core"),
        Line("machines", max(3.0, -(-cores // a.cores)), "", "cores / cores of a machine; at least three"),
        Line("audit log a day", breaks * a.record_bytes, "B", "breaks × bytes of a decision"),
        Line("audit log kept", breaks * a.record_bytes * a.audit_days, "B", "× days"),
        Line("reservations if every ad asked the store", peak * a.slots, "/s", "peak × slots: why a fleet leases budgets"),
        Line("prices λ to send to a worker", a.campaigns * 8, "B", "8 B a campaign, every half hour"),
        Line("revenue a day", spend, "€", "breaks × slots × sold × price"),
        Line("one per cent of the bound, a year", spend * 365 * 0.01, "€", "why pacing is worth an engineer"),
    ]  # fmt: skip
