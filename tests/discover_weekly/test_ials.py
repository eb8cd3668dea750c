import subprocess
import sys

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix, random

from discover_weekly import ials
from discover_weekly.ials import Factors, Settings
from shared.threads import blas_threads

SETTINGS = Settings(factors=12, unobserved_weight=0.2, regularisation=0.05, sweeps=3)


def interactions(users=70, items=40, share=0.15, seed=0, binary=False):
    rng = np.random.default_rng(seed)
    x = csr_matrix(
        random(users, items, share, random_state=rng, data_rvs=lambda n: rng.uniform(0.2, 4, n)), dtype=np.float32
    )
    if binary:
        x.data[:] = 1
    return x


def vectors(count, factors=12, seed=1):
    return np.random.default_rng(seed).standard_normal((count, factors), np.float32)


def dense_row(weights, fixed, settings):
    """The normal equations of one row, as written in the paper."""
    n = int((weights > 0).sum())
    ridge = settings.regularisation * (n + settings.unobserved_weight * len(weights)) ** settings.nu
    left = (
        settings.unobserved_weight * fixed.T @ fixed
        + fixed.T @ (weights[:, None] * fixed)
        + ridge * np.eye(fixed.shape[1])
    )
    return np.linalg.solve(left, fixed.T @ weights)


def dense_loss(x, factors, settings):
    """The objective over all pairs, one dense matrix at a time."""
    x = x.toarray().astype(np.float64)
    users, items = factors.users.astype(np.float64), factors.items.astype(np.float64)
    predicted = users @ items.T
    total = (x * (predicted - 1) ** 2).sum() + settings.unobserved_weight * (predicted**2).sum()
    for side, counts, others in ((users, (x > 0).sum(axis=1), x.shape[1]), (items, (x > 0).sum(axis=0), x.shape[0])):
        ridge = settings.regularisation * (counts + settings.unobserved_weight * others) ** settings.nu
        total += (ridge * (side**2).sum(axis=1)).sum()
    return total


@pytest.mark.parametrize("nu", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])  # rows shorter and longer than the 12 factors: dual and primal
def test_a_half_sweep_solves_the_normal_equations_of_each_row(nu, share):
    settings = Settings(factors=12, unobserved_weight=0.2, regularisation=0.05, nu=nu)
    x, fixed = interactions(share=share), vectors(40)
    solved = ials.half_sweep(x, fixed, settings)
    expected = [dense_row(row, fixed.astype(np.float64), settings) for row in x.toarray().astype(np.float64)]
    np.testing.assert_allclose(solved, expected, atol=2e-5)


def test_loss_is_the_sum_over_all_pairs():
    x = interactions()
    factors = Factors(vectors(70), vectors(40, seed=2))
    assert ials.loss(x, factors, SETTINGS) == pytest.approx(dense_loss(x, factors, SETTINGS), rel=1e-6)


def test_each_sweep_lowers_the_loss():
    x = interactions()
    losses = []
    for sweeps in range(1, 6):
        settings = Settings(12, 0.2, 0.05, sweeps=sweeps)
        losses.append(ials.loss(x, ials.fit(x, settings, np.random.default_rng(0)), settings))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def implicit_loss(x, users, items, confidence, regularisation):
    """Hu, Koren and Volinsky: confidence on played pairs, 1 on all others, plain L2."""
    x = x.toarray()
    error = np.where(x > 0, confidence, 1) * ((x > 0) - users.astype(np.float64) @ items.T.astype(np.float64)) ** 2
    return error.sum() + regularisation * (
        (users.astype(np.float64) ** 2).sum() + (items.astype(np.float64) ** 2).sum()
    )


def test_reaches_the_loss_of_implicit_on_its_own_objective():
    """With binary data, nu = 0 and vectors scaled by √s, s = c/(c−1), both objectives are the same one."""
    x, confidence, regularisation, sweeps = interactions(binary=True), 5.0, 0.7, 4
    scale = confidence / (confidence - 1)
    settings = Settings(12, 1 / (confidence - 1), regularisation / scale / (confidence - 1), nu=0.0, sweeps=sweeps)
    start = np.random.default_rng(0).random((40, 12), np.float32) * np.float32(0.01)
    users, items = np.zeros((70, 12), np.float32), start
    for _ in range(sweeps):
        users = ials.half_sweep(x, items, settings)
        items = ials.half_sweep(x.T.tocsr(), users, settings)
    root = np.float32(scale**0.5)
    with blas_threads(1):
        peer = AlternatingLeastSquares(
            12, regularization=regularisation, alpha=confidence, iterations=sweeps, use_cg=False
        )
        peer.user_factors, peer.item_factors = np.zeros((70, 12), np.float32), start * root
        peer.fit(x, show_progress=False)
    expected = implicit_loss(x, peer.user_factors, peer.item_factors, confidence, regularisation)
    assert implicit_loss(x, users * root, items * root, confidence, regularisation) == pytest.approx(expected, rel=1e-4)


