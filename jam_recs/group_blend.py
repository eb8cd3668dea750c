"""What a group will choose next: thirteen signals, and a blend of them that each data set chooses for itself, on its training pairs alone.

Persistent groups are best foretold by their own history, fresh ones by their members; how much of each is learned. Some training pairs
are hidden, the signals computed without them, and a conditional logit (McFadden 1974) finds the weights under which the hidden item wins
against random ones. Groups without any history get weights of their own, learned on groups whose whole history was hidden.

A hidden pair is also hidden in the members' rows, in as many cases as the test lists suggest (`known_share`, which reads no label): a
file whose user rows repeat what the group chose would otherwise teach to look it up there.
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
GROUPS = 512
SMALL, LARGE = 50.0, 300.0  # λ of EASE: two signals instead of a search
SIGNALS = (
    "filter", "filter-groups", "ease-small", "ease-large", "ease-groups", "neighbours", "popular-groups", "popular-users",
    "known", "average", "least", "most", "spread",
)  # fmt: skip


class Signals(NamedTuple):
    """For each case its signals float64[candidates, SIGNALS], what its members like, and which candidates the group had before."""

    values: list[Float64]
    liking: list[Float32]  # [members, candidates], shares of each member's ideal
    had: list[NDArray[np.bool_]]  # [candidates]


def signals(train: Groups, cases: list[Case]) -> Signals:
    """All signals of all cases, from `train` alone; GROUPS groups at a time, so that no table is groups × items large."""
    asked, place = np.unique([case.group for case in cases], return_inverse=True)
    models = _fit_models(train)
    popular = [np.log1p(matrix.getnnz(axis=0)) for matrix in (train.groups, train.users)]
    found = Signals(
        [np.empty(0)] * len(cases), [np.empty(0, np.float32)] * len(cases), [np.empty(0, bool)] * len(cases)
    )
    for first in range(0, len(asked), GROUPS):
        block = asked[first : first + GROUPS]
        rows, tables = train.groups[block], _by_group(train, models, block)
        present = np.unique(train.members[block].indices)
        likings = _likings(train, models.users, present)
        known = (_members_mean(train.members[block]) @ train.users).tocsr()
        for number in np.flatnonzero((place >= first) & (place < first + GROUPS)):
            case, row = cases[number], place[number] - first
            who = np.searchsorted(present, train.members[case.group].indices)
            liking = likings[who[:, None], case.candidates]
            columns = [scores[row, case.candidates] for scores in tables]
            columns += [counts[case.candidates] for counts in popular]
            columns += [known[row].toarray()[0, case.candidates], *_summary(liking)]
            found.values[number] = np.stack(columns, axis=1).astype(np.float64)
            found.liking[number] = liking
            found.had[number] = np.isin(case.candidates, rows[row].indices)
    return found


class Models(NamedTuple):
    """What is fitted once."""

    everything: csr_matrix  # [groups and users, items]
    small: Ease
    large: Ease
    groups: Ease
    users: Ease


def _fit_models(train: Groups) -> Models:
    """On groups and users together, on groups alone, on users alone."""
    everything = vstack([train.groups, train.users]).tocsr()
    return Models(
        everything,
        fit_ease(everything, SMALL),
        fit_ease(everything, LARGE),
        fit_ease(train.groups, SMALL),
        fit_ease(train.users, SMALL),
    )


def _by_group(train: Groups, models: Models, block: NDArray[np.intp]) -> list[Float32]:
    """The first six signals, each [block, items]."""
    rows = train.groups[block]
    return [
        filter_scores(models.everything, rows), filter_scores(train.groups, rows), ease_scores(models.small, rows),
        ease_scores(models.large, rows), ease_scores(models.groups, rows), _neighbours(train, block),
    ]  # fmt: skip


def _summary(liking: Float32) -> list[Float32]:
    """Average, least, most and spread over the members, each [candidates]."""
    return [liking.mean(axis=0), liking.min(axis=0), liking.max(axis=0), liking.std(axis=0)]


def _likings(train: Groups, model: Ease, users: NDArray[np.int32]) -> Float32:
    """Shares of each user's ideal, float32[users, items]; 0 for a user without a row."""
    scores = ease_scores(model, train.users[users])
    count = min(IDEAL, scores.shape[1])
    ideal = np.maximum(-np.partition(-scores, count - 1, axis=1)[:, :count], 0).mean(axis=1, keepdims=True)
    liking: Float32 = np.maximum(scores / np.where(ideal > 0, ideal, 1), 0)
    return liking


def _members_mean(members: csr_matrix) -> csr_matrix:
    """Rows scaled to the sum 1."""
    return (diags(1 / np.maximum(members.getnnz(axis=1), 1)) @ members).tocsr()


def _neighbours(train: Groups, asked: NDArray[np.intp]) -> Float32:
    """What groups that share members chose, weighted by the cosine of the member sets; the group itself left out."""
    scaled = (diags(np.maximum(train.members.getnnz(axis=1), 1) ** -0.5) @ train.members).tocsr()
    near = (scaled[asked] @ scaled.T).tocoo()
    others = near.col != asked[near.row]
    near = csr_matrix((near.data[others], (near.row[others], near.col[others])), near.shape)
    scores: Float32 = (near @ train.groups).toarray()
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


