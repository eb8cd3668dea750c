"""Which model, and how sure are we? Two protocols over any interactions, the same for every model.

`strong`, strong generalisation (Liang et al. 2018): min(10 %, 10,000) users for validation and as many for test are never trained on.
80 % of a held-out user's items are shown to the model, the rest are to be found. Five seeds; the mean is reported. `given`: train on one
file, test on another whose users are known; 20 % of the pairs of at most 10,000 users of the first file serve as validation, and
after the search every model is fitted again on the whole file.

In both, the catalogue is that of the training users: items that only held-out users have are dropped and counted. Settings are
chosen on validation users alone. Intervals come from a bootstrap over users, a user's values being averaged over the seeds first.
"""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from discover_weekly import ease, models
from discover_weekly.interactions import align, core, read
from discover_weekly.models import Case, Choice, Scorer
from shared import ranking
from shared.errors import BadInput
from shared.output import progress

MODELS = ("popularity", "ials", "ease", "blend")
MEASURES = {"recall@20": (ranking.recall, 20), "recall@50": (ranking.recall, 50), "ndcg@100": (ranking.ndcg, 100)}
SEEDS = 5
HELD_OUT_SHARE, HELD_OUT_USERS, HIDDEN_SHARE = 0.1, 10_000, 0.2
COVERAGE_LENGTH = 50
TUNING_PAIRS = 1_000_000  # iALS is tuned on a sample of users with so many pairs, when there are more
TUNING_ITEMS = 8_000  # EASE is tuned on so many of the most popular items, when there are more


class Round(NamedTuple):
    """One split: settings are chosen on `validation`, then models are fitted on test.train and judged on `test`."""

    validation: Case
    test: Case
    users: NDArray[np.intp]  # [n] who the rows of test are
    dropped: int  # held-out pairs without a known item or user


def evaluate_files(path: str, test: str | None, protocol: str | None, least: int, names: str | None) -> dict[str, Any]:
    """The report of `liner discover-weekly evaluate`; BadInput for arguments or files that cannot be used."""
    chosen = tuple(names.split(",")) if names else MODELS
    unknown = [name for name in chosen if name not in MODELS]
    if unknown:
        raise BadInput(f"--models: got {unknown[0]!r}; expected some of {','.join(MODELS)}")
    protocol = protocol or ("given" if test else "strong")
    if (protocol == "given") != (test is not None):
        raise BadInput(f"--protocol {protocol}: expected --test FILE with given, and only with given")
    interactions = core(read(path), least)
    if test is None:
        return evaluate(interactions.matrix, chosen)
    relevant, unknown_pairs = align(read(test), interactions)
    return evaluate_rounds([given(interactions.matrix, relevant, unknown_pairs)], chosen, "given", interactions.matrix)


def evaluate(
    matrix: csr_matrix, names: Iterable[str] = MODELS, seeds: int = SEEDS, fixed: Mapping[str, Choice] | None = None
) -> dict[str, Any]:
    """Strong generalisation on weights csr [users, items]; `fixed` names settings that are used as they are, without a search."""
    if matrix.shape[0] < 20:
        raise BadInput(f"{matrix.shape[0]} users: expected at least 20, or one tenth of them says nothing")
    rounds = (strong(matrix, seed) for seed in range(seeds))
    return evaluate_rounds(rounds, tuple(names), "strong", matrix, seeds, fixed)


