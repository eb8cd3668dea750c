"""Hashed logistic regression by FTRL-proximal: the model that scores every eligible ad, and learns a row in half a microsecond.

A field's value becomes a cell of one long table by hashing (field, value), so there is no dictionary to keep in step between training and
serving, and a value never seen before meets an untouched cell: weight 0. Pairs of fields are hashed the same way. Each cell has its own
learning rate, which falls with the gradients that it has met. Source: McMahan et al., "Ad Click Prediction: a View from the Trenches",
KDD 2013, algorithm 1 (L1 = 0).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting.records import Floats

BITS = 18
BETA, L2 = 1.0, 1.0
RATE, BIAS_RATE = 0.05, 0.1
EPOCHS = 5

Rows = NDArray[np.int32]  # [n, fields], cells of the table


@njit(cache=True)
def cell(field, code):  # type: ignore[no-untyped-def]
    """The cell of a field's value: `field` ≥ 0 and `code` are integers; int in [0, 1 << BITS)."""
    mixed = (np.uint64(code) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed += np.uint64(field) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return np.int64(mixed & np.uint64((1 << BITS) - 1))


@njit(cache=True)
def cells(codes):  # type: ignore[no-untyped-def]
    """Codes int64[n, fields] → Rows."""
    count, fields = codes.shape
    rows = np.empty((count, fields), np.int32)
    for i in range(count):
        for j in range(fields):
            rows[i, j] = cell(j, codes[i, j])
    return rows


@njit(cache=True)
def weight(z, n, rate):  # type: ignore[no-untyped-def]
    """FTRL's closed form of a weight from its summed gradients z and summed squares n."""
    return -z / ((BETA + np.sqrt(n)) / rate + L2)


@njit(cache=True, nogil=True)
def _descend(rows, clicks, rate, epochs, state):  # type: ignore[no-untyped-def]
    """`epochs` passes over the rows in order; state float32[cells, 2] of (z, n) is updated; returns the bias."""
    count, fields = rows.shape
    weights = np.zeros(fields)
    bias_z, bias_n = 0.0, 0.0
    for _ in range(epochs):
        for i in range(count):
            bias = weight(bias_z, bias_n, BIAS_RATE)
            margin = bias
            for j in range(fields):
                weights[j] = weight(state[rows[i, j], 0], state[rows[i, j], 1], rate)
                margin += weights[j]
            gradient = 1.0 / (1.0 + np.exp(-margin)) - clicks[i]
            square = gradient * gradient
            for j in range(fields):
                z, n = state[rows[i, j], 0], state[rows[i, j], 1]
                pull = (np.sqrt(n + square) - np.sqrt(n)) / rate
                state[rows[i, j], 0] = z + gradient - pull * weights[j]
                state[rows[i, j], 1] = n + square
            bias_z += gradient - (np.sqrt(bias_n + square) - np.sqrt(bias_n)) / BIAS_RATE * bias
            bias_n += square
    return weight(bias_z, bias_n, BIAS_RATE)


def fit(rows: Rows, clicks: Floats, epochs: int = EPOCHS, rate: float = RATE) -> tuple[NDArray[np.float32], float]:
    """(weights float32[1 << BITS], bias) after `epochs` passes in the order of the rows."""
    state = np.zeros((1 << BITS, 2), np.float32)
    bias = _descend(rows, clicks, rate, epochs, state)
    return weight(state[:, 0], state[:, 1], rate).astype(np.float32), float(bias)


@njit(cache=True)
def score(rows, weights, bias):  # type: ignore[no-untyped-def]
    """Margins float64[n] of Rows: the probability is 1 / (1 + exp(−margin))."""
    margins = np.full(rows.shape[0], bias)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            margins[i] += weights[rows[i, j]]
    return margins
