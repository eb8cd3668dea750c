"""Which of them first? Gradient boosted trees that learn from whole slates (LambdaMART, Burges 2010), with graded labels.

Labels say how much came of a slot: 0 passed over, 1 started and left, 2 heard some of it, 3 finished or half an hour long.
Positions enter the training as a nuisance that LightGBM estimates and forgets, because the top of a slate is looked at more.
Trained on what was shown before the day it serves, never on later.
"""

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from podcast_recs.differences import Differences
from podcast_recs.features import kept_columns
from podcast_recs.records import Float32, Ints
from podcast_recs.state import COMPLETED, LONG_MS
from shared.errors import BadInput

TREES, LEAVES = 120, 15
SOME = 0.3
GAINS = (0, 1, 3, 6)
"""Worth of a slot by its label."""


class Ranker:
    """A trained model: `score(features)` → float64[n], higher is better."""

    def __init__(self, booster: Any, columns: list[int]) -> None:
        """columns: of `features.NAMES` that the model was trained on."""
        self._booster, self._columns = booster, columns

    def score(self, rows: Float32) -> NDArray[np.float64]:
        """float64[n] of float32[n, all columns]; one thread: a request is small and there are many."""
        if not len(rows):
            return np.empty(0)
        scores: NDArray[np.float64] = self._booster.predict(rows[:, self._columns], num_threads=1)
        return scores

    def text(self) -> str:
        """The model as LightGBM writes it."""
        return str(self._booster.model_to_string())

    @classmethod
    def read(cls, text: str, on: Differences) -> "Ranker":
        """What `text` gave; BadInput for anything else, and for a model of other columns."""
        columns = kept_columns(on)
        try:
            booster = lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise BadInput(f"the kept ranker cannot be read ({error}); train it again, as the demo does") from None
        if booster.num_feature() != len(columns):
            raise BadInput(
                f"the kept ranker has {booster.num_feature()} columns, expected {len(columns)}; train it again, as the demo does"
            )
        return cls(booster, columns)


def grade(started: NDArray[np.bool_], played_ms: Ints, duration_ms: Ints, on: Differences) -> NDArray[np.int8]:
    """int8[n] labels of slots; without the difference `completion` a start is all that counts, as for songs."""
    share = played_ms / np.maximum(duration_ms, 1)
    finished = (share >= COMPLETED) | (played_ms >= LONG_MS)
    labels = np.where(finished, 3, np.where(share >= SOME, 2, 1)) if on.completion else np.ones(len(started))
    return np.where(started, labels, 0).astype(np.int8)


def train(
    rows: Float32, labels: NDArray[np.int8], slates: Ints, positions: NDArray[np.int8], on: Differences, seed: int = 1
) -> Ranker:
    """rows float32[n, columns]; labels int8[n]; slates int64[m], how many rows each slate has, in order; positions int8[n]."""
    if not len(rows) or labels.max() == labels.min():
        raise BadInput(f"{len(rows):,} slots with one label: nothing to learn an order from; wait for more listens")
    columns = kept_columns(on)
    data = lightgbm.Dataset(rows[:, columns], label=labels, group=slates, position=positions, free_raw_data=True)
    parameters = {
        "objective": "lambdarank",
        "label_gain": list(GAINS),
        "num_leaves": LEAVES,
        "learning_rate": 0.08,
        "min_data_in_leaf": 60,
        "lambda_l2": 5.0,
        "lambdarank_truncation_level": 10,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # threads that wait for each other cost more than they bring where cores are shared
        "verbosity": -1,
    }
    return Ranker(lightgbm.train(parameters, data, num_boost_round=TREES), columns)


def ordered_well(ranker: Ranker, rows: Float32, labels: NDArray[np.int8], slates: Ints) -> float:
    """Mean over slates of the gain in the ranker's order, discounted by rank, as a share of the best order's (nDCG); slates without a
    start say nothing; -1 when a score is no number.
    """
    scores = ranker.score(rows)
    if not np.isfinite(scores).all():
        return -1.0
    slate = np.repeat(np.arange(len(slates)), slates)
    discount = 1 / np.log2(np.arange(len(rows)) - np.repeat(np.cumsum(slates) - slates, slates) + 2)
    gains = np.array(GAINS)[labels]
    found, best = (np.bincount(slate, gains[np.lexsort((-by, slate))] * discount) for by in (scores, gains))
    return float((found[best > 0] / best[best > 0]).mean()) if best.any() else 0.0
