"""What does one more ad an hour do to staying? Randomised arms and a straight line; beside it, what one sees without them.

Engaged listeners meet more breaks and stay longer, so a regression on what happened to people says that ads keep them: the wrong sign,
with a narrow interval. 5 % of listeners therefore get their ads an hour by lot, for good. Demand was linear in the published experiment
(Goli et al., arXiv 2412.05516), so the answer is a slope: least squares with standard errors that allow unequal variance (White's HC1), and
covariates from before the experiment, which narrow it (with a twentieth of the listeners by lot, their bias is negligible). A placebo, the
same slope on what happened *before*, has to hold 0; where it does not, the lot was no lot. A month shows a third of the long run.
"""

from typing import NamedTuple

import numpy as np

from ad_targeting.records import Floats

Z95 = 1.959963984540054
LONG_RUN = 3.0  # long-run effect ÷ that of the first month: an assumption, the published ratio


class Slope(NamedTuple):
    """Change of the outcome for one more ad an hour, its standard error, and the 95 % interval."""

    effect: float
    error: float
    low: float
    high: float


class Arm(NamedTuple):
    """Listeners at one ad load: how many, their mean outcome and its 95 % interval."""

    load: float
    listeners: int
    mean: float
    low: float
    high: float


def slope_of(effect: float, error: float) -> Slope:
    """A slope with its normal interval."""
    return Slope(effect, error, effect - Z95 * error, effect + Z95 * error)


def slope(load: Floats, outcome: Floats, before: Floats | None = None) -> Slope:
    """Least squares of outcome float64[n] on load float64[n] and covariates `before` float64[n, k]; ValueError when load is constant."""
    count = len(load)
    covariates = np.empty((count, 0)) if before is None else before
    if count <= 2 + covariates.shape[1] or np.ptp(load) == 0:
        raise ValueError(f"{count} listeners at {len(np.unique(load))} ad loads tell no slope")
    x = np.column_stack([load - load.mean(), np.ones(count), covariates - covariates.mean(axis=0)])
    gram = np.linalg.pinv(x.T @ x)
    coefficients = gram @ (x.T @ outcome)
    residual = outcome - x @ coefficients
    meat = (x * (residual**2)[:, None]).T @ x * (count / (count - x.shape[1]))
    return slope_of(float(coefficients[0]), float(np.sqrt((gram @ meat @ gram)[0, 0])))


def dose_response(load: Floats, outcome: Floats) -> list[Arm]:
    """The mean outcome of each arm, loads ascending."""
    arms = []
    for dose in np.unique(load):
        inside, mean = outcome[load == dose], float(outcome[load == dose].mean())
        reach = Z95 * float(inside.std(ddof=1) / np.sqrt(len(inside))) if len(inside) > 1 else np.inf
        arms.append(Arm(float(dose), len(inside), mean, mean - reach, mean + reach))
    return arms
