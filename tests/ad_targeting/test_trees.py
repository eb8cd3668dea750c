"""The walk over flat arrays is LightGBM's own prediction, to the last bit; the hashed logistic and the calibration against slow oracles."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_targeting import calibration, hashed, trees

ROWS, FEATURES = 1_500, 12


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, FEATURES)).round(1)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 3] = np.where(rng.random(ROWS) < 0.6, 0.0, x[:, 3])
    x[:, 5] = np.nan_to_num(x[:, 5])  # no missing value in training, but one in prediction
    logit = np.nan_to_num(x[:, 0] + x[:, 1] * x[:, 2])
    return x, (rng.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(np.float64)


@pytest.mark.parametrize(
    "changes",
    [{}, {"num_leaves": 31}, {"zero_as_missing": True}, {"use_missing": False}, {"boost_from_average": False}],
    ids=str,
)
def test_bit_equal_to_lightgbm(data, changes):
    x, clicks = data
    model = trees.train(x, clicks, 60, **changes)
    strange = np.vstack(
        [x, 3 * x[::-1], np.full((1, FEATURES), np.nan), np.zeros((1, FEATURES)), np.full((1, FEATURES), 1e-36)]
    )
    expected = model.predict(strange, raw_score=True)
    flat = trees.flatten(model.model_to_string())
    assert np.array_equal(trees.score_rows(flat, strange), expected)
    assert [trees.score(flat, row) for row in strange[:9]] == expected[:9].tolist()


def test_trees_of_one_leaf():
    flat = trees.fit(np.zeros((50, 2)), np.arange(50) % 2 * 1.0, 3)
    assert trees.score(flat, np.zeros(2)) == pytest.approx(0)


def test_categorical_splits_are_refused(data):
    x, clicks = data
    x = np.abs(np.nan_to_num(x)).round()
    model = lightgbm.train(trees.SETTINGS, lightgbm.Dataset(x, clicks, categorical_feature=[0]), 20)
    with pytest.raises(ValueError, match="categorical"):
        trees.flatten(model.model_to_string())


def slow_ftrl(rows, clicks, epochs, rate):
    """Algorithm 1 of McMahan et al. over dictionaries, without L1."""
    z, n = {}, {}

    def weight(cell, step):
        return -z.get(cell, 0.0) / ((hashed.BETA + n.get(cell, 0.0) ** 0.5) / step + hashed.L2)

    for _ in range(epochs):
        for row, click in zip(rows.tolist(), clicks.tolist(), strict=True):
            cells = [(cell, rate) for cell in row] + [("bias", hashed.BIAS_RATE)]
            weights = [weight(*cell) for cell in cells]
            gradient = 1 / (1 + np.exp(-sum(weights))) - click
            for (cell, step), w in zip(cells, weights, strict=True):
                pull = ((n.get(cell, 0) + gradient**2) ** 0.5 - n.get(cell, 0) ** 0.5) / step
                z[cell] = z.get(cell, 0) + gradient - pull * w
                n[cell] = n.get(cell, 0) + gradient**2
    return {cell: weight(cell, rate) for cell in z if cell != "bias"}, weight("bias", hashed.BIAS_RATE)


def test_the_hashed_logistic_is_the_published_algorithm():
    rng = np.random.default_rng(2)
    codes = rng.integers(-1, 9, (300, 4))
    rows, clicks = hashed.cells(codes), (rng.random(300) < 0.3).astype(np.float64)
    weights, bias = hashed.fit(rows, clicks, 2)
    expected, expected_bias = slow_ftrl(rows, clicks, 2, hashed.RATE)
    assert bias == pytest.approx(expected_bias, rel=1e-3)
    assert [weights[cell] for cell in expected] == pytest.approx(list(expected.values()), abs=1e-4)
    assert hashed.score(rows[:1], weights, bias)[0] == pytest.approx(bias + weights[rows[0]].sum(), rel=1e-5)


def test_a_value_never_seen_weighs_nothing():
    weights, bias = hashed.fit(hashed.cells(np.zeros((40, 1), np.int64)), np.ones(40))
    assert hashed.score(hashed.cells(np.array([[-1]])), weights, bias)[0] == bias


def test_fields_and_values_have_cells_of_their_own():
    cells = {hashed.cell(field, code) for field in range(20) for code in range(-1, 200)}
    assert len(cells) > 0.98 * 20 * 201
    assert max(cells) < 1 << hashed.BITS


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(30, 3_000), st.floats(0.3, 3))
def test_calibration_keeps_the_order_and_is_a_probability(seed, count, bend):
    rng = np.random.default_rng(seed)
    p = rng.random(count)
    clicks = (rng.random(count) < p**bend).astype(np.float64)
    knots = calibration.fit(p, clicks)
    grid = np.linspace(0.001, 0.999, 500)
    calibrated = calibration.apply_rows(*knots, grid)
    assert (np.diff(calibrated) > 0).all()
    assert (calibrated > 0).all()
    assert (calibrated < 1).all()


def test_calibration_repairs_a_bent_model_and_leaves_a_good_one():
    rng = np.random.default_rng(3)
    p = rng.random(100_000)
    for bend in (2.0, 1.0):
        clicks = (rng.random(p.size) < p**bend).astype(np.float64)
        calibrated = calibration.apply_rows(*calibration.fit(p[::2], clicks[::2]), p)[1::2]
        before = calibration.calibration_error(p[1::2], clicks[1::2])
        assert calibration.calibration_error(calibrated, clicks[1::2]) < (0.2 * before if bend != 1 else 0.015)


def test_measures_by_hand():
    p, clicks = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    assert calibration.auc(p, clicks) == 3.5 / 4
    assert calibration.log_loss(p, clicks) == pytest.approx(-np.log([0.9, 0.4, 0.6, 0.8]).mean())
    assert calibration.normalised_entropy(p, clicks) == pytest.approx(-np.log([0.9, 0.4, 0.6, 0.8]).mean() / np.log(2))
    assert calibration.calibration_error(p, clicks) == pytest.approx((0.1 + 0.6 + 0.4 + 0.2) / 4)
    assert calibration.auc(p, np.ones(4)) is None
    assert calibration.normalised_entropy(p, np.zeros(4)) is None
