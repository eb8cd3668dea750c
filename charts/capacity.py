"""From listeners to partitions, memory and disk: what a worldwide chart costs, from the speeds that the benchmarks
measure on one machine.
"""

from dataclasses import dataclass, field

from shared.capacity import Line

WEEK_SECONDS = 7 * 86_400
ROW_BYTES, SLOT_BYTES, CREDIT_BYTES, GROUP_BYTES = 48, 6, 9.6, 22
"""Of a play in memory: its row, its slot by id, 1.2 credited artists, and its group with slot."""


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; the rate is a core's, through decode, step and commit."""

    listeners: float = field(default=500e6, metadata={"meaning": "listeners a week"})
    plays_a_week: float = field(default=120, metadata={"meaning": "plays of a listener a week"})
    peak: float = field(default=2.5, metadata={"meaning": "busiest second, over the mean"})
    bytes_a_play: float = field(default=34, metadata={"meaning": "of a play in the log, Arrow with LZ4", "unit": "B"})
    plays_per_core: float = field(default=1.0e6, metadata={"meaning": "plays that a core counts a second"})
    open_days: float = field(default=9, metadata={"meaning": "days of plays in memory: a week and 48 hours"})
    countries: float = field(default=200, metadata={"meaning": "countries with a chart"})
    pairs: float = field(default=60e6, metadata={"meaning": "pairs of country and artist with a play, a week"})
    retention_days: float = field(default=14, metadata={"meaning": "days that the log keeps plays"})
    replication: float = field(default=3, metadata={"meaning": "copies of the log"})
    node_memory: float = field(default=256e9, metadata={"meaning": "memory of a node", "unit": "B"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    mean = a.listeners * a.plays_a_week / WEEK_SECONDS
    held = mean * 86_400 * a.open_days * (ROW_BYTES + SLOT_BYTES + CREDIT_BYTES + GROUP_BYTES)
    return [
        Line("plays a second", mean, "/s", "listeners × plays a week / seconds of a week"),
        Line("plays a second at the peak", mean * a.peak, "/s", "mean × peak"),
        Line("log traffic at the peak", mean * a.peak * a.bytes_a_play, "B", "a second: plays × bytes a play"),
        Line(
            "log on disk",
            mean * 86_400 * a.retention_days * a.bytes_a_play * a.replication,
            "B",
            "plays × days × bytes × copies",
        ),
        Line("cores that count, at the peak", mean * a.peak / a.plays_per_core, "", "plays a second / plays a core"),
        Line("dedupe and caps in memory", held, "B", "plays of the open days × (row + slot + credits + group)"),
        Line(
            "nodes for it",
            held / (0.7 * a.node_memory),
            "",
            "memory / 70 % of a node: memory, not speed, sets their number",
        ),
        Line("counts of a week", a.pairs * 7 * 26, "B", "pairs × 7 days × 26 B"),
        Line("published charts a year", (a.countries + 1) * 50 * 52 * 30, "B", "scopes × 50 places × 52 weeks × 30 B"),
        Line(
            "catching up an hour of backlog",
            3600 * mean / (a.plays_per_core * max(1.0, mean * a.peak / a.plays_per_core)),
            "s",
            "plays of an hour / the cores of the peak",
        ),
    ]
