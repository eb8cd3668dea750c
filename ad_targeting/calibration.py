"""From a model's probability to one that can be multiplied with money: centred isotonic regression, and the measures that see it.

Bids are price × probability, so a model that is 10 % too high pays 10 % too much, and AUC does not notice. Predictions are put into
bins of equal mass; the bins' click rates are drawn towards what was predicted, so that a small sample moves little, and made monotone
(pool adjacent violators). The result is straight lines between the centres of the pools, on the logit scale, with the outermost shifts
kept beyond the ends: strictly increasing, so the order of ads and the AUC stay as they were.
"""

import numpy as np
from numba import njit
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from ad_targeting.records import Floats

BIN_ROWS, MOST_BINS = 500, 20
PRIOR_ROWS = 500  # as if so many rows of each bin had clicked as often as predicted
ECE_BINS = 15
CLIP = 1e-6


def logit(p: Floats) -> Floats:
    """Log odds, of probabilities kept off 0 and 1."""
    p = np.clip(p, CLIP, 1 - CLIP)
    odds: Floats = np.log(p / (1 - p))
    return odds


@njit(cache=True)
def logistic(margin):  # type: ignore[no-untyped-def]
    """The probability of a margin, or of float64[n] of them; the reverse of `logit`."""
    return 1.0 / (1.0 + np.exp(-margin))


def fit(p: Floats, clicks: Floats) -> tuple[Floats, Floats]:
    """Knots (x, y) on the logit scale, float64[k], both increasing, from predictions on rows that the model did not learn from."""
    bins = int(np.clip(len(p) // BIN_ROWS, 1, MOST_BINS))
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    rows = np.array([len(part) for part in parts], np.float64)
    predicted = np.array([p[part].mean() for part in parts])
    found = np.array([clicks[part].sum() for part in parts])
    pooled = isotonic_regression((found + PRIOR_ROWS * predicted) / (rows + PRIOR_ROWS), weights=rows)
    starts = pooled.blocks[:-1]
    centre = np.add.reduceat(predicted * rows, starts) / np.add.reduceat(rows, starts)
    return logit(centre), logit(pooled.x[starts])


@njit(cache=True)
def apply(x, y, p):  # type: ignore[no-untyped-def]
    """One calibrated probability from the knots of `fit` and a probability p."""
    p = min(max(p, CLIP), 1 - CLIP)
    z = np.log(p / (1 - p))
    if z <= x[0]:
        z += y[0] - x[0]
    elif z >= x[-1]:
        z += y[-1] - x[-1]
    else:
        right = np.searchsorted(x, z, side="right")
        share = (z - x[right - 1]) / (x[right] - x[right - 1])
        z = y[right - 1] + share * (y[right] - y[right - 1])
    return logistic(z)


@njit(cache=True)
def apply_rows(x, y, p):  # type: ignore[no-untyped-def]
    """`apply` for float64[n]."""
    calibrated = np.empty(len(p))
    for i in range(len(p)):
        calibrated[i] = apply(x, y, p[i])
    return calibrated


def auc(p: Floats, clicks: Floats) -> float | None:
    """Area under the ROC curve, ties counted half; None when only one class is there."""
    ones = int(clicks.sum())
    if ones in (0, len(clicks)):
        return None
    rank_sum = float(rankdata(p)[clicks == 1].sum())
    return (rank_sum - ones * (ones + 1) / 2) / (ones * (len(clicks) - ones))


def log_loss(p: Floats, clicks: Floats) -> float:
    """Mean negative log likelihood, in nats."""
    p = np.clip(p, CLIP, 1 - CLIP)
    return float(-np.mean(clicks * np.log(p) + (1 - clicks) * np.log(1 - p)))


def normalised_entropy(p: Floats, clicks: Floats) -> float | None:
    """Log loss ÷ that of the constant click rate (He et al., ADKDD 2014); None when only one class is there."""
    constant = log_loss(np.full(len(clicks), clicks.mean()), clicks)
    return log_loss(p, clicks) / constant if 0 < clicks.mean() < 1 else None


def calibration_error(p: Floats, clicks: Floats) -> float:
    """Expected calibration error: mean |predicted − found| over ECE_BINS bins of equal mass."""
    parts = np.array_split(np.argsort(p, kind="stable"), min(ECE_BINS, len(p)))
    return float(sum(abs(p[part].sum() - clicks[part].sum()) for part in parts) / len(p))
