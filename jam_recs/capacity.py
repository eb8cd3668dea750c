"""From parties to machines: rooms are small and many, so sockets and syncs decide, and recommending is cheap because joins are rare."""

from dataclasses import dataclass, field

from shared.capacity import Line


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; costs are one core's, of the class of machine that the README's tables name."""

    rooms: float = field(default=400e3, metadata={"meaning": "parties at the busiest minute"})
    members: float = field(default=5, metadata={"meaning": "members of a party"})
    wishes: float = field(default=1.5, metadata={"meaning": "votes, skips, adds and moves of a member a minute"})
    song: float = field(default=200, metadata={"meaning": "length of a track, in s"})
    stay: float = field(default=45, metadata={"meaning": "minutes that a member stays"})
    record: float = field(default=250, metadata={"meaning": "one op in the log", "unit": "B"})
    deliveries: float = field(default=12e3, metadata={"meaning": "events a core delivers a second, durable first"})
    refill_ms: float = field(default=3, metadata={"meaning": "a refill: 8 members, pool of 2,000"})
    join_ms: float = field(default=40, metadata={"meaning": "a join: product with every track, in ms of a core"})
    tracks: float = field(default=100e6, metadata={"meaning": "tracks in the catalogue"})
    joinable: float = field(default=1e6, metadata={"meaning": "of which a party is offered the best known"})
    factors: float = field(default=64, metadata={"meaning": "numbers in a vector"})
    socket: float = field(default=40e3, metadata={"meaning": "memory of a connection", "unit": "B"})
    utilisation: float = field(default=0.4, metadata={"meaning": "of a core at the peak, so that p99 holds"})
    cores: float = field(default=16, metadata={"meaning": "cores of a machine"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    sockets = a.rooms * a.members
    wishes = sockets * a.wishes / 60
    events = wishes + 2 * a.rooms / a.song
    joins = sockets / (a.stay * 60)
    refills = joins * 2 + a.rooms / a.song + wishes
    fan_out = events * a.members / a.deliveries
    recommending = (refills * a.refill_ms + joins * a.join_ms) / 1e3
    machines = -(-(fan_out + recommending) / a.utilisation // a.cores)
    return [
        Line("sockets", sockets, "", "rooms × members"),
        Line("memory of the sockets", sockets * a.socket, "B", "sockets × memory of one"),
        Line("wishes a second", wishes, "/s", "sockets × wishes a minute / 60"),
        Line("events a second", events, "/s", "wishes, and an end and a refill a track"),
        Line("deliveries a second", events * a.members, "/s", "events × members: everybody is told everything"),
        Line("written to logs a day", events * a.record * 86_400, "B", "events × bytes × seconds; kept: one state a live room"),
        Line("joins a second", joins, "/s", "sockets / stay"),
        Line("refills a second", refills, "/s", "a join, a leave, a track, a wish; fewer where one still runs"),
        Line("cores for fan-out", fan_out, "cores", "deliveries / what a core delivers"),
        Line("cores for recommending", recommending, "cores", "refills and joins × their milliseconds"),
        Line("machines", machines, "", "both / utilisation / cores"),
        Line("vectors on each", a.joinable * a.factors * 4, "B", "offered tracks × factors × 4 B; shared by its processes"),
        Line("all tracks instead", a.tracks * a.factors * 4, "B", "why a join looks at the best known million, or at an index"),
    ]  # fmt: skip
