"""What ads do to staying: the hidden truth, with the constants of the one large published experiment.

Goli, Huang, Reiley and Riabov, «Measuring Consumer Sensitivity to Audio Advertising» (Pandora, 21 months, 35 M listeners): one more
ad an hour costs 2 % of listening hours in the long run, linearly; the long run is three times the first month. The confounder is
theirs too: engaged listeners meet more breaks *and* stay longer, so who looks without an experiment sees the wrong sign.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.world.ads import make_listeners
from shared.world.rng import generator

Floats = NDArray[np.float64]

USUAL_LOAD = 6.0
"""Ads an hour that listeners are used to."""
HOURS_PER_AD = -0.02
"""Relative hours, for one more ad an hour, in the long run."""
LONG_RUN = 3.0
"""The long-run effect, over that of the first month."""
LOGIT_PER_AD = 0.080
"""Logit of leaving within two months, for one more ad an hour: the mean of listeners."""
ENGAGEMENT_LOGIT = -0.75
"""Logit of leaving, for each doubling of engagement: why more ads seem to keep people."""
LEAVE_LOGIT = -1.0
"""Logit of leaving at the usual load and an hour a day."""


class Stakes(NamedTuple):
    """Columns [listeners]: sensitivity to ads (mean 1, hidden), and what a listener who stays is worth, micros."""

    sensitivity: Floats
    lifetime_value: Floats


def make_stakes(seed: int, engagement: Floats) -> Stakes:
    """Sensitivity is log-normal, with mean 1; value grows with the hours listened."""
    rng = generator(seed, "ads/stakes")
    sensitivity = np.exp(rng.normal(0, 0.6, engagement.size))
    hours = 30 * 12 * engagement  # of a year
    return Stakes(sensitivity / sensitivity.mean(), hours * 8 * 9_000.0)


def leave_probability(load: Floats, engagement: Floats, sensitivity: Floats) -> Floats:
    """True chance to leave within two months at `load` ads an hour; arrays of one shape."""
    logit = LEAVE_LOGIT + ENGAGEMENT_LOGIT * np.log2(np.maximum(engagement, 0.05))
    chance: Floats = 1 / (1 + np.exp(-(logit + LOGIT_PER_AD * sensitivity * (load - USUAL_LOAD))))
    return chance


def hours_factor(load: Floats, sensitivity: Floats, months: float) -> Floats:
    """Listening hours relative to the usual load, after `months` ≥ 1 of it: a third of the effect at once, all of it in the long run."""
    reached = 1 - (1 - 1 / LONG_RUN) * np.exp(-(months - 1) / 5)
    factor: Floats = np.maximum(1 + reached * HOURS_PER_AD * sensitivity * (load - USUAL_LOAD), 0.1)
    return factor


def observed_load(rng: np.random.Generator, engagement: Floats) -> Floats:
    """Ads an hour that listeners met when nobody randomised: the engaged meet more, the confounder."""
    return np.clip(
        USUAL_LOAD + 1.2 * np.log2(np.maximum(engagement, 0.05)) + rng.normal(0, 1.0, engagement.size), 1, 14
    )


def randomised_load(rng: np.random.Generator, count: int, arms: tuple[float, ...] = (3, 4, 6, 8, 10, 12)) -> Any:
    """Ads an hour of listeners in a randomised experiment."""
    return rng.choice(np.array(arms, np.float64), count)


def marginal_hazard(engagement: Floats, sensitivity: Floats) -> Floats:
    """Chance to leave that one more ad adds: a slope of `leave_probability` at the usual load, spread over the ads of two months."""
    leave = leave_probability(np.full(engagement.shape, USUAL_LOAD), engagement, sensitivity)
    ads_of_load = 60 * np.maximum(engagement, 0.05)  # ads in two months that make one ad an hour
    hazard: Floats = leave * (1 - leave) * LOGIT_PER_AD * sensitivity / ads_of_load
    return hazard


class LoadExperiment(NamedTuple):
    """Free listeners, a twentieth of them with a randomised ad load; what is recorded [n], and what is hidden."""

    randomised: NDArray[np.bool_]
    load: Floats  # ads an hour
    left: Floats  # 0 or 1, within two months
    hours: Floats  # of the first month ÷ those of the month before
    before: Floats  # log2 of the hours a day in the month before, as measured
    engagement: Floats  # hidden
    sensitivity: Floats  # hidden

    def true_slope(self) -> float:
        """Of the line through the mean true chance to leave at each randomised load."""
        loads, shape = np.unique(self.load[self.randomised]), self.engagement.shape
        chances = [leave_probability(np.full(shape, load), self.engagement, self.sensitivity) for load in loads]
        return float(np.polyfit(loads, [chance.mean() for chance in chances], 1)[0])


def make_experiment(seed: int, listeners: int) -> LoadExperiment:
    """An experiment with about so many free listeners."""
    engagement, rng = make_listeners(seed, int(listeners / 0.4)).engagement, generator(seed, "ads/load-experiment")
    sensitivity, count = make_stakes(seed, engagement).sensitivity, engagement.size
    randomised = rng.random(count) < 0.05
    load = np.where(randomised, randomised_load(rng, count), observed_load(rng, engagement))
    left = rng.random(count) < leave_probability(load, engagement, sensitivity)
    month = hours_factor(load, sensitivity, 1.0) * rng.lognormal(0, 0.4, count)
    before = np.log2(np.maximum(engagement, 0.05)) + rng.normal(0, 0.5, count)
    return LoadExperiment(randomised, load, left.astype(np.float64), month, before, engagement, sensitivity)
