"""Will it be clicked? Cheap models that err differently, blended by what rows they did not learn from say, and calibrated on these.

`linear` is the hashed logistic, `trees` is boosting on numbers, click rates and counts; both see the fields as they are, or with the most
telling pairs of fields crossed. Each learns three times from two thirds of the rows: the third that is left out judges all blends in
steps of a quarter and draws the calibration, and the mean of the three answers new rows (nothing learns once more: a mean of three
is as good as one with all rows). The blends' mean is taken, each weighed by its likelihood: a small file says little, and then no model
is thrown away on a difference that is chance. A boosted model alone needs long to find the crosses that it is given here.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from ad_targeting import hashed, target_encoding, trees
from ad_targeting.calibration import apply_rows, fit, log_loss, logistic
from ad_targeting.columns import Table
from ad_targeting.crosses import cross
from ad_targeting.records import Floats
from shared.threads import cores

FOLDS, STEPS = 3, 4  # blends in steps of 1 / STEPS
CROSSED_RATE = 0.03  # learning rate with crosses: more cells a row
SEED = 1


def linear(train: Table, test: Table, rate: float = hashed.RATE) -> Floats:
    """Margins float64[n] of the hashed logistic regression."""
    weights, bias = hashed.fit(hashed.cells(train.codes), train.clicks, rate=rate)
    return hashed.score(hashed.cells(test.codes), weights, bias)  # type: ignore[no-any-return]


def boosted(train: Table, test: Table) -> Floats:
    """Margins float64[n] of LightGBM on numbers, click rates and counts."""
    rates, other_rates = target_encoding.encode(train.codes, train.clicks, test.codes, SEED)
    model = trees.fit(np.hstack([rates, train.numbers]), train.clicks)
    return trees.score_rows(model, np.hstack([other_rates, test.numbers]))  # type: ignore[no-any-return]


def crossed(train: Table, test: Table) -> tuple[Table, Table]:
    """Both tables with the most telling crosses of their codes."""
    own, of_others = cross(train.codes, train.clicks, test.codes)
    return train._replace(codes=np.hstack([train.codes, own])), test._replace(codes=np.hstack([test.codes, of_others]))


MODELS = ("trees+crosses", "trees", "linear+crosses", "linear")
"""In the order of `margins`."""


def margins(train: Table, test: Table) -> Floats:
    """Margins float64[n, MODELS] of each model fitted and asked, two at a time; what takes longest first."""
    plain, pairs = (train, test), crossed(train, test)
    calls = (boosted, *pairs), (boosted, *plain), (linear, *pairs, CROSSED_RATE), (linear, *plain)
    with ThreadPoolExecutor(min(2, cores())) as pool:
        asked: list[Floats] = [found.result() for found in [pool.submit(*call) for call in calls]]
    return np.column_stack(asked)


def fit_predict(train: Table, test: Table) -> Floats:
    """Probabilities float64[n] for `test`, whose clicks are never looked at."""
    count = len(train.clicks)
    fold = np.random.default_rng(SEED).permutation(count) % FOLDS
    out_of_fold, answers = np.empty((count, len(MODELS))), np.zeros((len(test.clicks), len(MODELS)))
    for part in range(FOLDS):
        learn, held_out = (Table(*(column[rows] for column in train)) for rows in (fold != part, fold == part))
        asked = Table(*(np.concatenate(columns) for columns in zip(held_out, test, strict=True)))
        found = margins(learn, asked)
        out_of_fold[fold == part] = found[: len(held_out.clicks)]
        answers += found[len(held_out.clicks) :] / FOLDS
    shares = blend(out_of_fold, train.clicks)
    knots = fit(logistic(out_of_fold @ shares), train.clicks)
    return apply_rows(*knots, logistic(answers @ shares))  # type: ignore[no-any-return]


def blend(margins: Floats, clicks: Floats) -> Floats:
    """Shares float64[k] of the columns of margins float64[n, k]: the mean of all blends in steps of 1 / STEPS, by their likelihood."""
    steps = (parts for parts in product(range(STEPS + 1), repeat=margins.shape[1]) if sum(parts) == STEPS)
    blends = np.array(list(steps)) / STEPS
    loss = np.array([log_loss(logistic(margins @ shares), clicks) for shares in blends])
    likelihood = np.exp(len(clicks) * (loss.min() - loss))
    shares: Floats = likelihood @ blends / likelihood.sum()
    return shares
