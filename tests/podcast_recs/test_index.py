"""The index finds what brute force finds, among the allowed only."""

import numpy as np
import pytest

from podcast_recs import index as module
from podcast_recs.index import Index
from tests.podcast_recs.by_hand import vectors


def brute(queries, stored, k, allowed):
    scores = queries @ stored.T
    scores[:, ~allowed] = -np.inf
    order = np.lexsort((np.broadcast_to(np.arange(len(stored)), scores.shape), -scores), axis=1)[:, :k]
    return order, np.take_along_axis(scores, order, 1)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_equal_to_brute_force_among_the_allowed(share):
    rng = np.random.default_rng(1)
    stored, queries = vectors(500, 1), vectors(7, 2)
    allowed = rng.random(500) < share
    ids, scores = Index(stored).search(queries, 5, allowed)
    expected, best = brute(queries, stored, 5, allowed)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(scores, best, rtol=1e-5)


def test_fewer_allowed_than_asked_for():
    allowed = np.zeros(20, bool)
    allowed[3] = True
    ids, scores = Index(vectors(20)).search(vectors(1, 5), 4, allowed)
    assert ids.tolist() == [[3, -1, -1, -1]]
    assert np.isneginf(scores[0, 1:]).all()


def test_what_is_added_is_found_at_once():
    index = Index(vectors(10))
    new = vectors(3, seed=9)
    index.add(new)
    ids, _ = index.search(new[1:2], 1, np.ones(13, bool))
    assert ids.tolist() == [[11]]
    np.testing.assert_array_equal(index.vectors(np.array([11])), new[1:2])


def test_many_vectors_take_a_byte_a_dimension_and_find_almost_the_same(monkeypatch):
    monkeypatch.setattr(module, "MANY", 100)
    stored, queries = vectors(2_000, 1), vectors(20, 2)
    found, _ = Index(stored).search(queries, 10, np.ones(2_000, bool))
    expected, _ = brute(queries, stored, 10, np.ones(2_000, bool))
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), expected.tolist(), strict=True)]) > 0.9


def test_equal_scores_are_ordered_by_id():
    stored = np.repeat(vectors(1), 6, axis=0)
    ids, _ = Index(stored).search(stored[:1], 6, np.ones(6, bool))
    assert ids.tolist() == [[0, 1, 2, 3, 4, 5]]
