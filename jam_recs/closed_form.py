"""Two models that need no training loop: EASE and a graph filter. Both are exact, and both take seconds where a network takes hours.

EASE (Steck 2019) predicts each item from all others by ridge regression with a zero diagonal: with P = (XᵀX + λ1)⁻¹ a row x scores
item j as x_j − (xP)_j / P_jj. Where there are fewer rows than items the same P comes from the rows' side, by Woodbury's identity:
λP = 1 − Xᵀ(XXᵀ + λ1)⁻¹X, so the cube of the smaller side is all that it costs.

The filter smooths a row over the bipartite graph: N = D_r^−½ X D_c^−½, scores = r NᵀN, where r is the row scaled alike. It is the first
term of what LightGCN learns (Shen et al. 2021), and what Group-GF (2025) builds upon.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix, diags
from threadpoolctl import threadpool_limits

Float32 = NDArray[np.float32]
MAX_SIDE = 4_000  # rows or items of the matrix that is inverted: 64 MB, about a second


class Ease(NamedTuple):
    """A fitted model: xP is x @ left, or, from the rows' side, (x − (x Xᵀ) @ left) / λ."""

    left: Float32  # P [items, items], or (XXᵀ + λ1)⁻¹X [rows, items]
    diagonal: Float32  # of P [items]
    train: Any  # X, where the rows' side was smaller, else None
    regularisation: float
    items: NDArray[np.intp]  # columns that take part


def fit_ease(train: csr_matrix, regularisation: float) -> Ease:
    """Fit on ones csr float32[rows, items], λ > 0. Of a matrix with two large sides only the MAX_SIDE most frequent items take part."""
    used = np.flatnonzero(np.diff(train.indptr))
    train = train[used]
    items = np.arange(train.shape[1])
    if min(train.shape) > MAX_SIDE:
        items = np.sort(np.argsort(-train.getnnz(axis=0), kind="stable")[:MAX_SIDE])
        train = train[:, items]
    by_rows = train.shape[0] < train.shape[1]
    gram = ((train @ train.T) if by_rows else (train.T @ train)).toarray().astype(np.float32)
    gram[np.diag_indices(len(gram))] += np.float32(regularisation)
    inverse = _inverse(gram)
    if not by_rows:
        return Ease(inverse, np.diag(inverse).copy(), None, regularisation, items)
    dense = train.toarray()
    left = inverse @ dense
    diagonal = (1 - np.einsum("ri,ri->i", dense, left)) / np.float32(regularisation)
    return Ease(left, diagonal, train, regularisation, items)


def ease_scores(model: Ease, rows: csr_matrix) -> Float32:
    """float32[rows, items]; 0 for items that take no part."""
    x = rows[:, model.items]
    product = x @ model.left if model.train is None else _by_rows(model, x)
    scores = np.zeros(rows.shape, np.float32)
    scores[:, model.items] = x.toarray() - product / model.diagonal
    return scores


def _by_rows(model: Ease, x: csr_matrix) -> Float32:
    """xP from the rows' side."""
    product: Float32 = (x.toarray() - (x @ model.train.T).toarray() @ model.left) / np.float32(model.regularisation)
    return product


def filter_scores(train: csr_matrix, rows: csr_matrix) -> Float32:
    """The graph filter's float32[rows, items] for rows of ones csr[rows, items]."""
    items = _power(train.getnnz(axis=0))
    normal = (diags(_power(train.getnnz(axis=1))) @ train @ diags(items)).astype(np.float32)
    scaled = (diags(_power(rows.getnnz(axis=1))) @ rows @ diags(items)).astype(np.float32)
    near = (scaled @ normal.T).toarray()  # [rows, train rows]
    scores: Float32 = near @ normal
    return scores


def _power(counts: Any) -> NDArray[np.float64]:
    """counts^−½, 0 for 0."""
    power: NDArray[np.float64] = np.where(counts > 0, np.maximum(counts, 1) ** -0.5, 0)
    return power


def _inverse(gram: Float32) -> Float32:
    """The inverse of a positive definite matrix. On one thread: it takes a moment, and two wait for each other longer than that."""
    with threadpool_limits(1, "blas"):
        factor, failed = spotrf(gram.T, lower=1, overwrite_a=1)
        inverse, failed_too = spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError("XᵀX + λ1 is not positive definite in float32; take a larger λ")
    whole: Float32 = np.tril(inverse) + np.tril(inverse, -1).T
    return whole
