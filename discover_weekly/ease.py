"""EASE: a linear item-to-item model in closed form, and hard to beat on sparse catalogues (Steck 2019, arXiv 1905.03375).

Each item is predicted from all others by ridge regression: minimise |X − XB|² + λ|B|² with a zero diagonal, or every item would
predict itself. With P = (XᵀX + λ1)⁻¹ the answer is B_ij = −P_ij / P_jj. It has no low rank to squeeze the long tail through, which is
why it can beat factor models where most tracks have few listeners; the price is a dense I×I matrix, so the catalogue must be small.

One Cholesky factor and one inverse in float32, in place: 4·I² bytes at the peak, I³ floating-point operations.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix

Float32 = NDArray[np.float32]

MAX_ITEMS = 30_000  # 3.6 GB; a larger catalogue wants a sparse variant, or a machine made for it


def fit(interactions: csr_matrix, regularisation: float) -> Float32:
    """Item-to-item weights B float32[I, I], zero diagonal, from weights float32[U, I]; λ = `regularisation` > 0.

    Raises ValueError, with the bytes it would take, for more than MAX_ITEMS items.
    """
    count = interactions.shape[1]
    if count > MAX_ITEMS:
        raise ValueError(
            f"{count} items: EASE needs {4 * count**2} bytes; at most {MAX_ITEMS} items ({4 * MAX_ITEMS**2} bytes)"
        )
    if not regularisation > 0:
        raise ValueError(f"regularisation {regularisation}: expected more than 0")
    gram = co_occurrence(interactions)
    gram[np.diag_indices(count)] += np.float32(regularisation)
    factor, failed = spotrf(gram.T, lower=1, overwrite_a=1, clean=0)  # .T: LAPACK's column order without a copy
    inverse, failed_too = spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(
            f"regularisation {regularisation}: XᵀX + λ1 is not positive definite in float32; take a larger λ"
        )
    weights: Float32 = inverse.T  # upper triangle filled
    _from_inverse(weights)
    return weights


def scores(rows: csr_matrix, weights: Float32) -> Float32:
    """Scores float32[rows, I] of every item for users' weights (csr [rows, I]); a new user needs no training."""
    scored: Float32 = rows @ weights
    return scored


def co_occurrence(interactions: csr_matrix) -> Float32:
    """XᵀX, dense float32[I, I]."""
    by_item = interactions.T.tocsr()
    gram = np.zeros((by_item.shape[0], by_item.shape[0]), np.float32)
    _add_products(
        by_item.indptr,
        by_item.indices,
        by_item.data,
        interactions.indptr,
        interactions.indices,
        interactions.data,
        gram,
    )
    return gram


@njit(cache=True, nogil=True)
def _add_products(
    item_ptr: Any, item_users: Any, item_data: Any, user_ptr: Any, user_items: Any, user_data: Any, gram: Any
) -> None:
    for i in range(len(gram)):  # a row at a time stays in the cache
        for p in range(item_ptr[i], item_ptr[i + 1]):
            user, weight = item_users[p], item_data[p]
            for q in range(user_ptr[user], user_ptr[user + 1]):
                gram[i, user_items[q]] += weight * user_data[q]


@njit(cache=True, nogil=True)
def _from_inverse(inverse: Any) -> None:
    """P, of which the upper triangle is filled, becomes B in place."""
    scale = np.empty(len(inverse), np.float32)
    for i in range(len(inverse)):
        scale[i] = -1 / inverse[i, i]
        inverse[i, i] = 0
    for i in range(len(inverse)):
        for j in range(i):
            inverse[i, j] = inverse[j, i] * scale[j]
    for i in range(len(inverse)):
        for j in range(i + 1, len(inverse)):
            inverse[i, j] *= scale[j]
