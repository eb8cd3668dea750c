import numpy as np
import pytest
from scipy.sparse import csr_matrix, random

from discover_weekly import ease


def interactions(users=60, items=25, seed=0):
    rng = np.random.default_rng(seed)
    return csr_matrix(
        random(users, items, 0.2, random_state=rng, data_rvs=lambda n: rng.uniform(0.5, 3, n)), dtype=np.float32
    )


def oracle(x, regularisation):
    """Each column on its own: ridge regression of item j on all other items."""
    x = x.toarray().astype(np.float64)
    b = np.zeros((x.shape[1], x.shape[1]))
    for j in range(x.shape[1]):
        others = np.delete(np.arange(x.shape[1]), j)
        left = x[:, others].T @ x[:, others] + regularisation * np.eye(len(others))
        b[others, j] = np.linalg.solve(left, x[:, others].T @ x[:, j])
    return b


@pytest.mark.parametrize("regularisation", [0.5, 20.0])
def test_each_column_is_the_ridge_regression_on_all_others(regularisation):
    x = interactions()
    weights = ease.fit(x, regularisation)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, oracle(x, regularisation), atol=2e-5)
    assert (np.diag(weights) == 0).all()


def test_co_occurrence_is_the_matrix_product():
    x = interactions()
    np.testing.assert_allclose(ease.co_occurrence(x), (x.T @ x).toarray(), rtol=1e-6)


def test_scores_of_new_users_are_the_product():
    x = interactions()
    weights = ease.fit(x, 5.0)
    new = interactions(7, seed=3)
    np.testing.assert_allclose(ease.scores(new, weights), new.toarray() @ weights, atol=1e-5)


def test_items_and_users_without_plays_get_zeros():
    x = interactions().tolil()
    x[:, 4] = 0
    x[9] = 0
    weights = ease.fit(x.tocsr(), 5.0)
    assert (weights[4] == 0).all()
    assert (weights[:, 4] == 0).all()
    assert (ease.scores(x.tocsr()[9:10], weights) == 0).all()


def test_a_catalogue_too_large_is_refused_with_the_bytes_it_would_take():
    with pytest.raises(ValueError, match="40000 items: EASE needs 6400000000 bytes"):
        ease.fit(csr_matrix((5, 40_000), dtype=np.float32), 1.0)


@pytest.mark.parametrize("regularisation", [0.0, -1.0, float("nan")])
def test_regularisation_must_be_positive(regularisation):
    with pytest.raises(ValueError, match="expected more than 0"):
        ease.fit(interactions(), regularisation)
