"""How much will a show be listened to in the two months to come? A belief that learns from the first days of each listener
already.

A new listener's active days on a show form a trace of WINDOW zeros and ones, of which only the days up to today are known. The
belief about a show's mean trace is Gaussian; conditioning it on whatever part is visible makes it useful after days and not
after two months («impatient bandits», McDonald et al., KDD 2023). The formulas need the traces only through sums per cohort of
listeners who began on the same day, so those are kept instead of the traces: the cost of a posterior does not grow with the
listeners.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from shared.errors import BadInput

Float64 = NDArray[np.float64]

WINDOW = 59


class Prior(NamedTuple):
    """What is believed of any show: mean float64[w] and covariance float64[w, w] of its mean trace, covariance of one
    listener's noise around it.
    """

    mean: Float64
    covariance: Float64
    noise: Float64


class Posterior(NamedTuple):
    """Mean and variance of the active days to come, summed over the window."""

    mean: float
    variance: float


class Belief:
    """The belief about one show; `observe` adds listeners, `posterior` says what is believed on a day."""

    def __init__(self, prior: Prior) -> None:
        """prior: shared by all shows."""
        self.prior = prior
        width = len(prior.mean)
        self._towards = prior.covariance.sum(axis=0)  # [w] covariance of the whole with each day
        self._whole = float(prior.covariance.sum())
        self._begun = np.zeros(0, np.int64)  # the day of each cohort
        self._counts = np.zeros(0)
        self._sums = np.zeros((0, width))
        self._products = np.zeros((0, width, width))  # Σ x xᵀ of each cohort

    def observe(self, traces: Float64, day: int) -> None:
        """Listeners who began on `day`: traces float64[m, w] of zeros and ones; what lies in the future of a posterior is not
        read by it.
        """
        traces = np.atleast_2d(traces)
        if traces.shape[1] != len(self.prior.mean):
            raise BadInput(f"traces of {traces.shape[1]} days; expected {len(self.prior.mean)}")
        if day not in self._begun:
            self._begun, self._counts = np.append(self._begun, day), np.append(self._counts, 0)
            self._sums = np.pad(self._sums, ((0, 1), (0, 0)))
            self._products = np.pad(self._products, ((0, 1), (0, 0), (0, 0)))
        at = int(np.flatnonzero(self._begun == day)[0])
        self._counts[at] += len(traces)
        self._sums[at] += traces.sum(axis=0)
        self._products[at] += traces.T @ traces

    def posterior(self, day: int, learn_noise: bool = False) -> Posterior:
        """The belief on `day`; learn_noise: estimate the listeners' noise from the traces, regularised by the prior's.

        Equal to conditioning on every trace by itself: Σ + N is factorised once, N the noise of the mean of those who are seen
        on both days.
        """
        mean, covariance, _ = self.prior
        shown = np.arange(len(mean)) < (day - self._begun)[:, None]  # [cohorts, w]
        seen = self._counts @ shown  # [w] listeners
        k = int(np.argmin(seen > 0)) if (seen == 0).any() else len(seen)  # days with at least one listener
        if k == 0:
            return Posterior(float(mean.sum()), float(covariance.sum()))
        n = seen[:k]
        sums = np.einsum("cw,cw->w", self._sums, shown)[:k]
        average = sums / n
        noise = (
            self._noise(n, average, sums, shown[:, :k])
            if learn_noise
            else self.prior.noise[:k, :k] / np.maximum.outer(n, n)
        )
        towards = self._towards[:k]
        _, weights, failed = dposv(covariance[:k, :k] + noise, np.stack([average - mean[:k], towards], axis=1))
        if failed:
            raise BadInput(
                "the prior's covariance and noise are not positive definite: give days that differ some noise of their own"
            )
        found, known = towards @ weights  # by Cholesky, both right-hand sides at once
        return Posterior(float(mean.sum() + found), float(self._whole - known))

    def _noise(self, n: Float64, average: Float64, sums: Float64, shown: NDArray[np.bool_]) -> Float64:
        """Covariance float64[k, k] of the average trace around the show's mean, from the visible parts of the traces and the
        prior's; a day that is not visible yet counts as 0, as in the published computation.
        """
        k = len(n)
        products = np.einsum("cij,ci,cj->ij", self._products[:, :k, :k], shown, shown, optimize=False)
        cross = np.outer(sums, average)
        scatter = products - cross - cross.T + self._counts.sum() * np.outer(average, average)
        noise: Float64 = (scatter + self.prior.noise[:k, :k]) / ((np.minimum.outer(n, n) + 1) * np.maximum.outer(n, n))
        return noise
