"""Discover Weekly's three kernels beside the tools one would take instead: the final step, a training sweep, EASE.

Every contestant gets the same arrays and the same cores. implicit runs as its authors advise, BLAS on one thread inside its own;
FAISS cannot leave out what a user has heard, so it is asked for so many more and filtered after.
"""

from functools import cache

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from discover_weekly import ease, ials
from discover_weekly.top_k import top_k
from shared.threads import blas_threads, cores

K, SEEN = 50, 50
TOP_K_SIZES = {
    "tiny": (300, 3_000, 16),
    "small": (4_000, 100_000, 64),
    "full": (100_000, 100_000, 64),
}  # users, items, factors
SWEEP_SIZES = {
    "tiny": (400, 300, 8, 8),
    "small": (20_000, 20_000, 64, 41),
    "full": (100_000, 100_000, 64, 41),
}  # … plays a user
EASE_SIZES = {"tiny": (500, 200), "small": (10_000, 3_000), "full": (50_000, 10_000)}
CHECKED = 200  # users whose lists are compared with a full sort
SWEEPS, CONFIDENCE, REGULARISATION = 3, 11.0, 10.0


@cache
def vectors(size: str, spread: float) -> tuple[np.ndarray, np.ndarray, csr_matrix]:
    """Vectors with a decaying spectrum, item norms log-normal with standard deviation `spread`, SEEN items heard by each user."""
    users, items, factors = TOP_K_SIZES[size]
    rng = np.random.default_rng(1)
    spectrum = np.linspace(1, 0.1, factors).astype(np.float32)
    x = rng.standard_normal((users, factors), np.float32) * spectrum
    y = rng.standard_normal((items, factors), np.float32) * spectrum
    y *= np.exp(spread * rng.standard_normal((items, 1))).astype(np.float32)
    heard = np.sort(rng.integers(0, items, (users, SEEN)), axis=1)
    seen = csr_matrix((np.ones(users * SEEN, np.float32), heard.ravel(), np.arange(users + 1) * SEEN), (users, items))
    seen.sum_duplicates()
    return x, y, seen


def ours(x, y, seen, prune):
    return lambda: top_k(x, y, seen, K, prune)


def implicit_top_k(x, y, seen):
    topk = pytest.importorskip("implicit.cpu.topk", reason="pip install implicit").topk

    def run():
        with blas_threads(1):
            return topk(y, x, K, filter_query_items=seen, num_threads=cores())

    return run


