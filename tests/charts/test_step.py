"""The step agrees with the oracle on any plays, in any order, in any split; and every rule has its edge."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charts.counts import add_counts
from charts.records import NOWHERE, Verdict, columns, country_name, to_batch
from charts.rules import Rules, week_start
from charts.step import Segment, step
from shared.clock import DAY_MS, WEEK_MS
from shared.errors import LinerError
from tests.charts.conftest import FRIDAY, NOW, as_batch, make_play, random_plays
from tests.charts.oracle import recount


def run(plays, cuts=(), rules=Rules(), now=NOW):  # noqa: B008
    """Verdicts by name, counts by (week, day, country, artist), after steps over the given split."""
    segments, watermark, tallies, deltas = {}, 0, np.zeros(len(Verdict), np.int64), {}
    edges = [0, *sorted(cuts), len(plays)]
    for start, end in pairwise(edges):
        delta = step(Loading(segments), as_batch(plays[start:end]), watermark, rules, now)
        watermark = delta.watermark
        tallies += delta.tallies
        for week, changes in delta.weeks.items():
            deltas.setdefault(week, []).append(changes.counts)
    counts = {}
    for week, parts in deltas.items():
        for row in add_counts(parts).to_pylist():
            country = (NOWHERE,) if row["country"] == NOWHERE else tuple(map(ord, country_name(row["country"])))
            counts[week, row["day"], country, row["artist_id"]] = (row["units"], row["plays"])
    return +Counter({Verdict(i).name.lower(): int(n) for i, n in enumerate(tallies)}), counts


class Loading(dict):
    def __init__(self, segments):
        super().__init__(segments)
        self.segments = segments

    def __missing__(self, week):
        self[week] = self.segments[week] = Segment()
        return self[week]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_any_split_give_what_the_oracle_gives(seed):
    plays = random_plays(seed)
    rng = np.random.default_rng(seed)
    rules = Rules(daily_cap=2)
    expected = recount(plays, rules, NOW)
    for cuts in ((), (100, 101, 300), range(0, len(plays), 7)):
        rng.shuffle(plays)
        assert run(plays, cuts, rules) == expected
    assert all(expected[0][reason] for reason in ("over_daily_cap", "conflicting_payload", "duplicate"))
    assert expected[0].total() == len(plays)


moments = st.integers(0, 3).map(lambda i: FRIDAY + i)
plays_strategy = st.lists(
    st.builds(
        make_play,
        event_id=st.integers(0, 4),
        user_id=st.integers(0, 1),
        artist_ids=st.lists(st.integers(0, 2), min_size=1, max_size=3),
        started_at=moments,
        played_ms=st.sampled_from([1_000, 40_000]),
        tier=st.integers(0, 2),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(plays_strategy, st.sets(st.integers(0, 30), max_size=4), st.integers(1, 3))
def test_the_tightest_collisions(plays, cuts, cap):
    rules = Rules(daily_cap=cap)
    assert run(plays, {cut for cut in cuts if cut <= len(plays)}, rules) == recount(plays, rules, NOW)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"event_id": None}, "missing_id"),
        ({"user_id": None}, "missing_id"),
        ({"track_id": None}, "missing_id"),
        ({"artist_ids": []}, "bad_credits"),
        ({"artist_ids": [1, None]}, "bad_credits"),
        ({"artist_ids": range(101)}, "bad_credits"),
        ({"artist_ids": range(100)}, "counted"),
        ({"started_at": None}, "impossible_time"),
        ({"started_at": 1_136_073_599_999}, "impossible_time"),
        ({"started_at": 1_136_073_600_000}, "counted"),
        ({"started_at": NOW + DAY_MS}, "counted"),
        ({"started_at": NOW + DAY_MS + 1}, "impossible_time"),
        ({"started_at": FRIDAY // 1000}, "impossible_time"),
        ({"started_at": FRIDAY * 1000}, "impossible_time"),
        ({"played_ms": None}, "impossible_length"),
        ({"played_ms": -1}, "impossible_length"),
        ({"played_ms": DAY_MS}, "counted"),
        ({"played_ms": DAY_MS + 1}, "impossible_length"),
        ({"played_ms": 150_000, "track_ms": 100_000}, "counted"),
        ({"played_ms": 150_001, "track_ms": 100_000}, "impossible_length"),
        ({"track_ms": 2**31 - 1}, "counted"),
        ({"country": None}, "unknown_country"),
        ({"country": "ZZ"}, "unknown_country"),
        ({"country": "se"}, "unknown_country"),
        ({"tier": None}, "unknown_tier"),
        ({"tier": 3}, "unknown_tier"),
        ({"played_ms": 29_999}, "too_short"),
        ({"played_ms": 30_000}, "counted"),
        ({"played_ms": 0}, "too_short"),
    ],
)
def test_one_play_one_verdict(change, verdict):
    play = make_play() | change
    assert run([{**play, "artist_ids": list(play["artist_ids"])}])[0] == {verdict: 1}


def test_a_week_is_friday_to_thursday_to_the_millisecond():
    plays = [
        make_play(i, started_at=FRIDAY + at) for i, at in enumerate((-1, 0, DAY_MS - 1, DAY_MS, WEEK_MS - 1, WEEK_MS))
    ]
    days = {(week_start(week), day): n for (week, day, _, _), (_, n) in run(plays)[1].items()}
    assert days == {(FRIDAY - WEEK_MS, 6): 1, (FRIDAY, 0): 2, (FRIDAY, 1): 1, (FRIDAY, 6): 1, (FRIDAY + WEEK_MS, 0): 1}


def test_tiers_weigh_six_four_three_and_every_credited_artist_gets_the_play():
    plays = [make_play(tier, tier=tier, artist_ids=[tier, 9, 9]) for tier in range(3)]
    units = {artist: value for (_, _, _, artist), value in run(plays)[1].items()}
    assert units == {0: (6, 1), 1: (4, 1), 2: (3, 1), 9: (13, 3)}


def test_an_earlier_play_displaces_the_latest_of_ten():
    ten = [make_play(100 + i, started_at=FRIDAY + 1000 + i, country="SE") for i in range(10)]
    before = run(ten)[1]
    verdicts, after = run([*ten, make_play(1, started_at=FRIDAY, country="US", tier=1)], cuts=(10,))
    assert verdicts == {"counted": 10, "over_daily_cap": 1}
    assert [before[key] for key in before] == [(60, 10)]
    assert sorted(after.values()) == [(4, 1), (54, 9)]


def test_a_play_too_late_is_judged_by_the_plays_before_it_not_by_the_batch():
    late = make_play(1, started_at=FRIDAY - 55 * WEEK_MS)
    assert run([late, make_play(2)])[0] == {"counted": 2}
    assert run([make_play(2), late])[0] == run([make_play(2), late], cuts=(1,))[0] == {"counted": 1, "too_late": 1}


def test_a_thousand_payloads_of_one_id_stay_linear_in_slots():
    plays = [make_play(7, started_at=FRIDAY + i) for i in range(1000)]
    segments = Loading({})
    step(segments, as_batch(plays[::-1]), 0, Rules(), NOW)
    (segment,) = segments.segments.values()
    assert np.count_nonzero(segment.slots) == segment.used[0] == 1000
    assert run(plays)[0] == {"counted": 1, "conflicting_payload": 999}


def test_dedupe_costs_at_most_sixteen_bytes_an_id():
    plays = random_plays(1)
    plain = [
        {**plays[0], "event_id": i, "artist_ids": [1], "country": "SE", "tier": 0, "played_ms": 40_000}
        for i in range(60_000)
    ]
    segments = Loading({})
    for start in range(0, len(plain), 5_000):
        step(segments, as_batch(plain[start : start + 5_000]), 0, Rules(), NOW)
        (segment,) = segments.segments.values()
        assert 8 + segment.slots.nbytes / segment.used[0] <= 16.01


def test_a_batch_survives_the_store_format():
    plays, track_ms, missing, bad = columns(as_batch([make_play(1, artist_ids=[3, 4]), make_play(2, country="--")]))
    again, _, _, _ = columns(to_batch(plays))
    assert all(np.array_equal(a, b) for a, b in zip(plays, again, strict=True))
    assert not (missing | bad | track_ms.astype(bool)).any()


def test_a_segment_that_would_overflow_is_refused():
    with pytest.raises(LinerError, match="more partitions"):
        Segment().reserve(1 << 27, 0)
    with pytest.raises(LinerError, match="more partitions"):
        Segment().reserve(1, 1 << 32)
