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
from scipy.sparse.linalg import svds

from podcast_recs.behaviors import Behaviors, News
from podcast_recs.lexical import Lexical
from podcast_recs.records import HOUR_MS, Float32, Ints
from shared.errors import BadInput
from shared.threads import cores

Float64 = NDArray[np.float64]

TEST_SHARE = 0.3
MEMORIES_H = (0.5, 4.0, 24.0)
PRIOR_SHOWN = 20.0
TASTE = 32
ROUNDS, LEAVES, RATE = 220, 15, 0.05


def evaluate(log: Behaviors, news: News | None) -> dict[str, Any]:
    """AUC, MRR and nDCG over the impressions of the last TEST_SHARE of the log, and the seconds that everything learned took."""
    test = int(round(len(log.at) * (1 - TEST_SHARE)))
    if test < 10 or test == len(log.at):
        raise BadInput(
            f"{len(log.at)} impressions; expected at least 15, to learn from the first 70 % and test on the rest"
        )
    began = perf_counter()
    rows = stream(log, news, test)
    split = int(log.shown_of[test])
    model = _fit(rows[:split], log.clicked[:split], np.diff(log.shown_of[: test + 1]))
    fitted = perf_counter() - began
    scores = np.asarray(model.predict(rows[split:], num_threads=cores()))
    measured = measure(scores, log.clicked[split:], log.shown_of[test:] - split)
    return {**measured, "fit_s": round(fitted, 3), "impressions": len(log.at), "rejected": log.rejected}


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
        "objective": "lambdarank",
        "num_leaves": LEAVES,
        "learning_rate": RATE,
        "min_data_in_leaf": 80,
        "lambda_l2": 10.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambdarank_truncation_level": 12,
        "seed": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": cores(),
        "verbosity": -1,
    }
    data = lightgbm.Dataset(rows, label=clicked.astype(np.int8), group=slates)
    return lightgbm.train(parameters, data, num_boost_round=ROUNDS)


def stream(log: Behaviors, news: News | None, test: int) -> Float32:
    """float32[all shown, columns], every impression as it could be described before its clicks; taste is learned from the first
    `test` only.
    """
    taste = tastes(log, test)
    counters = _Counters(len(log.items), taste.shape[1], news)
    text = _text(log, news)
    described = []
    for row in range(len(log.at)):
        shown, history = log.shown_in(row), log.history_in(row)
        own = _mean(taste, history)
        columns = [
            *counters.describe(shown, history, int(log.user[row]), int(log.at[row]), own),
            *_near(text, shown, history),
        ]
        described.append(_with_ranks(np.stack(columns, axis=1)))
        counters.take(
            shown, log.clicked[log.shown_of[row] : log.shown_of[row + 1]], int(log.user[row]), int(log.at[row]), own
        )
    return np.concatenate(described).astype(np.float32)


