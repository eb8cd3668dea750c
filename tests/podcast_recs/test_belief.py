"""The belief equals conditioning on every trace by itself, and costs the same whatever their number."""

import numpy as np
import pytest

from podcast_recs.belief import Belief, Prior
from shared.errors import BadInput

W = 12


def prior(seed=0, w=W):
    rng = np.random.default_rng(seed)
    days = np.arange(w)
    covariance = 0.04 * np.exp(-np.abs(days[:, None] - days) / 5) + 1e-4 * np.eye(w)
    noise = 0.2 * np.exp(-np.abs(days[:, None] - days) / 2) + 1e-3 * np.eye(w)
    return Prior(0.2 + 0.1 * rng.random(w), covariance, noise)


def by_every_trace(p, traces, begun, day, learn):
    """The published computation: mask each trace, average by day, solve."""
    w = len(p.mean)
    mask = np.arange(w) < (day - begun)[:, None]
    shown = np.where(mask, traces, 0.0)
    n = mask.sum(axis=0)
    k = w if n.all() else int(np.argmin(n > 0))
    if k == 0:
        return p.mean.sum(), p.covariance.sum()
    average = shown[:, :k].sum(axis=0) / n[:k]
    low, high = np.minimum.outer(n[:k], n[:k]), np.maximum.outer(n[:k], n[:k])
    noise = p.noise[:k, :k] / high
    if learn:
        centred = shown[:, :k] - average
        noise = (centred.T @ centred + p.noise[:k, :k]) / ((low + 1) * high)
    inverse = np.linalg.inv(p.covariance[:k, :k] + noise)
    mean = p.mean + p.covariance[:, :k] @ inverse @ (average - p.mean[:k])
    covariance = p.covariance - p.covariance[:, :k] @ inverse @ p.covariance[:k]
    return mean.sum(), covariance.sum()


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("day", [0, 1, 2, 5, 9, 40])
def test_equal_to_conditioning_on_every_trace(learn, day):
    rng = np.random.default_rng(day)
    p = prior()
    belief, traces, begun = Belief(p), [], []
    for start in (0, 1, 1, 4, 7):
        some = (rng.random((int(rng.integers(1, 9)), W)) < 0.3).astype(float)
        belief.observe(some, start)
        traces.append(some)
        begun.append(np.full(len(some), start))
    found = belief.posterior(day, learn_noise=learn)
    expected = by_every_trace(p, np.concatenate(traces), np.concatenate(begun), day, learn)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_without_listeners_the_prior_is_all_that_is_known():
    p = prior()
    assert Belief(p).posterior(10) == (pytest.approx(p.mean.sum()), pytest.approx(p.covariance.sum()))


def test_days_to_come_are_not_read():
    p, traces = prior(), np.zeros((4, W))
    known, other = Belief(p), Belief(p)
    known.observe(traces, 0)
    traces[:, 5:] = 1
    other.observe(traces, 0)
    assert known.posterior(5) == other.posterior(5)
    assert known.posterior(6).mean < other.posterior(6).mean


def test_more_listeners_make_the_belief_surer():
    p, variances = prior(), []
    belief = Belief(p)
    for day in range(4):
        belief.observe(np.ones((10, W)), day)
        variances.append(belief.posterior(20).variance)
    assert variances == sorted(variances, reverse=True)
    assert len(set(variances)) == 4


def test_traces_of_another_length_are_refused():
    with pytest.raises(BadInput, match="traces of 3 days; expected 12"):
        Belief(prior()).observe(np.ones((1, 3)), 0)
