"""Ranking the impressions of somebody else's log: the same idea (what is known by the minute, then LambdaMART) on MIND's
format.

Most of what was shown a week ago will never be shown again, so factors of items are of little use; what counts is who clicked
in the last minutes. All counters run in the order of time: an impression is described before its clicks are counted. The model
is fitted on the first part of the log and judged on the last, whose clicks it never saw when they were to be ranked.
"""

from time import perf_counter
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from podcast_recs.behaviors import Behaviors, News
from podcast_recs.lexical import Lexical, directions
from podcast_recs.records import Float32, Ints
from podcast_recs.streamed import Stream
from shared.errors import BadInput

Float64 = NDArray[np.float64]

TEST_SHARE = 0.3
TASTE, TEXT = 32, 64
"""Dimensions of what readers have in common, and of what titles and abstracts say."""
BLOCK = 5_000  # impressions
ROUNDS, LEAVES, RATE = 120, 6, 0.06
MOST_ROWS = 300_000
"""The trees learn from the newest of what was shown: more of it costs time and brings nothing that is still true."""


def evaluate(log: Behaviors, news: News | None) -> dict[str, Any]:
    """AUC, MRR and nDCG over the impressions of the last TEST_SHARE of the log, and the seconds that everything learned took."""
    test = int(round(len(log.at) * (1 - TEST_SHARE)))
    if test < 10 or test == len(log.at):
        raise BadInput(
            f"{len(log.at)} impressions; expected at least 15, to learn from the first 70 % and test on the rest"
        )
    _compile(log, news)
    began = perf_counter()
    stream = Stream(log, news, tastes(log, test), _texts(log, news))
    split = int(log.shown_of[test])
    first = max(0, int(np.searchsorted(log.shown_of, split - MOST_ROWS)))
    rows = stream.describe(first, test)
    model = _fit(rows, log.clicked[log.shown_of[first] : split], np.diff(log.shown_of[first : test + 1]))
    fitted = perf_counter() - began
    scores = []
    for low in range(test, len(log.at), BLOCK):
        rows = stream.describe(low, min(low + BLOCK, len(log.at)))
        scores.append(np.asarray(model.predict(rows, num_threads=1)))
    measured = measure(np.concatenate(scores), log.clicked[split:], log.shown_of[test:] - split)
    return {**measured, "fit_s": round(fitted, 3), "impressions": len(log.at), "rejected": log.rejected}


def _compile(log: Behaviors, news: News | None) -> None:
    """Read one impression, so that a machine's first run does not count the compiling of kernels as learning."""
    one = log._replace(at=log.at[:1], user=log.user[:1], history_of=log.history_of[:2], shown_of=log.shown_of[:2])
    nothing = np.zeros((len(log.items), 1), np.float32)
    Stream(one, news, nothing, nothing).describe(0, 1)


def measure(scores: Float64, clicked: NDArray[np.bool_], offsets: Ints) -> dict[str, Any]:
    """Means over impressions that have both a click and something passed over, as MIND's own evaluation takes them; ties count
    half in AUC.
    """
    found: list[tuple[float, float, float, float]] = []
    for low, high in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        y, s = clicked[low:high], scores[low:high]
        if y.all() or not y.any():
            continue
        order = np.lexsort((np.arange(len(s)), -s))
        ranks = np.flatnonzero(y[order]) + 1
        better = (s[y][:, None] > s[~y]).mean() + 0.5 * (s[y][:, None] == s[~y]).mean()
        found.append((float(better), float((1 / ranks).mean()), _ndcg(ranks, 5), _ndcg(ranks, 10)))
    if not found:
        raise BadInput("no tested impression has both a click and something that was passed over")
    auc, mrr, at_5, at_10 = np.mean(found, axis=0).tolist()
    return {"auc": auc, "mrr": mrr, "ndcg@5": at_5, "ndcg@10": at_10, "tested": len(found)}


def _ndcg(ranks: Ints, k: int) -> float:
    gains = 1 / np.log2(1 + ranks[ranks <= k])
    return float(gains.sum() / (1 / np.log2(np.arange(2, min(k, len(ranks)) + 2))).sum())


def _fit(rows: Float32, clicked: NDArray[np.bool_], slates: Ints) -> Any:
    if not clicked.any():
        raise BadInput("no click in the first 70 % of the log: nothing to learn from")
    parameters = {
        "objective": "rank_xendcg",
        "num_leaves": LEAVES,
        "learning_rate": RATE,
        "min_data_in_leaf": 80,
        "lambda_l2": 10.0,
        "feature_fraction": 0.6,
        "max_bin": 63,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # threads that wait for each other cost more than they bring where cores are shared
        "verbosity": -1,
    }
    data = lightgbm.Dataset(rows, label=clicked.astype(np.int8), group=slates)
    return lightgbm.train(parameters, data, num_boost_round=ROUNDS)


def described(log: Behaviors, news: News | None, test: int) -> Float32:
    """float32[all shown, columns], every impression as it could be known before its clicks; taste is learned from the first
    `test` only.
    """
    return Stream(log, news, tastes(log, test), _texts(log, news)).describe(0, len(log.at))


def tastes(log: Behaviors, test: int) -> Float32:
    """float32[items, TASTE]: items by the histories they stand in together (truncated SVD of users × items); zeros for those
    that stand in none.
    """
    _, last = np.unique(log.user[:test][::-1], return_index=True)
    last = test - 1 - last  # each user's newest row
    sizes = np.diff(log.history_of)[last]
    begin = np.repeat(log.history_of[last] - np.cumsum(sizes) + sizes, sizes)
    items = log.history[begin + np.arange(sizes.sum())]
    matrix = csr_matrix(
        (np.ones(len(items)), (np.repeat(np.arange(len(last)), sizes), items)), (len(last), len(log.items))
    )
    often = np.bincount(matrix.indices, minlength=len(log.items))
    size = min(TASTE, len(last) - 1, len(log.items) - 1)
    if size < 1 or matrix.nnz < size:
        return np.zeros((len(log.items), 1), np.float32)
    matrix.data = np.log1p(len(last) / np.maximum(often, 1))[matrix.indices]
    axes = directions(matrix, size)
    found = axes * np.sqrt(np.linalg.norm(matrix @ axes, axis=0))
    unit: Float32 = (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)).astype(np.float32)
    return unit


def _texts(log: Behaviors, news: News | None) -> Float32:
    """float32[items, d] of unit length from titles; [items, 0] without a news file."""
    if news is None or not any(news.text):
        return np.empty((len(log.items), 0), np.float32)
    return Lexical(news.text, TEXT).fitted()
