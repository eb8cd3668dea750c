"""Clicks and paces on somebody's own files, beside the tools one would take instead; and how often the causal interval holds the truth.

Every contestant gets the same cells in the same folds on the same cores, and its time is that of fitting and predicting all folds. CatBoost
gets text as categories and amounts as numbers, with 300 trees and with its own defaults (1,000 trees); LightGBM gets its native categories
at its defaults. Synthetic tables are made here; real ones are read where LINER_REAL_DATA names a folder with `avazu/` and `ipinyou_1458/`
(sources: Lapis-Hong/Wide-ResDNN; wnzhang/rtbcontrol) and are recorded under names of their own.
"""

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest

from ad_targeting import calibration, columns
from ad_targeting.calibration import logistic
from ad_targeting.churn_worlds import report
from ad_targeting.columns import Raw, encode, read
from ad_targeting.ctr import fit_predict, linear
from ad_targeting.ctr_files import warm_up
from ad_targeting.replay import POLICIES, Log, knapsack, replay
from ad_targeting.replay_files import MICROS, read_log
from shared.threads import cores

REAL = Path(os.environ.get("LINER_REAL_DATA", "/nonexistent"))
ROWS = {"tiny": 500, "small": 4_000, "full": 10_000}
FOLDS = {"tiny": 2, "small": 3, "full": 3}
TREES = {"tiny": 20, "small": 300, "full": 300}


def sites(rows: int) -> Raw:
    """Twelve fields of an exchange: site, app, device and placement; two pairs of them decide, and the rest says little."""
    rng = np.random.default_rng(11)
    cards = [300, 250, 30, 20, 800, 6_000, 250, 100, 30, 6, 4, 3]
    codes = np.column_stack([np.minimum(rng.zipf(1.3, rows) - 1, card - 1) for card in cards])
    single, double = rng.normal(0, 0.25, (12, 6_000)), rng.normal(0, 0.7, (2, 31, 31))
    logit = -1.8 + sum(single[field, codes[:, field]] for field in range(12))
    logit += double[0, codes[:, 0] % 31, codes[:, 6] % 31] + double[1, codes[:, 2] % 31, codes[:, 8] % 31]
    return table({f"field{field}": [f"{value:x}" for value in codes[:, field]] for field in range(12)}, logit, rng)


def mixed(rows: int) -> Raw:
    """Thirteen skewed amounts and twenty-six categories, from three values to nearly as many as rows, a third of the columns with gaps."""
    rng = np.random.default_rng(12)
    habit = rng.normal(size=(rows, 4))
    logit, cells = np.full(rows, -1.2) + habit @ rng.normal(0, 0.3, 4), {}
    for number in range(13):
        amount = np.floor(np.exp(rng.uniform(0, 4) + rng.normal(0, 1, rows) + habit[:, number % 4] / 2))
        logit += rng.choice([0, 0.1, -0.15, 0.2]) * np.log1p(amount)
        cells[f"amount{number}"] = [f"{value:.0f}" for value in amount]
    for number, card in enumerate(np.geomspace(3, 200_000, 26).astype(int)):
        value = (
            np.minimum(rng.pareto(rng.uniform(0.35, 0.7), rows) + 0.5 * np.abs(habit[:, number % 4]), 1e9).astype(
                np.int64
            )
            % card
        )
        logit += rng.normal(0, rng.choice([0.05, 0.15, 0.35]), card)[value]
        cells[f"category{number}"] = [f"{entry:x}" for entry in value]
    for name in list(cells)[::3]:
        gaps = rng.random(rows) < rng.choice([0.03, 0.2, 0.6])
        cells[name] = [None if gap else value for gap, value in zip(gaps, cells[name], strict=True)]
    return table(cells, logit - np.mean(logit) - 1.2, rng)


