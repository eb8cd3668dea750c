"""iALS: implicit-feedback matrix factorisation by alternating exact least squares.

A user u and an item i become vectors x_u, y_i, and x_u·y_i predicts whether u would play i. Nobody tells us what they dislike, so
every unplayed pair is a weak zero. Training minimises (Rendle et al. 2022, arXiv 2110.14037, eq. 2)

    Σ_(u,i) played  w_ui (x_u·y_i − 1)²  +  a0 Σ_(all u,i) (x_u·y_i)²  +  Σ_u r(n_u, I) |x_u|²  +  Σ_i r(n_i, U) |y_i|²

with r(n, m) = regularisation · (n + a0·m)^nu: who has more plays is shrunk more; of all published details this one matters most.
The sum over all pairs costs nothing: it is a0·x_uᵀ(YᵀY)x_u, one k×k Gram matrix for everybody. With Y fixed each row x_u is a
least-squares problem of its own, so a half sweep is a loop over rows that any shard can run alone.

The rows are solved exactly, and cheaply. Once per half sweep the Gram is diagonalised and Y rotated into its eigenbasis, Z = YV.
There a0·YᵀY + r·1 is a diagonal D whatever r is, and with U = W^½ Z_u D^-½ (the n played items of the row)

    x_u = V D^-½ (1 + UᵀU)⁻¹ Uᵀ√w = V D^-½ Uᵀ (1 + UUᵀ)⁻¹ √w        (Woodbury)

so a listener with n < k plays needs an n×n Cholesky factor, not a k×k one; and most listeners are such.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  numba's np.dot runs on it; loaded later, blas_threads(1) would not narrow it
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.threads import blas_threads, cores

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

SHARD_ROWS = 2048  # Grams are summed over blocks of so many rows, in order: one machine and many agree to the byte
CHUNK_ROWS = 256  # rows that a thread takes at once, and one shape of product for all
MAX_WEIGHT = 1e4  # above, float32 loses the 1 in 1 + UUᵀ; take log1p of counts


@dataclass(frozen=True)
class Settings:
    """What the model is trained with; only `unobserved_weight` (a0) and `regularisation` are worth a search."""

    factors: int = 64
    unobserved_weight: float = 0.1
    regularisation: float = 0.003
    nu: float = 1.0
    sweeps: int = 12

    def __post_init__(self) -> None:
        if self.factors < 1 or self.sweeps < 0 or not (self.unobserved_weight > 0 and self.regularisation > 0):
            raise ValueError(f"{self}: expected factors ≥ 1, sweeps ≥ 0, unobserved_weight > 0 and regularisation > 0")


class Factors(NamedTuple):
    """A trained model: `users` float32[U, k] and `items` float32[I, k]; a score is the product of two rows."""

    users: Float32
    items: Float32


class Basis(NamedTuple):
    """The fixed side of a half sweep, in the eigenbasis of its Gram matrix."""

    vectors: Float32  # [k, k] V, one eigenvector a column
    values: Float32  # [k] eigenvalues of YᵀY
    rotated: Float32  # [rows, k] Z = YV


def fit(
    interactions: csr_matrix, settings: Settings, rng: np.random.Generator, start: Float32 | None = None
) -> Factors:
    """Train on weights float32[U, I] ≥ 0 (csr). `start`, float32[I, k], continues from earlier item vectors.

    The users' vectors are the fold-in of their plays into the final items. Raises ValueError for weights out of range.
    The result depends on data, settings, generator and CPU class, not on the number of threads.
    """
    if not ((interactions.data >= 0) & (interactions.data <= MAX_WEIGHT)).all():
        raise ValueError(f"interactions: expected weights between 0 and {MAX_WEIGHT:g}; take log1p of counts")
    by_user, by_item = interactions.tocsr(), interactions.T.tocsr()
    shape = (interactions.shape[1], settings.factors)
    items = start if start is not None else rng.standard_normal(shape, np.float32) * np.float32(0.1 / shape[1] ** 0.5)
    users = half_sweep(by_user, items, settings)
    for _ in range(settings.sweeps):
        items = half_sweep(by_item, users, settings)
        users = half_sweep(by_user, items, settings)
    return Factors(users, items)


def half_sweep(rows: csr_matrix, fixed: Float32, settings: Settings) -> Float32:
    """Vectors float32[rows, k] of one side, solved against the other side's `fixed` float32[columns, k].

    This is fold-in too: a user who was not trained on is one more row, and gets the vector that training would have given.
    """
    return solve_rows(rows, diagonalise(grams(fixed), fixed), settings)


def grams(fixed: Float32) -> list[Float64]:
    """Gram matrices YᵀY, float64[k, k], of consecutive blocks of SHARD_ROWS rows."""
    with blas_threads(1):
        blocks = (fixed[first : first + SHARD_ROWS].astype(np.float64) for first in range(0, len(fixed), SHARD_ROWS))
        return [block.T @ block for block in blocks]


def diagonalise(shard_grams: Iterable[Float64], fixed: Float32) -> Basis:
    """The basis of a half sweep, from the Grams of all shards in shard order and all the fixed vectors."""
    total = np.zeros((fixed.shape[1], fixed.shape[1]))
    for gram in shard_grams:
        total += gram
    with blas_threads(1):
        values, vectors = np.linalg.eigh(total)
        vectors32 = np.ascontiguousarray(vectors, np.float32)
        return Basis(vectors32, np.maximum(values, 0).astype(np.float32), fixed @ vectors32)


def solve_rows(rows: csr_matrix, basis: Basis, settings: Settings) -> Float32:
    """Exact solutions float32[rows, k] of the rows of a csr (any range of rows: a shard), in the original basis."""
    data = np.ascontiguousarray(rows.data, np.float32)
    ridge = ridges(rows, settings)
    solved = np.zeros((rows.shape[0], settings.factors), np.float32)

    def solve(first: int) -> None:
        last = min(first + CHUNK_ROWS, len(solved))
        _solve(rows.indptr[first : last + 1], rows.indices, data, ridge[first:last], basis.rotated,
               np.float32(settings.unobserved_weight) * basis.values, solved[first:last])  # fmt: skip

    with blas_threads(1), ThreadPoolExecutor(cores()) as pool:
        list(pool.map(solve, range(0, len(solved), CHUNK_ROWS)))
        back = np.ascontiguousarray(basis.vectors.T)
        padded = np.zeros(
            (CHUNK_ROWS, settings.factors), np.float32
        )  # one shape of product for every block: equal bytes
        for first in range(0, len(solved), CHUNK_ROWS):
            block = solved[first : first + CHUNK_ROWS]
            padded[: len(block)] = block
            block[:] = (padded @ back)[: len(block)]
    return solved


def ridges(rows: csr_matrix, settings: Settings) -> Float32:
    """r(n, m) of each row, float32[rows]: what multiplies its squared norm in the loss."""
    counts = np.diff(rows.indptr) + settings.unobserved_weight * rows.shape[1]
    ridge: Float32 = (settings.regularisation * counts**settings.nu).astype(np.float32)
    return ridge


@njit(cache=True, nogil=True, fastmath=True)
def _solve(indptr: Any, indices: Any, data: Any, ridge: Any, rotated: Any, spectrum: Any, out: Any) -> None:
    """Solve the rows into `out`, in the eigenbasis. spectrum float32[k] = a0 · eigenvalues."""
    k = rotated.shape[1]
    longest = np.max(np.diff(indptr))
    scaled = np.empty(longest * k, np.float32)
    square = np.empty(min(longest, k) ** 2, np.float32)
    for row in range(len(ridge)):
        first, n = indptr[row], indptr[row + 1] - indptr[row]
        if n == 0:
            continue
        shrink = 1 / np.sqrt(spectrum + ridge[row])  # [k] D^-½
        root = np.sqrt(data[first : first + n])  # [n] √w
        u = scaled[: n * k].reshape(n, k)  # [n, k] U
        for j in range(n):
            item, weight = indices[first + j], root[j]
            for f in range(k):
                u[j, f] = rotated[item, f] * shrink[f] * weight
        if n < k:
            dual = square[: n * n].reshape(n, n)  # [n, n] UUᵀ
            np.dot(u, u.T, dual)
            out[row] = shrink * np.dot(_solve_plus_identity(dual, root), u)
        else:
            primal = square.reshape(k, k)  # [k, k] UᵀU
            np.dot(u.T, u, primal)
            out[row] = shrink * _solve_plus_identity(primal, np.dot(root, u))


@njit(cache=True, nogil=True, fastmath=True)
def _solve_plus_identity(matrix: Any, right: Any) -> Any:
    """(1 + matrix)⁻¹ right, by Cholesky. matrix float32[n, n], overwritten; right float32[n], overwritten and returned."""
    n = len(right)
    for i in range(n):
        matrix[i, i] += np.float32(1)
    upper = np.linalg.cholesky(matrix).T  # [n, n] rows contiguous: LAPACK leaves L by columns
    for i in range(n):
        right[i] /= upper[i, i]
        for c in range(i + 1, n):
            right[c] -= upper[i, c] * right[i]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for c in range(i + 1, n):
            total -= upper[i, c] * right[c]
        right[i] = total / upper[i, i]
    return right


def loss(interactions: csr_matrix, factors: Factors, settings: Settings) -> float:
    """The objective of the module's first paragraph, in float64; memory is bounded by blocks of rows."""
    users, items = factors.users.astype(np.float64), factors.items.astype(np.float64)
    total = settings.unobserved_weight * float(((users.T @ users) * (items.T @ items)).sum())
    for first in range(0, len(users), SHARD_ROWS):
        block = interactions[first : first + SHARD_ROWS].tocoo()
        predicted = np.einsum("nk,nk->n", users[first + block.row], items[block.col])
        total += float((block.data * (predicted - 1) ** 2).sum())
    total += float(ridges(interactions, settings) @ (users**2).sum(axis=1))
    return total + float(ridges(interactions.T.tocsr(), settings) @ (items**2).sum(axis=1))


def explain(own: csr_matrix, targets: NDArray[np.integer], basis: Basis, settings: Settings) -> Float64:
    """Why a score is what it is: float64[T, n], the parts that a user's n own items (one csr row) give to each of T targets.

    y_t·x_u = Σ_j w_j y_tᵀ A⁻¹ y_j, with A = a0·YᵀY + r·1 + Σ_j w_j y_j y_jᵀ: the rows of the answer sum to the scores.
    """
    played = basis.rotated[own.indices].astype(np.float64)  # [n, k]
    weights = own.data.astype(np.float64)
    system = (played.T * weights) @ played
    system[np.diag_indices_from(system)] += settings.unobserved_weight * basis.values + ridges(own, settings)[0]
    parts: Float64 = basis.rotated[targets] @ np.linalg.solve(system, played.T * weights)
    return parts
