"""The contestants of the evaluation: popularity, iALS, EASE and their blend, and the search for their settings on validation users.

A fitted model is a scorer: users' histories (csr) in, one score per item out. iALS and EASE err differently, the first by squeezing the
long tail through few dimensions, the second by trusting few co-occurrences, so a weighted sum of both, each standardised per
user, can be better than either. No setting is guessed: a hill climb over a small grid asks users whom no test will see.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from discover_weekly import ease, ials
from discover_weekly.top_k import Float32, Int32, top_k_scores
from shared import ranking
from shared.threads import blas_threads, cores

Scorer = Callable[[csr_matrix], Float32]
Choice = Mapping[str, Any]

IALS_START: Choice = {"weights": "binary", "unobserved_weight": 0.1, "regularisation": 0.01, "factors": 64}
IALS_AXES: Mapping[str, Sequence[Any]] = {
    "unobserved_weight": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "regularisation": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "weights": ("binary", "log"),
}
FACTORS: Mapping[str, Sequence[Any]] = {
    "factors": (16, 32, 64, 128, 256, 512)
}  # last: the other settings hardly depend on it
EASE_START: Choice = {"weights": "binary", "regularisation": 100.0}
EASE_AXES: Mapping[str, Sequence[Any]] = {
    "regularisation": (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0),
    "weights": ("binary", "log"),
}
BLEND_SHARES = tuple(np.linspace(0, 1, 21).round(2))  # of EASE
BLOCK_SCORES = 1 << 24  # scores of one block of users: 64 MB


class Case(NamedTuple):
    """What to learn from, whom to recommend to, and what they then took; all over the same items."""

    train: csr_matrix  # [users, items]
    history: csr_matrix  # [n, items], known when recommending, and left out of the lists
    relevant: csr_matrix  # [n, items], to be found


def weighting(kind: str, train: csr_matrix) -> Callable[[csr_matrix], csr_matrix]:
    """Weights as ones (`binary`), or as log(1 + weight) with mean 1 over the training pairs (`log`); float32."""
    mean = np.log1p(train.data).mean()

    def weighted(matrix: csr_matrix) -> csr_matrix:
        data = np.ones(matrix.nnz) if kind == "binary" else np.minimum(np.log1p(matrix.data) / mean, ials.MAX_WEIGHT)
        return csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), matrix.shape)

    return weighted


def fit_popularity(train: csr_matrix) -> Scorer:
    """The same for everybody: how many users an item has."""
    counts = train.getnnz(axis=0).astype(np.float32)
    return lambda history: np.repeat(counts[None], history.shape[0], axis=0)


def fit_ials(train: csr_matrix, choice: Choice, seed: int) -> Scorer:
    """Users are folded in by their history, whether or not they were trained on."""
    settings = replace(ials.Settings(), **{name: value for name, value in choice.items() if name != "weights"})
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    weighted = weighting(choice["weights"], train)
    items = ials.fit(weighted(train), settings, rng).items
    basis = ials.diagonalise(ials.grams(items), items)
    return lambda history: ials.solve_rows(weighted(history), basis, settings) @ items.T


def fit_ease(train: csr_matrix, choice: Choice) -> Scorer:
    """Scores of a history: the sum of its items' rows of B."""
    weighted = weighting(choice["weights"], train)
    weights = ease.fit(weighted(train), choice["regularisation"])
    return lambda history: ease.scores(weighted(history), weights)


def rank(history: csr_matrix, scorers: Sequence[Scorer], mixes: Sequence[Sequence[float]], k: int) -> NDArray[np.int32]:
    """Best unseen items int32[mixes, n, k]: for each mix the sum of the scorers, each standardised per user, times its share."""
    ids = np.empty((len(mixes), history.shape[0], k), np.int32)
    rows = max(1, BLOCK_SCORES // history.shape[1])

    def block(first: int) -> None:
        part = history[first : first + rows]
        scored = [scorer(part) for scorer in scorers]
        if len(scored) > 1:
            scored = [standardised(scores) for scores in scored]
        for mix, out in zip(mixes, ids, strict=True):
            mixed = np.float32(mix[0]) * scored[0]
            for share, scores in zip(mix[1:], scored[1:], strict=True):
                mixed += np.float32(share) * scores
            out[first : first + rows] = top_k_scores(mixed, part, k)[0]

    with blas_threads(1), ThreadPoolExecutor(cores()) as pool:
        list(pool.map(block, range(0, history.shape[0], rows)))
    return ids


def standardised(scores: Float32) -> Float32:
    """Each row with mean 0 and standard deviation 1; a row of equal scores becomes zeros."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    result: Float32 = centred / np.where(spread > 0, spread, 1)
    return result


def quality(case: Case, ids: Int32) -> float:
    """Mean NDCG@100 of lists, what every search maximises; 0 of no lists, so that a search without a judge stays where it began."""
    relevant = np.diff(case.relevant.indptr)
    gains = ranking.ndcg(ranking.hits(ids, case.relevant), relevant, 100)
    return float(gains.mean()) if len(gains) else 0.0


def choose(
    case: Case, fit: Callable[[csr_matrix, Choice], Scorer], start: Choice, axes: Mapping[str, Sequence[Any]]
) -> Choice:
    """Hill climb: along one axis after the other, a step at a time, while NDCG@100 on the case's users rises."""
    if (case.train.data == case.train.data[0]).all():
        axes = {name: values for name, values in axes.items() if name != "weights"}  # equal weights: log only rescales
    tried: dict[tuple[Any, ...], float] = {}

    def value(choice: Choice) -> float:
        key = tuple(choice.values())
        if key not in tried:
            tried[key] = quality(case, rank(case.history, [fit(case.train, choice)], [(1.0,)], 100)[0])
        return tried[key]

    best, before = dict(start), None
    while best != before:
        before = dict(best)
        for name, values in axes.items():
            for step in (1, -1):
                while 0 <= (place := values.index(best[name]) + step) < len(values):
                    if value(best | {name: values[place]}) <= value(best):
                        break
                    best[name] = values[place]
    return best


def choose_share(case: Case, scorers: Sequence[Scorer]) -> float:
    """The share of the second scorer in a blend of two, by NDCG@100 on the case's users; of equals the smallest."""
    ids = rank(case.history, scorers, [(1 - share, share) for share in BLEND_SHARES], 100)
    return float(BLEND_SHARES[int(np.argmax([quality(case, lists) for lists in ids]))])