def table(cells, logit, rng) -> Raw:
    clicks = (rng.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return Raw({name: pa.array(values, pa.string()) for name, values in cells.items()}, clicks, 0)


def avazu(rows: int) -> Raw:
    """The three parts of the published sample, as one table; only the first has a header."""
    folder = REAL / "avazu"
    header = (folder / "train.csv").read_text().splitlines()[0]
    whole = (
        folder.joinpath("train.csv").read_text()
        + folder.joinpath("dev.csv").read_text()
        + folder.joinpath("test.csv").read_text()
    )
    assert whole.startswith(header)
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "avazu.csv"
        path.write_text(whole)
        return take(read(path, "click"), np.arange(rows))


TABLES = {"ad-ctr-sites": sites, "ad-ctr-mixed": mixed} | ({"ad-ctr-avazu": avazu} if (REAL / "avazu").exists() else {})


@cache
def folds(name: str, size: str) -> list[tuple[Raw, Raw]]:
    raw = TABLES[name](ROWS[size])
    fold = np.random.default_rng(0).permutation(len(raw.clicks)) % FOLDS[size]
    return [
        (take(raw, np.flatnonzero(fold != part)), take(raw, np.flatnonzero(fold == part)))
        for part in range(FOLDS[size])
    ]


def take(raw: Raw, rows: np.ndarray) -> Raw:
    rows = rows[rows < len(raw.clicks)]
    return Raw({name: column.take(pa.array(rows)) for name, column in raw.cells.items()}, raw.clicks[rows], 0)


def ours(train, test, size):
    return fit_predict(*encode(train, test))


def hashed_logistic(train, test, size):
    return logistic(linear(*encode(train, test)))


def frame(raw: Raw, train: Raw):
    """pandas: amounts as numbers, everything else as text, and without what names its rows."""
    pandas = pytest.importorskip("pandas")
    made = {}
    for name, column in train.cells.items():
        cells, known = raw.cells[name].to_pylist(), column.drop_null()
        if name.startswith("amount"):
            made[name] = [np.nan if cell is None else float(cell) for cell in cells]
        elif len(known.unique()) <= columns.UNIQUE_SHARE * len(known):
            made[name] = [cell or "" for cell in cells]
    return pandas.DataFrame(made)


def catboost(train, test, size, trees):
    peer = pytest.importorskip("catboost", reason="pip install catboost")
    x, asked = frame(train, train), frame(test, train)
    text = [name for name in x.columns if x[name].dtype.kind not in "fi"]
    model = peer.CatBoostClassifier(
        iterations=trees, cat_features=text, thread_count=cores(), verbose=0, allow_writing_files=False, random_seed=1
    )
    return model.fit(x, train.clicks).predict_proba(asked)[:, 1]


def lightgbm_native(train, test, size):
    import lightgbm

    x, asked = frame(train, train), frame(test, train)
    for name in x.columns:
        if x[name].dtype.kind not in "fi":
            x[name] = x[name].astype("category")
            known = asked[name].isin(x[name].cat.categories)
            asked[name] = asked[name].where(known).astype(x[name].dtype)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}  # two are slower on so few rows
    return lightgbm.train(settings, lightgbm.Dataset(x, train.clicks), 100).predict(asked)


CONTESTANTS = {
    "ours": ours,
    "hashed logistic alone": hashed_logistic,
    "LightGBM, native categories": lightgbm_native,
    "CatBoost, 300 trees": lambda train, test, size: catboost(train, test, size, TREES[size]),
    "CatBoost, its defaults": lambda train, test, size: catboost(
        train, test, size, None if size == "full" else TREES[size]
    ),
}


