"""The back of the envelope: what everybody's year costs when everybody is half a billion people.

The speeds are what `tests/bench/test_bench_wrapped.py` measures, a core, rounded down. Prices are assumptions, and flags.
"""

from dataclasses import dataclass, field

from shared.capacity import Line


def _assumed(default: float, meaning: str, unit: str = "") -> float:
    value: float = field(default=default, metadata={"meaning": meaning, "unit": unit})
    return value


@dataclass(frozen=True)
class Assumptions:
    """What the estimate stands on; each is a flag of `liner wrapped capacity`."""

    users: float = _assumed(500e6, "listeners with a year to review")
    plays_per_user: float = _assumed(5_000, "plays a listener and year")
    bytes_per_play: float = _assumed(13.5, "bytes a play in a sorted bucket, zstd", "B")
    review_rate: float = _assumed(2.5e6, "plays reviewed a second and core, statistics and standings", "/s")
    bucket_rate: float = _assumed(1.5e6, "plays bucketed a second and core, once a year's growth", "/s")
    artists_per_user: float = _assumed(250, "distinct artists a listener and year")
    bytes_per_year: float = _assumed(400, "bytes of one published year, zstd", "B")
    cores: float = _assumed(2_000, "cores that may be had for a night")
    core_hour: float = _assumed(0.04, "price of a core-hour", "$")
    storage_month: float = _assumed(0.02, "price of a GB-month", "$")
    views_per_user: float = _assumed(3, "times a listener opens the story in its first day")
    cards: float = _assumed(10, "cards a story")
    card_bytes: float = _assumed(110e3, "bytes of a card as PNG", "B")
    peak_factor: float = _assumed(8, "busiest minute of the first day over its mean")


def estimate(assumed: Assumptions) -> list[Line]:
    """Lines from plays to money to the first day's traffic."""
    plays = assumed.users * assumed.plays_per_user
    stored = plays * assumed.bytes_per_play
    review_hours = plays / assumed.review_rate / 3600
    bucket_hours = plays / assumed.bucket_rate / 3600
    totals = assumed.users * assumed.artists_per_user * 17
    night = (review_hours + bucket_hours) / assumed.cores
    views = assumed.users * assumed.views_per_user / 86_400
    peak = views * assumed.peak_factor
    return [
        Line("plays", plays, "", "users × plays a user"),
        Line("fact table", stored, "B", "plays × bytes a play, bucketed and sorted"),
        Line(
            "buckets", 2 ** (max(int(plays / 1e6), 1) - 1).bit_length(), "", "a power of two, a million plays in each"
        ),
        Line("bucketing", bucket_hours, "core-h", "plays ÷ rate; the year's growth, as it comes"),
        Line("review", review_hours, "core-h", "plays ÷ rate; every statistic in one pass"),
        Line("second shuffle", totals, "B", "users × artists × 17 B: artist, user, place, ms"),
        Line("the night", night, "h", "core-hours ÷ cores, bucketing included"),
        Line("compute", (review_hours + bucket_hours) * assumed.core_hour, "$", "core-hours × price"),
        Line("storage", stored / 1e9 * assumed.storage_month * 12, "$/year", "GB × price × 12"),
        Line("published years", assumed.users * assumed.bytes_per_year, "B", "users × bytes a year"),
        Line("stories, mean", views, "/s", "users × views ÷ a day"),
        Line("stories, peak", peak, "/s", "mean × peak factor"),
        Line(
            "egress, peak",
            peak * assumed.cards * assumed.card_bytes,
            "B/s",
            "if every card were a PNG; the page draws SVG of a few kB",
        ),
    ]