def strong(matrix: csr_matrix, seed: int) -> Round:
    """Held-out users of one seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    count = matrix.shape[0]
    held = max(1, min(int(count * HELD_OUT_SHARE), HELD_OUT_USERS))
    order = rng.permutation(count)
    train = matrix[np.sort(order[2 * held :])]
    known = np.flatnonzero(train.getnnz(axis=0))
    train = train[:, known]

    def case(users: NDArray[np.intp]) -> tuple[Case, NDArray[np.intp], int]:
        rows = matrix[users]
        shown, hidden = hide(rows[:, known], rng)
        kept = _both(shown, hidden)
        return Case(train, shown[kept], hidden[kept]), users[kept], rows.nnz - rows[:, known].nnz

    validation = case(order[:held])[0]
    test, users, dropped = case(order[held : 2 * held])
    return Round(validation, test, users, dropped)


def given(matrix: csr_matrix, relevant: csr_matrix, dropped: int) -> Round:
    """The split of two files: `relevant` [users, items] is the other file over the rows and columns of the first.

    A pair that stands in both is no find: it is left out of the lists, so it is dropped here too, and counted.
    """
    again = relevant.multiply(matrix != 0).tocsr()
    relevant = (relevant - again).tocsr()
    relevant.eliminate_zeros()
    dropped += again.nnz
    rng = np.random.default_rng(np.random.SeedSequence(0))
    several = np.flatnonzero(np.diff(matrix.indptr) >= 2)
    sample = np.sort(rng.permutation(several)[:HELD_OUT_USERS])
    shown, hidden = hide(matrix[sample], rng)
    kept = _both(shown, hidden)
    rest = matrix.copy()
    rest = rest - _spread(hidden, sample, matrix.shape)
    rest.eliminate_zeros()
    users = np.flatnonzero((np.diff(relevant.indptr) > 0) & (np.diff(matrix.indptr) > 0))
    return Round(Case(rest, shown[kept], hidden[kept]), Case(matrix, matrix[users], relevant[users]), users, dropped)


def hide(rows: csr_matrix, rng: np.random.Generator) -> tuple[csr_matrix, csr_matrix]:
    """Shown and hidden pairs of each row: a fifth, rounded, at least one, of n ≥ 2 is hidden."""
    counts = np.diff(rows.indptr)
    row_of = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(rows.nnz), row_of))  # a shuffle within each row
    rank = np.empty(rows.nnz, np.int64)
    rank[order] = np.arange(rows.nnz) - rows.indptr[row_of]
    hidden = rank < np.minimum(np.maximum(1, np.rint(counts * HIDDEN_SHARE)), counts - 1)[row_of]
    parts = [
        csr_matrix((rows.data[mask], (row_of[mask], rows.indices[mask])), rows.shape) for mask in (~hidden, hidden)
    ]
    return parts[0], parts[1]


def _both(shown: csr_matrix, hidden: csr_matrix) -> NDArray[np.intp]:
    return np.flatnonzero((np.diff(shown.indptr) > 0) & (np.diff(hidden.indptr) > 0))


def _spread(part: csr_matrix, users: NDArray[np.intp], shape: tuple[int, int]) -> csr_matrix:
    pairs = part.tocoo()
    return csr_matrix((pairs.data, (users[pairs.row], pairs.col)), shape)


def evaluate_rounds(
    rounds: Iterable[Round],
    names: tuple[str, ...],
    protocol: str,
    matrix: csr_matrix,
    count: int = 1,
    fixed: Mapping[str, Choice] | None = None,
) -> dict[str, Any]:
    """Judge the models on each round, and average."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    users, tested, dropped = [], 0, 0
    for seed, split in enumerate(progress(rounds, "evaluating", count)):
        if not len(split.users):
            raise BadInput("no user can be tested: none has both a known item and an item to find")
        users.append(split.users)
        tested, dropped = tested + len(split.users), dropped + split.dropped
        for name, result in judge(split, names, seed, fixed or {}).items():
            results[name].append(result)
    return {
        "protocol": protocol, "seeds": list(range(len(users))), "users": matrix.shape[0], "items": matrix.shape[1],
        "interactions": int(matrix.nnz), "tested_users": tested, "dropped_pairs": dropped,
        "models": {name: summary(rounds_of, np.concatenate(users)) for name, rounds_of in results.items()},
    }  # fmt: skip


def judge(split: Round, names: tuple[str, ...], seed: int, fixed: Mapping[str, Choice]) -> dict[str, dict[str, Any]]:
    """Choose settings on validation, fit, and measure each model on the test users of one round."""
    with_ease = split.test.train.shape[1] <= ease.MAX_ITEMS
    parts = [name for name in ("ials", "ease") if name in names or "blend" in names]
    if not with_ease:
        parts = [name for name in parts if name != "ease"]
    choices = {name: fixed.get(name) or tune(name, split.validation, seed) for name in parts}
    fitted = fit(split.validation.train, choices, seed)
    share = 0.0
    if "blend" in names and with_ease:
        share = models.choose_share(split.validation, [fitted[name][0] for name in parts])
    if split.test.train is not split.validation.train:
        del fitted  # EASE is large; two do not fit
        fitted = fit(split.test.train, choices, seed)
    results = {}
    for name in names:
        if name == "ease" and not with_ease:
            results[name] = {"not_run": f"{split.test.train.shape[1]} items; EASE is for at most {ease.MAX_ITEMS}"}
            continue
        used, shares = (parts, [1 - share, share][: len(parts)]) if name == "blend" else ([name], [1.0])
        result = measure(split.test, [fitted[part][0] for part in used], shares)
        result["fit_s"] = sum(fitted[part][1] for part in used)
        result["settings"] = {"share_of_ease": share} if name == "blend" else dict(choices.get(name, {}))
        results[name] = result
    return results