def faiss_top_k(x, y, seen, lists, probes):
    faiss = pytest.importorskip("faiss", reason="pip install faiss-cpu")
    faiss.omp_set_num_threads(cores())
    index = faiss.IndexFlatIP(y.shape[1])
    if lists:
        index = faiss.IndexIVFFlat(index, y.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 1  # it would warn about the tiny size
        index.train(y)
        index.nprobe = probes
    index.add(y)

    def run():
        scores, ids = index.search(x, K + SEEN)
        keys = np.repeat(np.arange(len(x)), np.diff(seen.indptr)) * len(y) + seen.indices
        heard = np.isin(np.arange(len(x))[:, None] * len(y) + ids, keys) | (ids < 0)
        order = np.argsort(heard, axis=1, kind="stable")[:, :K]
        scores[heard] = -np.inf
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

    return run


def argpartition_top_k(x, y, seen):
    """The obvious way: whole rows of scores, a thousand users at a time."""

    def run():
        ids, best = np.empty((len(x), K), np.int32), np.empty((len(x), K), np.float32)
        for first in range(0, len(x), 1000):
            scores = x[first : first + 1000] @ y.T
            scores[seen[first : first + 1000].nonzero()] = -np.inf
            part = np.argpartition(scores, -K, axis=1)[:, -K:]
            chosen = np.take_along_axis(scores, part, axis=1)
            order = np.argsort(-chosen, axis=1)
            ids[first : first + 1000] = np.take_along_axis(part, order, axis=1)
            best[first : first + 1000] = np.take_along_axis(chosen, order, axis=1)
        return ids, best

    return run


TOP_K = {
    "ours-pruned": lambda size, *data: ours(*data, prune=True),
    "ours-unpruned": lambda size, *data: ours(*data, prune=False),
    "implicit": lambda size, *data: implicit_top_k(*data),
    "faiss-flat": lambda size, *data: faiss_top_k(*data, 0, 0),
    "faiss-ivf": lambda size, *data: faiss_top_k(*data, *((16, 8) if size == "tiny" else (1024, 64))),
    "numpy-argpartition": lambda size, *data: argpartition_top_k(*data),
}


@pytest.mark.parametrize("contestant", TOP_K)
def test_top_k_random_norms(measure, benchmark, bench_size, digest_of, contestant):
    run_top_k(measure, benchmark, bench_size, digest_of, contestant, "top-k-random-norms", 0.0)


@pytest.mark.parametrize("contestant", TOP_K)
def test_top_k_spread_norms(measure, benchmark, bench_size, digest_of, contestant):
    run_top_k(measure, benchmark, bench_size, digest_of, contestant, "top-k-spread-norms", 1.2)


def run_top_k(measure, benchmark, size, digest_of, contestant, group, spread):
    x, y, seen = vectors(size, spread)
    ids, scores = measure(group, TOP_K[contestant](size, x, y, seen), ("implicit", "faiss-cpu"))
    overlap = np.mean(
        [found_share(ids[u], x[u] @ y.T, seen[u].indices) for u in range(0, len(x), max(1, len(x) // CHECKED))]
    )
    heard = np.repeat(np.arange(len(x)), np.diff(seen.indptr)) * len(y) + seen.indices
    assert not np.isin(np.arange(len(x))[:, None] * len(y) + ids, heard).any()
    assert overlap == 1 if contestant != "faiss-ivf" else overlap > 0.1
    benchmark.extra_info.update(
        recall_at_50=float(overlap), digest=digest_of(ids, scores), users=len(x), items=len(y), factors=x.shape[1]
    )
    benchmark.extra_info["show"]["recall@50"] = f"{overlap:.3f}"


def found_share(ids, scores, heard):
    """Share of a list that belongs to the true top K, ties within 1e-5 aside."""
    scores = scores.copy()
    scores[heard] = -np.inf
    last = np.partition(scores, -K)[-K]
    return np.mean(scores[ids] >= last - 1e-5 * max(1, abs(last)))


@cache
def interactions(users: int, items: int, plays: int) -> csr_matrix:
    """Zipf-like popularity, ones; about `plays` distinct items a user."""
    rng = np.random.default_rng(2)
    popularity = 1 / (np.arange(items) + 10) ** 0.8
    lengths = np.minimum(rng.geometric(1 / plays, users), items)
    chosen = rng.choice(items, lengths.sum(), p=popularity / popularity.sum())
    matrix = csr_matrix(
        (np.ones(lengths.sum(), np.float32), (np.repeat(np.arange(users), lengths), chosen)), (users, items)
    )
    matrix.data[:] = 1
    return matrix


def our_sweeps(matrix, start):
    """implicit's objective in our terms: nu = 0, vectors scaled by √s, s = c/(c−1), so that all losses are comparable."""
    scale = CONFIDENCE / (CONFIDENCE - 1)
    settings = ials.Settings(start.shape[1], 1 / (CONFIDENCE - 1), REGULARISATION / scale / (CONFIDENCE - 1), nu=0.0)

    def run():
        by_item, items = matrix.T.tocsr(), start
        for _ in range(SWEEPS):
            users = ials.half_sweep(matrix, items, settings)
            items = ials.half_sweep(by_item, users, settings)
        return users * np.float32(scale**0.5), items * np.float32(scale**0.5)

    return run


def implicit_sweeps(matrix, start, use_cg):
    als = pytest.importorskip("implicit.cpu.als", reason="pip install implicit")
    scale = np.float32(CONFIDENCE / (CONFIDENCE - 1))

    def run():
        with blas_threads(1):
            model = als.AlternatingLeastSquares(
                start.shape[1],
                regularization=REGULARISATION,
                alpha=CONFIDENCE,
                iterations=SWEEPS,
                use_cg=use_cg,
                num_threads=cores(),
            )
            model.user_factors = np.zeros((matrix.shape[0], start.shape[1]), np.float32)
            model.item_factors = start * scale**0.5
            model.fit(matrix, show_progress=False)
        return model.user_factors, model.item_factors

    return run


SWEEP = {
    "ours": our_sweeps,
    "implicit-cg": lambda matrix, start: implicit_sweeps(matrix, start, True),
    "implicit-cholesky": lambda matrix, start: implicit_sweeps(matrix, start, False),
}


@pytest.mark.parametrize("contestant", SWEEP)
def test_ials_sweep(measure, benchmark, bench_size, digest_of, contestant):
    als = pytest.importorskip("implicit.cpu._als", reason="pip install implicit")
    users, items, factors, plays = SWEEP_SIZES[bench_size]
    matrix = interactions(users, items, plays)
    start = np.random.default_rng(3).random((items, factors), np.float32) * np.float32(0.01)
    x, y = measure("ials-sweep", SWEEP[contestant](matrix, start), ("implicit",))
    loss = als.calculate_loss(matrix * np.float32(CONFIDENCE), x, y, REGULARISATION, num_threads=cores())
    before = als.calculate_loss(matrix * np.float32(CONFIDENCE), 0 * x, start, REGULARISATION, num_threads=cores())
    assert 0 < loss < before
    benchmark.extra_info.update(
        loss=float(loss), sweeps=SWEEPS, pairs=int(matrix.nnz), factors=factors, digest=digest_of(x, y)
    )
    benchmark.extra_info["show"][f"loss after {SWEEPS} sweeps"] = f"{loss:.6f}"


def numpy_ease(matrix):
    def run():
        inverse = np.linalg.inv((matrix.T @ matrix).toarray().astype(np.float64) + 100 * np.eye(matrix.shape[1]))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return weights

    return run


EASE = {"ours-float32": lambda matrix: lambda: ease.fit(matrix, 100.0), "numpy-inverse-float64": numpy_ease}


@pytest.mark.parametrize("contestant", EASE)
def test_ease(measure, benchmark, bench_size, contestant):
    matrix = interactions(*EASE_SIZES[bench_size], 20)
    weights = measure("ease", EASE[contestant](matrix))
    column = len(weights) // 2  # its ridge regression again, by a solver that shares nothing with either
    others = np.delete(np.arange(len(weights)), column)
    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    expected = np.linalg.solve(gram[np.ix_(others, others)] + 100 * np.eye(len(others)), gram[others, column])
    error = float(np.abs(weights[others, column] - expected).max())
    assert error < 1e-4
    benchmark.extra_info.update(largest_error=error, items=len(weights), users=matrix.shape[0])
    benchmark.extra_info["show"]["largest error"] = f"{error:.0e}"
