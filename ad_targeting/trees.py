"""Boosted trees by LightGBM, walked as flat arrays: the scores of LightGBM's own `predict` to the last bit, one row in microseconds.

LightGBM's Python call costs tens of microseconds for one row, nearly all of it on the way in. The walk is a loop over arrays: at each
node compare one feature with one threshold, go left or right, until a negative child names a leaf. Missing values follow LightGBM:
a NaN takes the node's default side where training saw NaNs, and counts as 0 elsewhere.
"""

import re
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting.records import Floats, Int64
from shared.threads import cores

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; the bits above them are the kind of missing value
ZERO, NAN = 1, 2
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "max_bin": 63,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "seed": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
ROUNDS = 150
ROWS_PER_LEAF, FEWEST_LEAVES, MOST_LEAVES = 2_500, 4, 63
ROWS_PER_THREAD = 50_000  # below so many rows a second thread costs more than it brings


class Trees(NamedTuple):
    """Nodes of all trees one after another, then their leaves."""

    first_node: Int64  # [trees] root of each tree; −1 when it is a single leaf
    first_leaf: Int64  # [trees]
    feature: NDArray[np.int32]  # [nodes]
    threshold: Floats  # [nodes] go left when the value is not above it
    decision: NDArray[np.int32]  # [nodes] LightGBM's decision_type
    left: NDArray[np.int32]  # [nodes] child within the tree: a node ≥ 0, or a leaf as −1 − leaf
    right: NDArray[np.int32]  # [nodes]
    value: Floats  # [leaves]


def train(x: Floats, clicks: Floats, rounds: int = ROUNDS, margins: Floats | None = None, **changes: Any) -> Any:
    """A LightGBM booster on features float64[n, features]; NaN is missing. margins float64[n]: what the trees are to be added to."""
    import lightgbm

    threads = min(cores(), 1 + len(x) // ROWS_PER_THREAD)
    leaves = min(max(len(x) // ROWS_PER_LEAF, FEWEST_LEAVES), MOST_LEAVES)
    settings = SETTINGS | {"num_threads": threads, "num_leaves": leaves} | changes
    return lightgbm.train(settings, lightgbm.Dataset(x, clicks, init_score=margins), rounds)


def fit(x: Floats, clicks: Floats, rounds: int = ROUNDS, margins: Floats | None = None, **changes: Any) -> Trees:
    """`train` and `flatten` in one."""
    return flatten(train(x, clicks, rounds, margins, **changes).model_to_string())


def flatten(model: str) -> Trees:
    """LightGBM's model text as flat arrays; ValueError for categorical splits and linear leaves, which the walk does not know."""
    trees = [dict(re.findall(r"^(\w+)=(.*)$", block, re.M)) for block in model.split("\nTree=")[1:]]
    if any(tree.get("is_linear", "0") != "0" or tree["num_cat"] != "0" for tree in trees):
        raise ValueError("a tree with categorical splits or linear leaves; train on numbers, with constant leaves")

    def column(name: str, kind: type) -> Any:
        return np.concatenate([np.array(tree.get(name, "").split(), kind) for tree in trees])

    nodes = np.array([int(tree["num_leaves"]) - 1 for tree in trees])
    starts = np.cumsum(nodes) - nodes
    return Trees(
        np.where(nodes > 0, starts, -1),
        np.cumsum(nodes + 1) - nodes - 1,
        column("split_feature", np.int32),
        column("threshold", np.float64),
        column("decision_type", np.int32),
        column("left_child", np.int32),
        column("right_child", np.int32),
        column("leaf_value", np.float64),
    )


@njit(cache=True)
def goes_left(value, threshold, decision):  # type: ignore[no-untyped-def]
    """LightGBM's NumericalDecision (src: include/LightGBM/tree.h)."""
    missing = decision >> 2
    if value == value and missing != ZERO:  # the common case, first
        return value <= threshold
    if np.isnan(value) and missing != NAN:
        value = 0.0
    if (missing == ZERO and abs(value) <= 1e-35) or (missing == NAN and np.isnan(value)):
        return (decision & DEFAULT_LEFT) != 0
    return value <= threshold


@njit(cache=True)
def score(trees, x):  # type: ignore[no-untyped-def]
    """The margin of one row of features float64[features]."""
    feature, threshold, decision = trees.feature, trees.threshold, trees.decision
    margin = 0.0
    for tree in range(len(trees.first_node)):
        root = trees.first_node[tree]
        node = 0 if root >= 0 else -1
        while node >= 0:
            at = root + node
            left = goes_left(x[feature[at]], threshold[at], decision[at])
            node = trees.left[at] if left else trees.right[at]
        margin += trees.value[trees.first_leaf[tree] - 1 - node]
    return margin


@njit(cache=True)
def score_rows(trees, x):  # type: ignore[no-untyped-def]
    """Margins float64[n] of features float64[n, features]."""
    margins = np.empty(len(x))
    for i in range(len(x)):
        margins[i] = score(trees, x[i])
    return margins
