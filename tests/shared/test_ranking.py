import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from shared import ranking


def oracle(lists, relevant, k):
    """The definitions, one user at a time."""
    rows = []
    for ids, wanted in zip(lists, relevant, strict=True):
        found = [item in wanted for item in ids[:k] if item >= 0]
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(wanted))))
        gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(found) if hit)
        rows.append((sum(found) / min(k, len(wanted)), sum(found) / k, gain / ideal))
    return np.array(rows).T


@pytest.mark.parametrize("k", [1, 5, 12, 30])
@pytest.mark.parametrize("seed", range(5))
def test_every_metric_equals_its_definition(k, seed):
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(40)[:12] for _ in range(30)], np.int32)
    lists[3, 5:] = -1
    relevant = [set(rng.permutation(40)[: rng.integers(1, 25)].tolist()) for _ in range(30)]
    pairs = [(user, item) for user, items in enumerate(relevant) for item in items]
    matrix = csr_matrix((np.ones(len(pairs)), np.array(pairs).T), (30, 40))
    counts = np.diff(matrix.indptr)
    hit = ranking.hits(lists, matrix)
    found = ranking.recall(hit, counts, k), ranking.precision(hit, k), ranking.ndcg(hit, counts, k)
    np.testing.assert_allclose(found, oracle(lists, relevant, k), rtol=1e-12)


def test_precision_and_recall_are_not_the_same():
    hit = np.array([[True, False, True, False]])
    assert ranking.precision(hit, 4)[0] == 0.5
    assert ranking.recall(hit, np.array([2]), 4)[0] == 1.0
    assert ranking.recall(hit, np.array([100]), 4)[0] == 0.5


def test_an_absent_item_is_no_hit():
    """-1 must not meet the last item of the row before."""
    relevant = csr_matrix(np.array([[0, 1], [1, 0]]))
    assert ranking.hits(np.array([[-1, -1], [-1, 0]], np.int32), relevant).tolist() == [[False, False], [False, True]]


def test_coverage_counts_distinct_items():
    assert ranking.coverage(np.array([[0, 3], [3, -1]], np.int32), 8) == 0.25


def test_interval_is_that_of_the_normal_law_for_many_users():
    values = np.random.default_rng(0).normal(0.4, 0.2, 4000)
    low, high = ranking.bootstrap_interval(values, seed=1)
    error = values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=error / 4)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=error / 4)
    assert (low, high) == ranking.bootstrap_interval(values, seed=1)
    assert (low, high) != ranking.bootstrap_interval(values, seed=2)
