"""What a group will choose next: eight signals, and a blend of them that each data set chooses for itself, on its training pairs alone.

Persistent groups are best foretold by their own history, fresh ones by their members; how much of each is learned. Some training pairs
are hidden, in the group's row and in its members', the signals computed without them, and a conditional logit (McFadden 1974) finds the
weights under which the hidden item wins against random ones. Groups without any history get weights of their own, learned on groups
whose whole history was hidden.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags, vstack

from jam_recs.closed_form import Ease, ease_scores, filter_scores, fit_ease
from jam_recs.group_files import Case, Groups, ones

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

FOLDS = 3
MOST_CASES = 2_400  # validation cases; more say no more
HIDDEN_SHARE = 0.2  # of the pairs, at most, in one fold
NEGATIVES = 100
PENALTY = 1.0  # of the squared weights
IDEAL = 24
CELLS = 2_000_000  # of a table [groups, items] that is held at once: 8 MB, and some forty tables of the kind
FEW, MANY = 50.0, 300.0  # λ of EASE, for groups or users alone and for both together
SIGNALS = ("filter", "filter-groups", "ease", "ease-groups", "neighbours", "popular", "known", "average")


class Signals(NamedTuple):
    """For each case its signals float64[candidates, SIGNALS], what its members like, and which candidates the group had before."""

    values: list[Float64]
    liking: list[Float32]  # [members, candidates], shares of each member's ideal
    had: list[NDArray[np.bool_]]  # [candidates]


def signals(train: Groups, cases: list[Case]) -> Signals:
    """All signals of all cases, from `train` alone; a block of groups at a time, so that no table is all groups × items large."""
    everything = vstack([train.groups, train.users]).tocsr()
    ease, of_groups, of_users = fit_ease(everything, MANY), fit_ease(train.groups, FEW), fit_ease(train.users, FEW)
    popular = np.log1p(train.groups.getnnz(axis=0)).astype(np.float32)
    asked, place = np.unique([case.group for case in cases], return_inverse=True)
    count = len(cases)
    found = Signals([np.empty(0)] * count, [np.empty(0, np.float32)] * count, [np.empty(0, bool)] * count)
    step = max(1, CELLS // train.groups.shape[1])
    for first in range(0, len(asked), step):
        block = asked[first : first + step]
        rows, members = train.groups[block], train.members[block]
        present = np.unique(members.indices)
        likings, mean = _likings(of_users, train.users[present]), _scaled(members, -1)
        tables = np.stack([
            filter_scores(everything, rows), filter_scores(train.groups, rows), ease_scores(ease, rows),
            ease_scores(of_groups, rows), _neighbours(train, block), np.broadcast_to(popular, rows.shape),
            (mean @ train.users).toarray(), mean[:, present] @ likings,
        ])  # fmt: skip
        had = rows.toarray() > 0
        for number in np.flatnonzero((place >= first) & (place < first + step)):
            row, candidates = place[number] - first, cases[number].candidates
            who = np.searchsorted(present, members.indices[members.indptr[row] : members.indptr[row + 1]])
            found.values[number] = tables[:, row, candidates].T.astype(np.float64)
            found.liking[number] = likings[who[:, None], candidates]
            found.had[number] = had[row, candidates]
    return found


def _likings(model: Ease, users: csr_matrix) -> Float32:
    """Shares of each user's ideal, float32[users, items]; 0 for a user without a row."""
    scores = ease_scores(model, users)
    count = min(IDEAL, scores.shape[1])
    ideal = np.maximum(-np.partition(-scores, count - 1, axis=1)[:, :count], 0).mean(axis=1, keepdims=True)
    liking: Float32 = np.maximum(scores / np.where(ideal > 0, ideal, 1), 0)
    return liking


def _scaled(rows: csr_matrix, power: float) -> csr_matrix:
    """Rows of ones times their number to the power: -1 gives means, -½ unit lengths."""
    return (diags(np.maximum(rows.getnnz(axis=1), 1) ** float(power)) @ rows).tocsr().astype(np.float32)


def _neighbours(train: Groups, asked: NDArray[np.intp]) -> Float32:
    """What groups that share members chose, weighted by the cosine of the member sets; the group itself left out."""
    unit = _scaled(train.members, -0.5)
    near = (unit[asked] @ unit.T).tocoo()
    near.data[near.col == asked[near.row]] = 0
    scores: Float32 = (near.tocsr() @ train.groups).toarray()
    return scores


