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
from scipy.linalg import cho_factor, cho_solve

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
        self._begun: list[int] = []  # the day of each cohort
        self._counts: list[int] = []
        self._sums: list[Float64] = []  # [w]
        self._products = np.zeros((0, width, width))  # Σ x xᵀ of each cohort

    def observe(self, traces: Float64, day: int) -> None:
        """Listeners who began on `day`: traces float64[m, w] of zeros and ones; what lies in the future of a posterior is not
        read by it.
        """
        traces = np.atleast_2d(traces)
        if traces.shape[1] != len(self.prior.mean):
            raise BadInput(f"traces of {traces.shape[1]} days; expected {len(self.prior.mean)}")
        if day not in self._begun:
            self._begun.append(day)
            self._counts.append(0)
            self._sums.append(np.zeros(traces.shape[1]))
            self._products = np.concatenate([self._products, np.zeros((1, traces.shape[1], traces.shape[1]))])
        at = self._begun.index(day)
        self._counts[at] += len(traces)
        self._sums[at] += traces.sum(axis=0)
        self._products[at] += traces.T @ traces

    def posterior(self, day: int, learn_noise: bool = False) -> Posterior:
        """The belief on `day`; learn_noise: estimate the listeners' noise from the traces, regularised by the prior's.

        Equal to conditioning on every trace by itself: Σ + N is factorised once, N the noise of the mean of those who are seen
        on both days.
        """
        mean, covariance, _ = self.prior
        shown = np.arange(len(mean)) < (day - np.array(self._begun, np.int64))[:, None]  # [cohorts, w]
        seen = np.array(self._counts, np.float64) @ shown if self._begun else np.zeros(len(mean))  # [w] listeners
        k = int(np.argmin(seen > 0)) if (seen == 0).any() else len(seen)  # days with at least one listener
        if k == 0:
            return Posterior(float(mean.sum()), float(covariance.sum()))
        n = seen[:k]
        sums = (np.array(self._sums) * shown).sum(axis=0)[:k]
        average = sums / n
        noise = (
            self._noise(n, average, sums, shown[:, :k])
            if learn_noise
            else self.prior.noise[:k, :k] / np.maximum.outer(n, n)
        )
        factor = cho_factor(covariance[:k, :k] + noise)
        towards = covariance[:, :k].sum(axis=0)  # [k]: covariance of the whole with each visible day
        return Posterior(
            float(mean.sum() + towards @ cho_solve(factor, average - mean[:k])),
            float(covariance.sum() - towards @ cho_solve(factor, towards)),
        )

    def _noise(self, n: Float64, average: Float64, sums: Float64, shown: NDArray[np.bool_]) -> Float64:
        """Covariance float64[k, k] of the average trace around the show's mean, from the visible parts of the traces and the
        prior's.
        """
        k = len(n)
        products = np.einsum("cij,ci,cj->ij", self._products[:, :k, :k], shown, shown, optimize=False)
        cross = np.outer(sums, average)
        scatter = products - cross - cross.T + sum(self._counts) * np.outer(average, average)
        noise: Float64 = (scatter + self.prior.noise[:k, :k]) / ((np.minimum.outer(n, n) + 1) * np.maximum.outer(n, n))
        return noise