def test_threads_and_shards_do_not_change_a_byte(monkeypatch):
    x, fixed = interactions(users=1000, items=90), vectors(90)
    whole = ials.half_sweep(x, fixed, SETTINGS)
    basis = ials.diagonalise(ials.grams(fixed), fixed)
    for threads in (1, 3):
        monkeypatch.setattr(ials, "cores", lambda threads=threads: threads)
        shards = [
            ials.solve_rows(x[part], basis, SETTINGS) for part in (slice(0, 256), slice(256, 768), slice(768, 1000))
        ]
        assert np.concatenate(shards).tobytes() == whole.tobytes()


def test_no_sweep_loads_a_blas_that_was_not_there_to_be_narrowed():
    """numba would load scipy's BLAS at the first np.dot, too late for blas_threads(1): slower, and other bytes."""
    program = """
import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_info
from discover_weekly import ials
loaded = len(threadpool_info())
ials.half_sweep(csr_matrix(np.ones((3, 3), np.float32)), np.ones((3, 2), np.float32), ials.Settings(factors=2))
print(loaded == len(threadpool_info()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_grams_of_shards_add_up_to_the_gram_of_all(monkeypatch):
    monkeypatch.setattr(ials, "SHARD_ROWS", 32)
    fixed = vectors(100)
    shards = [ials.grams(fixed[first : first + 32]) for first in range(0, 100, 32)]
    together = ials.diagonalise([gram for shard in shards for gram in shard], fixed)
    assert together.vectors.tobytes() == ials.diagonalise(ials.grams(fixed), fixed).vectors.tobytes()
    np.testing.assert_allclose(sum(ials.grams(fixed)), fixed.T.astype(np.float64) @ fixed, rtol=1e-12)


def test_the_seed_decides_every_byte():
    x = interactions()
    first, again, other = (ials.fit(x, SETTINGS, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert first.users.tobytes() == again.users.tobytes()
    assert first.items.tobytes() == again.items.tobytes()
    assert first.users.tobytes() != other.users.tobytes()


def test_fold_in_of_a_whole_history_gives_the_trained_vector():
    x = interactions()
    factors = ials.fit(x, SETTINGS, np.random.default_rng(0))
    for user in (0, 33, 69):
        np.testing.assert_allclose(ials.half_sweep(x[user], factors.items, SETTINGS)[0], factors.users[user], atol=1e-5)


def test_users_and_items_without_plays_become_zero():
    x = interactions().tolil()
    x[3], x[:, 5] = 0, 0
    factors = ials.fit(x.tocsr(), SETTINGS, np.random.default_rng(0))
    assert (factors.users[3] == 0).all()
    assert (factors.items[5] == 0).all()
    assert np.isfinite(factors.users).all()


def test_the_largest_weights_stay_finite():
    x = interactions()
    x.data[:3] = ials.MAX_WEIGHT
    factors = ials.fit(x, SETTINGS, np.random.default_rng(0))
    assert np.isfinite(factors.users).all()
    assert np.isfinite(factors.items).all()


def test_a_start_continues_from_there():
    x = interactions()
    two = ials.fit(x, Settings(12, 0.2, 0.05, sweeps=2), np.random.default_rng(0))
    three = ials.fit(x, Settings(12, 0.2, 0.05, sweeps=3), np.random.default_rng(0))
    continued = ials.fit(x, Settings(12, 0.2, 0.05, sweeps=1), np.random.default_rng(9), start=two.items)
    np.testing.assert_array_equal(continued.items, three.items)


def test_explanations_add_up_to_the_scores():
    x = interactions()
    factors = ials.fit(x, SETTINGS, np.random.default_rng(0))
    basis = ials.diagonalise(ials.grams(factors.items), factors.items)
    users = ials.half_sweep(x, factors.items, SETTINGS)
    for user in range(0, 70, 9):
        parts = ials.explain(x[user], np.arange(40), basis, SETTINGS)
        assert parts.shape == (40, x[user].nnz)
        np.testing.assert_allclose(parts.sum(axis=1), factors.items @ users[user], atol=1e-4)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, 1e12])
def test_weights_that_make_no_sense_are_refused(weight):
    x = interactions()
    x.data[4] = weight
    with pytest.raises(ValueError, match="between 0 and"):
        ials.fit(x, SETTINGS, np.random.default_rng(0))


@pytest.mark.parametrize(
    "field", [{"factors": 0}, {"unobserved_weight": 0.0}, {"regularisation": -1.0}, {"sweeps": -1}]
)
def test_settings_that_make_no_sense_are_refused(field):
    with pytest.raises(ValueError, match="expected factors"):
        Settings(**field)