def standardise(values: Float64, had: NDArray[np.bool_]) -> Float64:
    """Signed roots, then deviations from the mean of the case's candidates (those the group had before aside) in standard deviations."""
    rooted = np.sign(values) * np.sqrt(np.abs(values))
    kept = rooted[~had]
    scaled: Float64 = (rooted - kept.mean(axis=0)) / np.maximum(kept.std(axis=0), 1e-9)
    return scaled


def blend(found: Signals, weights: Float64) -> list[Float64]:
    """Scores of each case's candidates; what the group had before comes last, since nobody recommends it again."""
    pairs = zip(found.values, found.had, strict=True)
    return [np.where(had, -np.inf, standardise(values, had) @ weights) for values, had in pairs]


def learn(train: Groups, whole: bool, seed: int) -> Float64:
    """Weights float64[SIGNALS] from hidden training pairs; `whole` hides all that the chosen groups ever chose."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    values: list[Float64] = []
    for hidden in _folds(train, rng, whole):
        rest, cases = _without(train, hidden, rng, whole)
        if cases:
            found = signals(rest, cases)
            values += [standardise(*pair) for pair in zip(found.values, found.had, strict=True)]
    if not values:
        return np.array([float(name == "average") for name in SIGNALS])  # nothing to learn from
    return conditional_logit(np.stack(values))


def _folds(train: Groups, rng: np.random.Generator, whole: bool) -> list[NDArray[np.intp]]:
    """Indices of the pairs of train.groups that each fold hides: one a group at a time, or all of some groups."""
    pairs = train.groups.tocoo()
    if whole:
        fold_of = rng.integers(0, 2 * FOLDS, train.groups.shape[0])[pairs.row]
        return [np.flatnonzero(fold_of == fold) for fold in range(FOLDS)]
    left, folds = rng.permutation(pairs.nnz), list[NDArray[np.intp]]()
    while len(folds) < FOLDS and len(left):
        _, first = np.unique(pairs.row[left], return_index=True)  # a group's pairs are used up one by one
        most = max(1, min(int(HIDDEN_SHARE * pairs.nnz), MOST_CASES // FOLDS))
        chosen = np.sort(rng.permutation(first)[:most])
        folds.append(left[chosen])
        left = np.delete(left, chosen)
    return folds


def _without(
    train: Groups, hidden: NDArray[np.intp], rng: np.random.Generator, whole: bool
) -> tuple[Groups, list[Case]]:
    """`train` without the hidden pairs, and a case for each (of groups that keep a history, unless `whole`)."""
    pairs = train.groups.tocoo()
    rows, columns = pairs.row[hidden], pairs.col[hidden]
    taken = ones(list(zip(rows, columns, strict=True)), train.groups.shape)
    groups = (train.groups - taken).tocsr()
    users = (train.users - (train.members.T @ taken).minimum(1).multiply(train.users)).tocsr()
    groups.eliminate_zeros()
    users.eliminate_zeros()
    kept = np.flatnonzero((np.diff(groups.indptr)[rows] > 0) | whole)
    kept = np.sort(rng.permutation(kept)[: MOST_CASES // FOLDS])
    cases = []
    for group, item in zip(rows[kept].tolist(), columns[kept].tolist(), strict=True):
        drawn = rng.integers(0, train.groups.shape[1], NEGATIVES)
        others = np.setdiff1d(drawn, np.append(train.groups[group].indices, item))
        cases.append(Case(group, np.append(item, np.resize(others, NEGATIVES) if len(others) else [item] * NEGATIVES)))
    return Groups(groups, users, train.members), cases


def conditional_logit(values: Float64) -> Float64:
    """Weights w float64[SIGNALS] that make candidate 0 likeliest: maximise Σ log softmax(values @ w)[0] − PENALTY |w|².

    values float64[cases, candidates, SIGNALS]. A signal may be ignored but not inverted: eight that are much alike would otherwise be
    played off against each other, to the validation cases' liking and nobody else's.
    """

    def loss(w: Float64) -> tuple[float, Float64]:
        scores = values @ w  # [cases, candidates]
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        chance /= chance.sum(axis=1, keepdims=True)
        expected = (chance[:, None, :] @ values)[:, 0, :]  # [cases, signals]
        slope = (expected - values[:, 0]).sum(axis=0) + 2 * PENALTY * w
        return float(-np.log(np.maximum(chance[:, 0], 1e-12)).sum() + PENALTY * w @ w), slope

    bounds = [(0, None)] * len(SIGNALS)
    weights: Float64 = minimize(loss, np.zeros(len(SIGNALS)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return weights
