"""Pools: exact, in a total order, and there for people nobody knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jam_recs.pool import Pool, best, in_turns, products, retrieve, score_all
from tests.jam_recs.rooms import catalogue


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=300), st.integers(0, 50))
def test_best_equals_a_full_sort_ties_included(scores, count):
    scores = np.array(scores, np.float32)
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:count]
    assert best(scores, count).tolist() == expected


def test_best_of_many_equals_a_full_sort_although_the_cut_is_guessed():
    scores = np.random.default_rng(1).standard_normal(200_000).astype(np.float32)
    scores[::3] = scores[0]  # a third of them equal
    expected = np.lexsort((np.arange(len(scores)), -scores))[:2_000]
    np.testing.assert_array_equal(best(scores, 2_000), expected)


def test_scores_are_the_products():
    known = catalogue(20_000, 16)
    vector = known.listener(3)
    np.testing.assert_allclose(score_all(known.vectors, vector), known.vectors @ vector, rtol=1e-5, atol=1e-5)
    rows = np.array([5, 19_999, 0])
    np.testing.assert_allclose(
        products(known.users, known.vectors, rows), known.users @ known.vectors[rows].T, rtol=1e-5, atol=1e-5
    )


def test_a_pool_is_best_first_and_knows_what_an_ideal_queue_gives():
    known = catalogue()
    pool = retrieve(known, known.listener(1), size=30)
    scores = known.vectors @ known.listener(1)
    assert pool.rows.tolist() == np.argsort(-scores, kind="stable")[:30].tolist()
    assert pool.ideal == pytest.approx(np.maximum(np.sort(scores)[::-1][:24], 0).mean(), rel=1e-5)


def test_tracks_without_a_vector_are_not_brought_and_a_pool_may_be_empty():
    known = catalogue()
    known.vectors[5:] = 0
    assert set(retrieve(known, known.listener(0)).rows) == {0, 1, 2, 3, 4}
    known.vectors[:5] = -known.listener(0)  # disliked, and still better known than what has no vector
    assert set(retrieve(known, known.listener(0), size=5).rows) == {0, 1, 2, 3, 4}
    known.vectors[:] = 0
    nothing = retrieve(known, known.listener(0))
    assert len(nothing.rows) == 0
    assert nothing.ideal == 1


def test_an_unknown_listener_and_one_who_never_played_are_the_mean_listener():
    known = catalogue()
    mean = known.users.mean(axis=0)
    np.testing.assert_array_equal(known.listener(-1), mean)
    np.testing.assert_array_equal(known.listener(10**9), mean)
    known.users[2] = 0
    np.testing.assert_array_equal(known.listener(2), known.users.mean(axis=0))


@pytest.mark.parametrize("vector", [np.full(4, np.nan), np.zeros(3), np.full(4, np.inf)])
def test_a_vector_that_cannot_be_is_refused(vector):
    with pytest.raises(ValueError, match="expected finite"):
        retrieve(catalogue(), vector.astype(np.float32))


def test_turns_go_round_and_every_row_comes_once():
    pools = [Pool(np.zeros(1), np.array(rows, np.int64), np.zeros(len(rows)), 1.0) for rows in ([5, 3, 1], [3, 2], [])]
    assert in_turns(pools, 6).tolist() == [5, 3, 2, 1]
    assert len(in_turns([], 6)) == 0