@pytest.mark.parametrize("contestant", [f"{name}: {who}" for name in TABLES for who in CONTESTANTS])
def test_clicks(contestant, benchmark, bench_size):
    name, who = contestant.split(": ")
    parts = folds(name, bench_size)
    warm_up()
    benchmark.group = name
    found = benchmark.pedantic(lambda: [CONTESTANTS[who](train, test, bench_size) for train, test in parts])
    judged = [(p, test.clicks) for p, (_, test) in zip(found, parts, strict=True)]
    auc = np.mean([calibration.auc(*pair) for pair in judged])
    assert auc > (0.4 if bench_size == "tiny" else 0.6)
    benchmark.extra_info["show"] = {
        "AUC": f"{auc:.4f}",
        "log loss": f"{np.mean([calibration.log_loss(*pair) for pair in judged]):.4f}",
        "normalised entropy": f"{np.mean([calibration.normalised_entropy(*pair) for pair in judged]):.4f}",
        "calibration error": f"{np.mean([calibration.calibration_error(*pair) for pair in judged]):.4f}",
        "rows": f"{sum(len(clicks) for _, clicks in judged):,}",
        "folds": len(parts),
    }


def market(seed: int, count: int, **moved) -> Log:
    """Gamma prices and log-normal scores of little spread: a campaign where the price is nearly all that counts."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, count)
    price = (
        np.minimum(
            300, np.round(rng.gamma(2, 35, count) * moved.get("price", 1) * np.exp(moved.get("drift", 0) * time))
        )
        + 1
    )
    pctr = np.minimum(1, 0.004 * moved.get("pctr", 1) * np.exp(0.3 * rng.standard_normal(count)))
    return Log(rng.random(count) < pctr, price.astype(np.int64) * MICROS, pctr)


AUCTIONS = {"tiny": 3_000, "small": 50_000, "full": 100_000}
MARKETS = {
    "ad-pacing-as-yesterday": lambda n: (market(1, n), market(2, n)),
    "ad-pacing-shifted": lambda n: (market(1, n), market(3, n, price=1.4, pctr=0.6)),
    "ad-pacing-drifting": lambda n: (market(1, n), market(4, n, drift=0.4)),
}
if (REAL / "ipinyou_1458").exists():
    MARKETS["ad-pacing-ipinyou"] = lambda n: tuple(
        read_log(REAL / "ipinyou_1458" / f"{part}.txt") for part in ("train", "test")
    )
    MARKETS["ad-pacing-ipinyou-swapped"] = lambda n: MARKETS["ad-pacing-ipinyou"](n)[::-1]


@pytest.mark.parametrize("contestant", [f"{name}: {policy}" for name in MARKETS for policy in POLICIES])
def test_pacing(contestant, benchmark, bench_size):
    """The time is that of all four budgets."""
    name, policy = contestant.split(": ")
    train, log = MARKETS[name](AUCTIONS[bench_size])
    budgets = {f"1/{part}": int(log.price.sum()) // part for part in (4, 8, 16, 32)}
    benchmark.group = name
    found = benchmark.pedantic(lambda: [replay(train, log, budget, policy) for budget in budgets.values()])
    assert all(result.spent <= budget for result, budget in zip(found, budgets.values(), strict=True))
    best = [knapsack(log, budget)[0] for budget in budgets.values()]
    benchmark.extra_info["show"] = {
        f"of the best, {key}": f"{result.value / most:.2%}"
        for key, result, most in zip(budgets, found, best, strict=True)
    } | {"auctions": f"{len(log.price):,}"}


WORLDS = {"tiny": 3, "small": 100, "full": 100}
LISTENERS = {"tiny": 10_000, "small": 20_000, "full": 100_000}


@pytest.mark.parametrize("contestant", ["randomised arms"])
def test_churn(contestant, benchmark, bench_size):
    """The time is that of all worlds: making each, and reading it."""
    benchmark.group = "ad-churn"
    found = benchmark.pedantic(lambda: report(1001, LISTENERS[bench_size], WORLDS[bench_size]))
    assert found["covered"] >= 0.5 * found["worlds"]
    benchmark.extra_info["show"] = {
        "worlds": found["worlds"],
        "listeners": f"{LISTENERS[bench_size]:,}",
        "naive sign wrong": found["naive_sign_wrong"],
        "interval holds the truth there": found["covered_where_naive_is_wrong"],
        "placebo holds 0": found["placebo_covered"],
    }
