"""From listeners to core-hours: what one Monday costs, derived from speeds that the benchmarks measure on one machine."""

from dataclasses import dataclass, field

from shared.capacity import Line


@dataclass(frozen=True)
class Assumptions:
    """What is assumed; rates are a core's, of the class of machine that the README's tables name."""

    users: float = field(default=500e6, metadata={"meaning": "users who get a list"})
    candidates: float = field(default=2e6, metadata={"meaning": "recordings with enough plays to be scored"})
    plays_a_week: float = field(default=150, metadata={"meaning": "plays of a user a week"})
    recordings_per_user: float = field(default=400, metadata={"meaning": "distinct recordings a user played lately"})
    factors: float = field(default=64, metadata={"meaning": "numbers in a vector"})
    sweeps: float = field(default=4, metadata={"meaning": "sweeps a week, starting from last week's vectors"})
    gflops: float = field(
        default=55, metadata={"meaning": "billion float32 operations a second of a core in the top-k"}
    )
    skipped: float = field(default=0.5, metadata={"meaning": "share of the catalogue that norm pruning skips"})
    entries_per_second: float = field(
        default=700e3, metadata={"meaning": "interactions that a core solves a second, one side"}
    )
    requests_on_monday: float = field(default=0.4, metadata={"meaning": "share of users who open their list on Monday"})
    core_hour: float = field(default=0.03, metadata={"meaning": "price of a core-hour", "unit": "€"})


def estimate(a: Assumptions) -> list[Line]:
    """The estimate, line by line."""
    entries = a.users * a.recordings_per_user
    training = 2 * a.sweeps * entries / a.entries_per_second / 3600
    scoring = 2 * a.users * a.candidates * a.factors * (1 - a.skipped) / (a.gflops * 1e9) / 3600
    monday = a.users * a.requests_on_monday / 86_400
    return [
        Line(
            "plays a second", a.users * a.plays_a_week / (7 * 86_400), "/s", "users × plays a week / seconds of a week"
        ),
        Line("plays of a week on disk", a.users * a.plays_a_week * 16, "B", "16 B a play in Parquet"),
        Line(
            "interactions", 2 * entries * 12, "B", "users × recordings × (row, count, time), by user and by recording"
        ),
        Line("user vectors", a.users * a.factors * 4, "B", "users × factors × 4 B"),
        Line("item vectors, on every worker", a.candidates * a.factors * 4, "B", "candidates × factors × 4 B"),
        Line("training", training, "core-h", "2 sides × sweeps × interactions / entries a second"),
        Line("scoring", scoring, "core-h", "2 × users × candidates × factors × not skipped / FLOPS"),
        Line("workers of 16 cores, done in 6 h", (training + scoring) / 16 / 6, "", "core-hours / 16 / 6"),
        Line("cost of a Monday", (training + scoring) * a.core_hour, "€", "core-hours × price"),
        Line("published lists", a.users * 30 * 21, "B", "users × 30 × (user, rank, track, score, reason, share)"),
        Line("served lists", a.users * 1700 * 10, "B", "1.7 kB of JSON a list, kept ten weeks"),
        Line(
            "reads a second on Monday", monday * 10, "/s", "users × share who open it / a day × 10 for the morning peak"
        ),
    ]
