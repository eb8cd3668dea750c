"""A train file and a test file in, the quality of the predicted click probabilities out: the road of somebody's own impressions."""

import sys
from time import perf_counter
from typing import Any

import numpy as np

from ad_targeting import calibration
from ad_targeting.columns import Table, encode, read
from ad_targeting.ctr import fit_predict
from shared.errors import BadInput

FEWEST_ROWS, FEWEST_OF_A_CLASS = 30, 6


def ctr_files(train_path: str, test_path: str, label: str) -> dict[str, Any]:
    """auc and ne (null where the test file has one class only), logloss, ece, and the seconds of encoding, fitting and predicting."""
    train, test = read(train_path, label), read(test_path, label)
    rows, ones = len(train.clicks), int(train.clicks.sum())
    if rows < FEWEST_ROWS or min(ones, rows - ones) < FEWEST_OF_A_CLASS:
        raise BadInput(
            f"{train_path}: field {label!r}: {ones} ones in {rows} rows; expected at least {FEWEST_ROWS} rows, {FEWEST_OF_A_CLASS} a class"
        )
    for path, raw in ((train_path, train), (test_path, test)):
        if raw.left_out:
            print(f"{path}: left out {raw.left_out} rows of another width or without a 0/1 {label!r}", file=sys.stderr)
    warm_up()
    started = perf_counter()
    p = fit_predict(*encode(train, test))
    seconds = perf_counter() - started
    c = calibration
    measures = {"auc": c.auc, "logloss": c.log_loss, "ne": c.normalised_entropy, "ece": c.calibration_error}
    return {name: measure(p, test.clicks) for name, measure in measures.items()} | {"fit_s": seconds}


def warm_up() -> None:
    """Load LightGBM and the compiled kernels, which is no part of learning."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (200, 2))
    table = Table(codes, rng.random((200, 1)), (rng.random(200) < 0.5).astype(np.float64))
    fit_predict(table, table)


def print_quality(report: dict[str, Any]) -> None:
    """One measure a line."""
    print("\n".join(f"{name:8} {value:.4f}" for name, value in report.items() if value is not None))
