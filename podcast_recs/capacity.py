"""The back-of-the-envelope estimate: requests, events, index and machines from a handful of assumptions."""

from dataclasses import dataclass, field

from shared.capacity import Line


def _assumed(value: float, meaning: str, unit: str = "") -> float:
    made: float = field(default=value, metadata={"meaning": meaning, "unit": unit})
    return made


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; each field is a flag."""

    listeners: float = _assumed(100e6, "people who listen to podcasts on a day")
    slates: float = _assumed(4, "home slates that one of them asks for a day")
    shown: float = _assumed(10, "slots of a slate that are seen and logged")
    peak: float = _assumed(3, "the busiest second, as a multiple of the mean")
    shows: float = _assumed(6e6, "shows in the catalogue")
    episodes: float = _assumed(350e6, "episodes in the catalogue")
    fresh: float = _assumed(0.03, "share of them that anybody may be recommended today")
    published: float = _assumed(600e3, "episodes published a day")
    vector_bytes: float = _assumed(256, "a vector in the index: 256 dimensions of a byte", "B")
    state_bytes: float = _assumed(4_000, "online state of a listener", "B")
    slate_ms: float = _assumed(20, "CPU of a slate of 500 candidates, in ms")
    encode_ms: float = _assumed(60, "CPU of a new episode's title and description by MiniLM, in ms")
    utilisation: float = _assumed(0.5, "of a core at the peak, so that p99 holds")
    cores: float = _assumed(16, "cores of a machine")


def estimate(assumed: Assumptions) -> list[Line]:
    """Lines derived from the assumptions."""
    rate = assumed.listeners * assumed.slates / 86_400
    busiest = rate * assumed.peak
    events = rate * (assumed.shown + 3)
    index = assumed.episodes * assumed.fresh * assumed.vector_bytes
    busy = busiest * assumed.slate_ms / 1000
    return [
        Line("slates a second, mean", rate, "/s", "listeners × slates / seconds of a day"),
        Line("slates a second at the peak", busiest, "/s", "mean × peak"),
        Line("events a second", events, "/s", "slates × (slots seen + start, stop, progress)"),
        Line("episodes that may be recommended", assumed.episodes * assumed.fresh, "", "episodes × fresh"),
        Line("index of their vectors", index, "B", "eligible episodes × bytes a vector; split by language first"),
        Line("online state", assumed.listeners * assumed.state_bytes, "B", "listeners × bytes: sharded by listener"),
        Line("busy cores at the peak", busy, "cores", "slates × CPU of a slate"),
        Line("machines", busy / assumed.utilisation / assumed.cores, "", "busy cores / utilisation / cores"),
        Line(
            "cores that encode what is published",
            assumed.published * assumed.encode_ms / 1000 / 86_400,
            "cores",
            "published × CPU / seconds of a day",
        ),
        Line(
            "seconds until a new episode is findable",
            assumed.encode_ms / 1000 + 0.01,
            "s",
            "one encoding and one append: no batch job in between",
        ),
    ]
