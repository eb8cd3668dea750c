import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random

from discover_weekly import top_k as module
from discover_weekly.top_k import top_k, top_k_scores


def oracle(scores, seen, k):
    """Sort every row in full, by falling score and rising id."""
    ids = np.full((len(scores), k), -1)
    best = np.full((len(scores), k), -np.inf)
    for u, row in enumerate(scores):
        unseen = np.setdiff1d(np.arange(len(row)), seen[u].indices)
        ranked = unseen[np.lexsort((unseen, -row[unseen]))][:k]
        ids[u, : len(ranked)], best[u, : len(ranked)] = ranked, row[ranked]
    return ids, best


def seen_matrix(users, items, share, seed=0):
    return csr_matrix(random(users, items, share, random_state=np.random.default_rng(seed)))


def whole_numbers(users, items, d, seed):
    """Vectors of small whole numbers: every product is exact in float32, and ties are many."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, (users, d)).astype(np.float32), rng.integers(-2, 3, (items, d)).astype(np.float32)


@settings(deadline=None)  # the first example compiles
@given(
    st.integers(1, 40), st.integers(1, 300), st.integers(1, 5), st.integers(1, 30), st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.1, 0.9, 1.0]), st.booleans(),
)  # fmt: skip
def test_equals_a_full_sort_with_ties(users, items, d, k, seed, share, prune):
    x, y = whole_numbers(users, items, d, seed)
    seen = seen_matrix(users, items, share, seed)
    expected = oracle(x @ y.T, seen, k)
    for found in (top_k(x, y, seen, k, prune), top_k_scores(x @ y.T, seen, k)):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_equals_a_full_sort_over_several_tiles_and_strips(spread):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((600, 16), np.float32)
    y = rng.standard_normal((5000, 16), np.float32) * np.exp(spread * rng.standard_normal((5000, 1))).astype(np.float32)
    seen = seen_matrix(600, 5000, 0.01)
    ids, scores = top_k(x, y, seen, 20)
    expected_ids, expected_scores = oracle(x @ y.T, seen, 20)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    assert (ids == expected_ids).mean() > 0.999  # scores closer than float32 rounding may swap
    for pruned, full in zip((ids, scores), top_k(x, y, seen, 20, prune=False), strict=True):
        np.testing.assert_array_equal(pruned, full)


def test_pruning_visits_fewer_tiles(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((256, 8), np.float32)
    y = rng.standard_normal((20_000, 8), np.float32) * np.exp(2 * rng.standard_normal((20_000, 1))).astype(np.float32)
    visited = []
    scan = module._scan
    monkeypatch.setattr(module, "_scan", lambda *arguments: (visited.append(1), scan(*arguments)))
    x[7] = 0  # who has no plays stops nothing
    ids, _ = top_k(x, y, csr_matrix((256, 20_000)), 10)
    assert len(visited) <= 3  # of 10
    assert ids[7].tolist() == list(range(10))


@pytest.mark.parametrize("cut", [256, 512])
def test_shards_at_multiples_of_a_strip_give_the_same_bytes(cut):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((700, 33), np.float32), rng.standard_normal((3000, 33), np.float32)
    seen = seen_matrix(700, 3000, 0.02)
    whole = top_k(x, y, seen, 15)
    parts = [top_k(x[part], y, seen[part], 15) for part in (slice(0, cut), slice(cut, 700))]
    for column in (0, 1):
        assert whole[column].tobytes() == b"".join(part[column].tobytes() for part in parts)


def test_number_of_threads_does_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((1500, 20), np.float32), rng.standard_normal((3000, 20), np.float32)
    answers = []
    for threads in (1, 3):
        monkeypatch.setattr(module, "cores", lambda threads=threads: threads)
        answers.append(b"".join(part.tobytes() for part in top_k(x, y, seen_matrix(1500, 3000, 0.01), 10)))
    assert answers[0] == answers[1]


def test_zero_vectors_rank_by_id():
    seen = csr_matrix(np.array([[0] * 9, [1, 0, 1, 0, 1, 1, 1, 1, 1]]))
    ids, scores = top_k(np.zeros((2, 4), np.float32), np.ones((9, 4), np.float32), seen, 3)
    assert ids.tolist() == [[0, 1, 2], [1, 3, -1]]
    assert scores.tolist() == [[0, 0, 0], [0, 0, -np.inf]]


def test_who_has_heard_everything_gets_an_empty_list():
    x, y = whole_numbers(2, 6, 3, 0)
    seen = csr_matrix(np.array([[1] * 6, [1, 1, 1, 1, 0, 1]]))
    ids, scores = top_k(x, y, seen, 2)
    assert ids.tolist() == [[-1, -1], [4, -1]]
    assert np.isneginf(scores[0]).all()


def test_no_users_no_items_and_no_k_are_empty_answers():
    vectors = np.ones((3, 2), np.float32)
    assert top_k(vectors[:0], vectors, csr_matrix((0, 3)), 2)[0].shape == (0, 2)
    assert (top_k(vectors, vectors[:0], csr_matrix((3, 0)), 2)[0] == -1).all()
    assert top_k(vectors, vectors, csr_matrix((3, 3)), 0)[0].shape == (3, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(value):
    good, bad = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
    bad[1, 1] = value
    with pytest.raises(ValueError, match="diverged"):
        top_k(bad, good, csr_matrix((3, 3)), 1)
    with pytest.raises(ValueError, match="diverged"):
        top_k(good, bad, csr_matrix((3, 3)), 1)


def test_scores_that_are_nan_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        top_k_scores(np.full((1, 2), np.nan, np.float32), csr_matrix((1, 2)), 1)


def test_shapes_that_do_not_fit_are_refused():
    vectors = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="do not fit together"):
        top_k(vectors, np.ones((3, 4), np.float32), csr_matrix((3, 3)), 1)
    with pytest.raises(ValueError, match="do not fit together"):
        top_k(vectors, vectors, csr_matrix((3, 4)), 1)
