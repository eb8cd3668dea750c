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

from ad_targeting import calibration, hashed, target_encoding, trees
from ad_targeting.columns import Floats, Table
from ad_targeting.crosses import cross
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
    """Both tables with coarse codes and the most telling crosses of them."""
    own, of_others = cross(train.coarse, train.clicks, test.coarse)
    codes = np.hstack([train.coarse, own]), np.hstack([test.coarse, of_others])
    return train._replace(codes=codes[0]), test._replace(codes=codes[1])


MODELS = ("trees+crosses", "trees", "linear+crosses", "linear")


def margins_of(names: tuple[str, ...], train: Table, test: Table) -> dict[str, Floats]:
    """Each model fitted and asked, two at a time; what takes longest first."""
    with_crosses = crossed(train, test) if any(name.endswith("+crosses") for name in names) else None

    def ask(name: str) -> Floats:
        if not name.endswith("+crosses"):
            return linear(train, test) if name == "linear" else boosted(train, test)
        assert with_crosses is not None
        return linear(*with_crosses, CROSSED_RATE) if name == "linear+crosses" else boosted(*with_crosses)

    with ThreadPoolExecutor(min(2, cores())) as pool:
        return dict(zip(names, pool.map(ask, names), strict=True))


def fit_predict(train: Table, test: Table) -> tuple[Floats, dict[str, float]]:
    """Probabilities float64[n] for `test`, whose clicks are never looked at, and the shares of the models."""
    count = len(train.clicks)
    fold = np.random.default_rng(SEED).permutation(count) % FOLDS
    out_of_fold, margins = np.empty((count, len(MODELS))), np.zeros((len(test.clicks), len(MODELS)))
    for part in range(FOLDS):
        learn, held_out = (Table(*(column[rows] for column in train)) for rows in (fold != part, fold == part))
        asked = Table(*(np.concatenate(columns) for columns in zip(held_out, test, strict=True)))
        found = np.column_stack(list(margins_of(MODELS, learn, asked).values()))
        out_of_fold[fold == part] = found[: len(held_out.clicks)]
        margins += found[len(held_out.clicks) :] / FOLDS
    shares = blend(out_of_fold, train.clicks)
    knots = calibration.fit(probability(out_of_fold @ shares), train.clicks)
    named = {name: float(share) for name, share in zip(MODELS, shares, strict=True)}
    return calibration.apply_rows(*knots, probability(margins @ shares)), named


def blend(margins: Floats, clicks: Floats) -> Floats:
    """Shares float64[k] of the columns of margins float64[n, k]: the mean of all blends in steps of 1 / STEPS, by their likelihood."""
    steps = (parts for parts in product(range(STEPS + 1), repeat=margins.shape[1]) if sum(parts) == STEPS)
    blends = np.array(list(steps)) / STEPS
    loss = np.array([calibration.log_loss(probability(margins @ shares), clicks) for shares in blends])
    likelihood = np.exp(len(clicks) * (loss.min() - loss))
    shares: Floats = likelihood @ blends / likelihood.sum()
    return shares


def probability(margins: Floats) -> Floats:
    """The logistic function."""
    p: Floats = 1 / (1 + np.exp(-margins))
    return p