def tastes(log: Behaviors, test: int) -> Float32:
    """float32[items, TASTE]: items by the histories they stand in together (truncated SVD of users × items); zeros for those
    that stand in none.
    """
    last = {int(user): row for row, user in enumerate(log.user[:test].tolist())}
    pairs = [(at, item) for at, row in enumerate(last.values()) for item in set(log.history_in(row).tolist())]
    size = min(TASTE, len(last) - 1, len(log.items) - 1)
    if size < 1 or len(pairs) < size:
        return np.zeros((len(log.items), 1), np.float32)
    users, items = np.array(pairs).T
    often = np.bincount(items, minlength=len(log.items))
    weight = np.log1p(len(last) / np.maximum(often, 1))[items]
    matrix = csr_matrix((weight, (users, items)), (len(last), len(log.items)))
    _, values, vectors = svds(matrix, k=size, random_state=1)
    found = (vectors.T * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    unit: Float32 = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return unit


class _Counters:
    """What is known of items, categories and users by now."""

    def __init__(self, items: int, width: int, news: News | None) -> None:
        self._now = np.zeros((items, 2, len(MEMORIES_H)))  # shown, clicked, fading
        self._ever = np.zeros((items, 2))
        self._seen = np.zeros(items, np.int64)  # ms, newest event of the item
        self._first = np.full(items, -1, np.int64)
        self._fans, self._viewers = np.zeros((items, width)), np.zeros((items, width))
        self._before: dict[tuple[int, int], list[int]] = {}  # (user, item) → shown, clicked
        self._visits: dict[int, int] = {}
        self._total = np.array([PRIOR_SHOWN * 10, 10.0])
        self._groups = (
            []
            if news is None
            else [(codes, np.zeros((int(codes.max(initial=-1)) + 2, 2))) for codes in (news.category, news.subcategory)]
        )

    def describe(self, shown: Ints, history: Ints, user: int, at: int, own: Float32) -> list[Float64]:
        """Columns float64[len(shown)]."""
        base = self._total[1] / self._total[0]
        age = np.maximum(0, at - self._seen[shown])[:, None] / (np.array(MEMORIES_H) * HOUR_MS)
        now = self._now[shown] * 0.5 ** age[:, None, :]
        columns = [_rate(now[:, 0, m], now[:, 1, m], base) for m in range(len(MEMORIES_H))]
        ever = self._ever[shown]
        first = np.where(self._first[shown] < 0, at, self._first[shown])
        columns += [
            _rate(ever[:, 0], ever[:, 1], base),
            np.log1p(ever[:, 0]),
            np.log1p(ever[:, 1]),
            np.log1p(now[:, 0, 0]),
            np.log1p(now[:, 1, 1]),
        ]
        columns += [np.log1p((at - first) / HOUR_MS), np.log1p((at - self._seen[shown]).clip(0) / HOUR_MS)]
        fans = self._fans[shown] / (ever[:, 1] + 3)[:, None]
        viewers = self._viewers[shown] / (ever[:, 0] + 3)[:, None]
        columns += [(fans - viewers) @ own, fans @ own]
        before = np.array([self._before.get((user, item), (0, 0)) for item in shown.tolist()], np.float64)
        columns += [before[:, 0], before[:, 1], np.isin(shown, history).astype(np.float64)]
        columns += [
            np.full(len(shown), value)
            for value in (np.log1p(len(history)), np.log1p(self._visits.get(user, 0)), len(shown))
        ]
        for codes, counts in self._groups:
            rates = counts[codes[shown]]
            likes = np.bincount(codes[history] + 1, minlength=len(counts) + 1)
            columns += [_rate(rates[:, 0], rates[:, 1], base), likes[codes[shown] + 1] / (len(history) + 3)]
        return columns

    def take(self, shown: Ints, clicked: NDArray[np.bool_], user: int, at: int, own: Float32) -> None:
        """Count an impression."""
        age = (at - self._seen[shown]).clip(0)[:, None] / (np.array(MEMORIES_H) * HOUR_MS)
        self._now[shown] *= 0.5 ** age[:, None, :]
        self._now[shown, 0] += 1
        self._now[shown, 1] += clicked[:, None]
        self._seen[shown] = at
        self._first[shown] = np.where(self._first[shown] < 0, at, self._first[shown])
        self._ever[shown, 0] += 1
        self._ever[shown, 1] += clicked
        self._viewers[shown] += own
        self._fans[shown[clicked]] += own
        self._total += (len(shown), clicked.sum())
        self._visits[user] = self._visits.get(user, 0) + 1
        for item, click in zip(shown.tolist(), clicked.tolist(), strict=True):
            count = self._before.setdefault((user, item), [0, 0])
            count[0] += 1
            count[1] += click
        for codes, counts in self._groups:
            np.add.at(counts[:, 0], codes[shown], 1)
            np.add.at(counts[:, 1], codes[shown], clicked)


def _rate(shown: Float64, clicked: Float64, base: float) -> Float64:
    rate: Float64 = (clicked + PRIOR_SHOWN * base) / (shown + PRIOR_SHOWN)
    return rate


def _with_ranks(columns: Float64) -> Float64:
    """Each column beside its distance from the impression's mean: what counts is who is better *here*."""
    return np.concatenate([columns, columns - columns.mean(axis=0)], axis=1)


def _mean(vectors: Float32, rows: Ints) -> Float32:
    mean: Float32 = vectors[rows].mean(axis=0) if len(rows) else np.zeros(vectors.shape[1], np.float32)
    return mean


def _text(log: Behaviors, news: News | None) -> Float32:
    """float32[items, d] of unit length from titles; [items, 0] without a news file."""
    if news is None or not any(news.text):
        return np.empty((len(log.items), 0), np.float32)
    return Lexical(news.text).reduced(news.text)


def _near(text: Float32, shown: Ints, history: Ints) -> list[Float64]:
    """Cosine of what is shown to the mean of the history's texts, and to its nearest."""
    if not text.shape[1]:
        return []
    if not len(history):
        return [np.zeros(len(shown)), np.zeros(len(shown))]
    cosines = text[shown] @ text[history[-50:]].T
    return [cosines.mean(axis=1).astype(np.float64), cosines.max(axis=1).astype(np.float64)]
