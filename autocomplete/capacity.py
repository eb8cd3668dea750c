"""From people typing to machines: what suggestions cost, from the bytes a term and the microseconds a request measured on one machine."""

from dataclasses import dataclass, field

from shared.capacity import Line

MOST_BYTES = 2**31  # of names in one index: index.MOST_BYTES, which is dear to import


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; costs are one core's, of the class of machine that the README's tables name."""

    users: float = field(default=300e6, metadata={"meaning": "people who use the service on a day"})
    searches: float = field(default=3, metadata={"meaning": "searches of a person a day"})
    keystrokes: float = field(default=6, metadata={"meaning": "requests a search, after the client's debounce"})
    peak: float = field(default=3, metadata={"meaning": "the busiest second, as a multiple of the mean"})
    browser_hits: float = field(
        default=0.2, metadata={"meaning": "share that a browser or edge cache answers (max-age 60 s)"}
    )
    terms: float = field(default=120e6, metadata={"meaning": "artists, tracks, shows and playlists that can be found"})
    letters: float = field(default=28, metadata={"meaning": "letters of a name", "unit": "B"})
    bytes_per_term: float = field(
        default=124, metadata={"meaning": "index with display text, without ids", "unit": "B"}
    )
    request_us: float = field(default=100, metadata={"meaning": "CPU of a whole HTTP request on the plain road, in µs"})
    search_us: float = field(default=30, metadata={"meaning": "of which retrieval and ranking, in µs"})
    utilisation: float = field(default=0.5, metadata={"meaning": "of a core at the peak, so that p99 holds"})
    cores: float = field(default=16, metadata={"meaning": "cores of a machine"})
    memory: float = field(default=64e9, metadata={"meaning": "memory of a machine", "unit": "B"})
    core_hour: float = field(default=0.03, metadata={"meaning": "price of a core-hour", "unit": "€"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    mean = a.users * a.searches * a.keystrokes / 86_400
    peak = mean * a.peak * (1 - a.browser_hits)
    index = a.terms * a.bytes_per_term
    hosts = max(1.0, -(-index // (a.memory / 2)))
    shards = max(hosts, -(-a.terms * a.letters // MOST_BYTES))
    busy = peak * ((a.request_us - a.search_us) + a.search_us * shards) / 1e6
    machines = max(-(-busy / a.utilisation // a.cores), 3 * hosts)
    return [
        Line("keystrokes a second, mean", mean, "/s", "users × searches × keystrokes / seconds of a day"),
        Line("keystrokes a second at the peak", peak, "/s", "mean × peak × what caches leave"),
        Line("index", index, "B", "terms × bytes a term; every process of a machine shares one copy"),
        Line(
            "machines that hold it once",
            hosts,
            "",
            "index / half of a machine's memory: the other half takes the next index",
        ),
        Line(
            "shards", shards, "", "as many, or names / 2 GiB, the most that one index holds; a machine may have several"
        ),
        Line("busy cores at the peak", busy, "cores", "requests × (HTTP + search in each shard)"),
        Line("machines", machines, "", "busy cores / utilisation / cores; at least three replicas"),
        Line("cost of a day", machines * a.cores * 24 * a.core_hour, "€", "machines × cores × 24 h × price"),
        Line(
            "answers sent a day", mean * 86_400 * (1 - a.browser_hits) * 600, "B", "what caches leave × 600 B for five"
        ),
        Line("search as a share of a request", a.search_us / a.request_us, "", "why HTTP is tuned before the index"),
    ]
