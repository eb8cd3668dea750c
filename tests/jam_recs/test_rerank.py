"""The greedy beside a slow, obvious one; levels by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jam_recs.constraints import ARTIST_WINDOW, PER_ARTIST
from jam_recs.rerank import greedy, levels, weights

DECAY, EPSILON = 0.9, 0.3
NONE = np.full(2, np.nan, np.float32)


def obvious(liking, level, alpha, artist, recording, before, flow, start, cost, want):
    """As one would say it: weigh, look at every track that may come next, take the best, go on."""
    picks, front, last, had = [], list(before), start, level.astype(float)
    while len(picks) < want:
        weight = (had + EPSILON) ** -alpha
        weight = weight / weight.sum()
        gains = {}
        for t in range(liking.shape[1]):
            window = front[-(ARTIST_WINDOW - 1) :]
            heard = any(recording[t] == recording[p] for p in picks)
            if heard or (front and front[-1] == artist[t]) or window.count(artist[t]) >= PER_ARTIST:
                continue
            step = 0 if np.isnan(last[0]) else np.linalg.norm(flow[t] - last)
            gains[t] = weight @ liking[:, t] - cost * step
        if not gains:
            break
        chosen = max(gains, key=lambda t: (gains[t], -t))
        picks.append(chosen)
        front.append(artist[chosen])
        last = flow[chosen]
        had = DECAY * had + liking[:, chosen]
    return picks


@settings(deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.5, 1.0, 3.0, 8.0]),
    st.sampled_from([0.0, 0.1]),
    st.integers(0, 10**6),
)
def test_the_greedy_equals_the_obvious_one(members, tracks, alpha, cost, seed):
    rng = np.random.default_rng(seed)
    liking = rng.random((members, tracks)).astype(np.float32)
    level = rng.random(members) * 3
    artist, recording = rng.integers(0, 6, tracks), rng.integers(0, tracks, tracks)
    before = rng.integers(0, 6, rng.integers(0, ARTIST_WINDOW))
    flow = rng.standard_normal((tracks, 2)).astype(np.float32)
    start = flow[0] if seed % 2 else NONE
    expected = obvious(liking, level, alpha, artist, recording, before.tolist(), flow, start, cost, 12)
    found, served = greedy(liking, level, alpha, artist, recording, before, flow, start, cost, 12, DECAY, EPSILON)
    assert found.tolist() == expected
    had = level
    for column, whom in zip(found, served, strict=True):
        assert whom == np.argmax((had + EPSILON) ** -alpha * liking[:, column])
        had = DECAY * had + liking[:, column]


def pick(liking, level, alpha, want=1):
    tracks = liking.shape[1]
    own = np.arange(tracks)
    return greedy(liking.astype(np.float32), np.array(level, float), alpha, own, own, own[:0], np.zeros((tracks, 2), np.float32),
                  NONE, 0.0, want, DECAY, EPSILON)[0].tolist()  # fmt: skip


def test_alpha_0_takes_the_best_average_and_a_large_alpha_whom_least_was_given():
    liking = np.array([[0.9, 0.2], [0.8, 0.3], [0.0, 0.7]])
    assert pick(liking, [2, 2, 0.1], alpha=0) == [0]
    assert pick(liking, [2, 2, 0.1], alpha=6) == [1]


def test_equal_gains_go_to_the_lower_column():
    assert pick(np.ones((2, 5)), [0, 0], alpha=3, want=3) == [0, 1, 2]


def test_weights_are_finite_however_steep():
    found = weights(np.array([0.0, 1e6]), 200.0, EPSILON)
    assert found.sum() == pytest.approx(1)
    assert found[0] == pytest.approx(1)


def test_levels_by_hand():
    liking = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    np.testing.assert_allclose(levels(liking, np.array([0, 0]), 0.5), [0.5, 0.75])


def test_a_newcomer_begins_at_the_groups_level():
    liking = np.array([[1.0, 1.0], [0.5, 0.5], [9.0, 0.25]], np.float32)  # the third came after the first track
    found = levels(liking, np.array([0, 0, 1]), 0.5)
    np.testing.assert_allclose(found, [1.5, 0.75, 0.5 * (1.0 + 0.5) / 2 + 0.25])


def test_a_newcomer_who_has_heard_nothing_has_the_mean_and_the_first_of_all_has_none():
    assert levels(np.array([[1.0], [0.0], [7.0]], np.float32), np.array([0, 0, 1]), 0.5).tolist() == [1, 0, 0.5]
    assert levels(np.zeros((2, 0), np.float32), np.array([0, 0])).tolist() == [0, 0]
    assert levels(np.array([[1.0]], np.float32), np.array([5])).tolist() == [0]  # comes later than anything known