def learn(train: Groups, cases: list[Case], seed: int) -> tuple[Float64, Float64]:
    """Weights for groups with a history and for groups without one, float64[SIGNALS] each; `cases` are read without their labels."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    histories = np.diff(train.groups.indptr)
    fresh = np.array([histories[case.group] == 0 for case in cases])
    opened = known_share(train, cases)
    warm = _fit(train, rng, opened, whole=False) if not fresh.all() else np.zeros(len(SIGNALS))
    cold = _fit(train, rng, opened, whole=True) if fresh.any() else np.zeros(len(SIGNALS))
    return warm, cold


def known_share(train: Groups, cases: list[Case]) -> float:
    """In how many validation cases, 0 … 1, the members' rows may keep the hidden pair, so that validation lists look like the test's.

    Not one label is read: a list of 1 + n candidates of which the members know k holds k − n·q more known ones than n random items
    would, q being the share of all items that they know. The mean of that is the share of chosen items that the members know; it is
    compared with the share among the training pairs.
    """
    known = (train.members @ train.users).tocsr()
    pairs = train.groups.tocoo()
    usual = float(np.mean(np.asarray(known[pairs.row, pairs.col]).ravel() > 0)) if pairs.nnz else 0.0
    surplus = []
    for case in cases:
        row, had = known[case.group].indices, train.groups[case.group].indices
        left = case.candidates[~np.isin(case.candidates, had)]
        share = (len(row) - np.isin(row, had).sum()) / max(1, train.users.shape[1] - len(had))
        surplus.append(np.isin(left, row).sum() - (len(left) - 1) * share)
    found = float(np.mean(surplus))
    if usual == 0 or found > 1.5:  # negatives that are not random tell nothing
        return 0.0
    return float(np.clip(found / usual, 0, 1))


def _fit(train: Groups, rng: np.random.Generator, opened: float, whole: bool) -> Float64:
    """Weights from hidden pairs; `whole` hides all that the chosen groups ever chose."""
    values: list[Float64] = []
    for hidden in _folds(train, rng, whole):
        rest, cases = _without(train, hidden, rng, opened, whole)
        if cases:
            found = signals(rest, cases)
            values += [standardise(*pair) for pair in zip(found.values, found.had, strict=True)]
    if not values:
        return np.array([float(name == "average") for name in SIGNALS])  # nothing to learn from
    return conditional_logit(np.stack(values))


def _folds(train: Groups, rng: np.random.Generator, whole: bool) -> list[NDArray[np.intp]]:
    """Indices of the pairs of train.groups that each fold hides: one a group at a time, or all of some groups."""
    pairs = train.groups.tocoo()
    order = rng.permutation(pairs.nnz)
    if whole:
        fold_of = rng.integers(0, 2 * FOLDS, train.groups.shape[0])[pairs.row]
        return [np.flatnonzero(fold_of == fold) for fold in range(FOLDS)]
    folds, left = [], order
    for _ in range(FOLDS):
        _, first = np.unique(pairs.row[left], return_index=True)  # a group's pairs are used up one by one
        most = max(1, min(int(HIDDEN_SHARE * pairs.nnz), MOST_CASES // FOLDS))
        chosen = np.sort(rng.permutation(first)[:most])
        folds.append(left[chosen])
        left = np.delete(left, chosen)
        if not len(left):
            break
    return folds


def _without(
    train: Groups, hidden: NDArray[np.intp], rng: np.random.Generator, opened: float, whole: bool
) -> tuple[Groups, list[Case]]:
    """`train` without the hidden pairs, and a case for each (of groups that keep a history, unless `whole`)."""
    pairs = train.groups.tocoo()
    rows, columns = pairs.row[hidden], pairs.col[hidden]
    groups = train.groups - ones(list(zip(rows, columns, strict=True)), train.groups.shape)
    groups.eliminate_zeros()
    closed = rng.random(len(hidden)) >= opened
    taken = ones(list(zip(rows[closed], columns[closed], strict=True)), train.groups.shape)
    repeated = (train.members.T @ taken).minimum(1).multiply(train.users).tocsr()
    users = (train.users - repeated).tocsr()
    users.eliminate_zeros()
    rest = Groups(groups.tocsr(), users, train.members)
    kept = np.flatnonzero((np.diff(rest.groups.indptr)[rows] > 0) | whole)
    kept = np.sort(rng.permutation(kept)[: MOST_CASES // FOLDS])
    items = train.groups.shape[1]
    cases = []
    for group, item in zip(rows[kept].tolist(), columns[kept].tolist(), strict=True):
        others = np.setdiff1d(rng.integers(0, items, NEGATIVES), np.append(train.groups[group].indices, item))
        fill = np.resize(others, NEGATIVES) if len(others) else np.full(NEGATIVES, item)
        cases.append(Case(group, np.append(item, fill)))
    return rest, cases


def conditional_logit(values: Float64) -> Float64:
    """Weights w float64[SIGNALS] that make candidate 0 likeliest: maximise Σ log softmax(values @ w)[0] − PENALTY |w|².

    values float64[cases, candidates, SIGNALS]. A signal may be ignored but not inverted (spread may): thirteen that are much alike would
    otherwise be played off against each other, to the validation cases' liking and nobody else's.
    """

    def loss(w: Float64) -> tuple[float, Float64]:
        scores = values @ w  # [cases, candidates]
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        chance /= chance.sum(axis=1, keepdims=True)
        expected = (chance[:, None, :] @ values)[:, 0, :]  # [cases, signals]
        slope = (expected - values[:, 0]).sum(axis=0) + 2 * PENALTY * w
        return float(-np.log(np.maximum(chance[:, 0], 1e-12)).sum() + PENALTY * w @ w), slope

    bounds = [(None if name == "spread" else 0.0, None) for name in SIGNALS]
    weights: Float64 = minimize(loss, np.zeros(len(SIGNALS)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return weights
