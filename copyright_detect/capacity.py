"""From hours of uploads to machines: what listening costs, from speeds measured on one core, and how it grows with the catalogue."""

from dataclasses import dataclass, field

from shared.capacity import Line

BYTES_A_SECOND = 2 * 11_025
"""16-bit samples, as they travel through the log."""


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; speeds are one core's, of the class of machine that the README's tables name."""

    episodes: float = field(default=120_000, metadata={"meaning": "episodes uploaded on a day"})
    minutes: float = field(default=45, metadata={"meaning": "minutes of an episode"})
    peak: float = field(default=3, metadata={"meaning": "the busiest hour, as a multiple of the mean"})
    catalogue: float = field(
        default=100, metadata={"meaning": "hours of catalogue: 1,500 tracks of 4 minutes", "unit": "h"}
    )
    decode: float = field(default=280, metadata={"meaning": "decoding, × real time"})
    listen: float = field(default=900, metadata={"meaning": "peaks and keys, × real time"})
    match_us: float = field(
        default=540, metadata={"meaning": "looking up a second of upload in an hour of catalogue, in µs"}
    )
    megabytes_an_hour: float = field(default=8.4, metadata={"meaning": "index of an hour of catalogue, in MB"})
    false_alarms: float = field(default=1, metadata={"meaning": "false alarms to be expected in 1,000 h of upload"})
    matched: float = field(default=0.1, metadata={"meaning": "share of the episodes with a match"})
    utilisation: float = field(default=0.5, metadata={"meaning": "of a core in the busiest hour"})
    cores: float = field(default=16, metadata={"meaning": "cores of a machine"})
    memory: float = field(default=64e9, metadata={"meaning": "memory of a machine", "unit": "B"})
    core_hour: float = field(default=0.03, metadata={"meaning": "price of a core-hour", "unit": "€"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    hours = a.episodes * a.minutes / 60
    at_once = hours / 24 * a.peak
    index = a.catalogue * a.megabytes_an_hour * 1e6
    match = a.match_us * 1e-6 * a.catalogue
    cost = 1 / a.decode + 1 / a.listen + match
    busy = at_once * cost
    machines = max(-(-busy / a.utilisation // a.cores), 1.0, -(-index // (a.memory / 2)))
    return [
        Line("upload a day", hours, "h", "episodes × minutes"),
        Line("uploads heard at once, busiest hour", at_once, "", "hours / 24 × peak"),
        Line("through the log, busiest hour", at_once * BYTES_A_SECOND, "B", "a second; 16-bit mono at 11,025 Hz"),
        Line("index", index, "B", "catalogue × bytes an hour; every process of a machine shares one copy"),
        Line("a core listens to", 1 / cost, "× real time", "1 / (1/decode + 1/listen + match × catalogue)"),
        Line("looking up as a share of the work", match / cost, "", "grows with the catalogue: the wall at the end of the road"),
        Line("busy cores, busiest hour", busy, "cores", "seconds a second / speed"),
        Line("machines", machines, "", "busy cores / utilisation / cores, or what holds the index in half its memory"),
        Line("cost of a day", machines * a.cores * 24 * a.core_hour, "€", "machines × cores × 24 h × price"),
        Line("false alarms a day", hours / 1000 * a.false_alarms, "", "hours × rate: why a count of hashes is no threshold"),
        Line("right alarms a day", a.episodes * a.matched, "", "episodes × share with a match"),
    ]  # fmt: skip