def tune(name: str, case: Case, seed: int) -> Choice:
    """Settings by hill climb, on a part of the data where the whole would take hours."""
    if name == "ials":
        if case.train.nnz > TUNING_PAIRS:
            users = np.random.default_rng(np.random.SeedSequence(seed)).permutation(case.train.shape[0])
            users = users[: int(len(users) * TUNING_PAIRS / case.train.nnz)]
            case = case._replace(train=case.train[np.sort(users)])

        def fit_sample(train: csr_matrix, choice: Choice) -> Scorer:
            return models.fit_ials(train, choice, seed)

        start = models.choose(case, fit_sample, models.IALS_START, models.IALS_AXES)
        return models.choose(case, fit_sample, start, models.FACTORS)
    popular = np.argsort(-case.train.getnnz(axis=0), kind="stable")[:TUNING_ITEMS]
    shown, hidden = case.history[:, popular], case.relevant[:, popular]
    kept = _both(shown, hidden)
    case = Case(case.train[:, popular], shown[kept], hidden[kept])
    return models.choose(case, models.fit_ease, models.EASE_START, models.EASE_AXES)


def fit(train: csr_matrix, choices: Mapping[str, Choice], seed: int) -> dict[str, tuple[Scorer, float]]:
    """A scorer and the seconds it took, for popularity and each model of which settings are chosen."""
    fitters = {
        "popularity": lambda: models.fit_popularity(train),
        "ials": lambda: models.fit_ials(train, choices["ials"], seed),
        "ease": lambda: models.fit_ease(train, choices["ease"]),
    }
    fitted = {}
    for name in ("popularity", *choices):
        began = perf_counter()
        fitted[name] = (fitters[name](), perf_counter() - began)
    return fitted


def measure(case: Case, scorers: list[Scorer], shares: list[float]) -> dict[str, Any]:
    """Metrics per user, float64[n] each, coverage and seconds of the lists of one model."""
    began = perf_counter()
    ids = models.rank(case.history, scorers, [shares], 100)[0]
    seconds = perf_counter() - began
    hit, relevant = ranking.hits(ids, case.relevant), np.diff(case.relevant.indptr)
    result: dict[str, Any] = {name: measured(hit, relevant, k) for name, (measured, k) in MEASURES.items()}
    covered = ranking.coverage(ids[:, :COVERAGE_LENGTH], case.train.shape[1])
    return result | {"coverage": covered, "score_s": seconds}


def summary(rounds: list[dict[str, Any]], users: NDArray[np.intp]) -> dict[str, Any]:
    """One model over all rounds: means of the rounds' means, intervals over users, and the settings that each round chose."""
    if "not_run" in rounds[0]:
        return rounds[0]
    result: dict[str, Any] = {}
    _, who, times = np.unique(users, return_inverse=True, return_counts=True)
    for name in MEASURES:
        result[name] = float(np.mean([one[name].mean() for one in rounds]))
        per_user = np.bincount(who, np.concatenate([one[name] for one in rounds])) / times
        result[f"{name}_ci"] = list(ranking.bootstrap_interval(per_user, seed=0))
    for name in ("coverage", "fit_s", "score_s"):
        result[name] = float(np.mean([one[name] for one in rounds]))
    return result | {"settings": [one["settings"] for one in rounds]}


def print_table(report: Mapping[str, Any]) -> None:
    """The report for a person."""
    print(f"\n{report['protocol']}: {report['users']:,} users × {report['items']:,} items, {report['interactions']:,} pairs; "
          f"{report['tested_users']:,} tested, seeds {len(report['seeds'])}")  # fmt: skip
    print(
        f"{'model':12}{'recall@20':>11}{'recall@50':>11}{'ndcg@100':>11}{'95 % interval':>18}{'coverage':>10}{'fit s':>8}{'score s':>9}"
    )
    for name, found in report["models"].items():
        if "not_run" in found:
            print(f"{name:12}not run: {found['not_run']}")
            continue
        low, high = found["ndcg@100_ci"]
        print(f"{name:12}{found['recall@20']:11.4f}{found['recall@50']:11.4f}{found['ndcg@100']:11.4f}{low:10.4f} – {high:.4f}"
              f"{found['coverage']:10.3f}{found['fit_s']:8.2f}{found['score_s']:9.2f}")  # fmt: skip
