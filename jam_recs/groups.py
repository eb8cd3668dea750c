"""`liner jam-recs evaluate --groups DIR`: every way to recommend to a group on the same cases, ties and leaks counted honestly.

HR@10 and NDCG@10 of one chosen item among its negatives, as in the AGREE protocol. Equal scores are counted as expectation: with b
candidates better and t as good, the item is equally likely to stand at each of the places b + 1 … b + t + 1. (The published code puts
the chosen item first and sorts: a constant score would then be perfect.) Lists that are built step by step score places, and candidates
that all members like alike are exchangeable.
"""

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jam_recs.group_blend import SIGNALS, Float64, Signals, blend, learn, signals
from jam_recs.group_files import Case, Split, read_folder
from jam_recs.strategies import AGGREGATIONS, BUILDERS, queue

K = 10
SEED = 1
ALPHAS = ("alpha-3",)
SINGLE = {"popularity": "popular", "group-ease": "ease-groups", "graph-filter": "filter-groups"}
DISCOUNT = np.concatenate([1 / np.log2(np.arange(2, K + 2)), np.zeros(1)])  # by place, 0 from place K on


def evaluate_groups(folder: Path) -> dict[str, Any]:
    """The report on a folder of AGREE files."""
    split = read_folder(folder)
    if split.leaking_pairs:
        print(f"warning: {split.leaking_pairs} of {split.leaking_pairs + len(split.cases)} test pairs stand in the "
              "groups' training file; they are left out", file=sys.stderr)  # fmt: skip
    scored, times, found = score_all_methods(split)
    methods = {name: measured(scores, split.cases) for name, scores in scored.items()}
    shuffled = np.random.default_rng(np.random.SeedSequence(SEED))
    for name in (*BUILDERS, *ALPHAS):
        methods[name] = list_measured(name, found, shuffled)
    known = sum(int(had.sum()) for had in found.had)
    return {
        "groups": int(len({case.group for case in split.cases})), "items": split.train.groups.shape[1],
        "cases": len(split.cases), "leaking_pairs": split.leaking_pairs, "known_negatives": known,
        "tie_share": methods["ours"].pop("tie_share"), **times, "methods": methods,
    }  # fmt: skip


def score_all_methods(split: Split) -> tuple[dict[str, list[Float64]], dict[str, float], Signals]:
    """Scores of each case's candidates by each method that scores, seconds, and the signals behind ours."""
    began = perf_counter()
    fresh = np.diff(split.train.groups.indptr)[[case.group for case in split.cases]] == 0
    weights = {whole: learn(split.train, whole, SEED) for whole in np.unique(fresh).tolist()}
    tuned = perf_counter()
    found = signals(split.train, split.cases)
    blends = {whole: blend(found, weight) for whole, weight in weights.items()}
    scored = {"ours": [blends[whole][number] for number, whole in enumerate(fresh.tolist())]}
    times = {"tune_s": tuned - began, "fit_s": perf_counter() - tuned}
    scored |= {name: _last(found, [score(liking.astype(np.float64)) for liking in found.liking])
               for name, score in AGGREGATIONS.items()}  # fmt: skip
    for name, signal in SINGLE.items():
        column = SIGNALS.index(signal)
        scored[name] = _last(found, [values[:, column] for values in found.values])
    return scored, times, found


def _last(found: Signals, scores: list[NDArray[Any]]) -> list[Float64]:
    """Scores with what the group had before at the end, for every method alike."""
    return [np.where(had, -np.inf, score) for had, score in zip(found.had, scores, strict=True)]


def measured(scores: list[Float64], cases: list[Case]) -> dict[str, float]:
    """Means over the cases, ties as expectation."""
    if len(scores) != len(cases):
        raise ValueError(f"{len(scores)} lists of scores for {len(cases)} cases")
    counts = [(int((score[1:] > score[0]).sum()), int((score[1:] == score[0]).sum())) for score in scores]
    return _means([expected(better, tied) for better, tied in counts], [tied > 0 for _, tied in counts])


def expected(better: int, tied: int) -> tuple[float, float]:
    """Expected hit and NDCG of an item with `better` candidates above it and `tied` as good as it."""
    places = np.arange(better, better + tied + 1)
    return float((places < K).mean()), float(DISCOUNT[np.minimum(places, K)].mean())


def list_measured(name: str, found: Signals, rng: np.random.Generator) -> dict[str, float]:
    """The same for a strategy that builds lists; candidates are shuffled first, so that no order of the file decides."""
    results, ties = [], []
    for liking, had in zip(found.liking, found.had, strict=True):
        open_places = np.flatnonzero(~had)
        order = rng.permutation(open_places)
        columns = liking[:, order].astype(np.float64)
        place_of = np.full(len(had), K)
        picks = queue(name, columns, K)
        place_of[order[picks]] = np.arange(len(picks))
        alike = open_places[(liking[:, open_places] == liking[:, :1]).all(axis=0)]  # the chosen item is one of them
        places = np.minimum(place_of[alike], K)
        results.append((float((places < K).mean()), float(DISCOUNT[places].mean())))
        ties.append(len(alike) > 1)
    return _means(results, ties)


def _means(results: list[tuple[float, float]], ties: list[bool]) -> dict[str, float]:
    hits, gains = np.array(results).T
    return {"hr@10": float(hits.mean()), "ndcg@10": float(gains.mean()), "tie_share": float(np.mean(ties))}


def as_text(report: dict[str, Any]) -> str:
    """The report for a person, best first."""
    rows = sorted(report["methods"].items(), key=lambda entry: -entry[1]["ndcg@10"])
    return "\n".join([
        f"{report['groups']:,} groups, {report['items']:,} items, {report['cases']:,} cases; "
        f"{report['leaking_pairs']:,} leaking pairs removed; tuned in {report['tune_s']:.1f} s, "
        f"fitted in {report['fit_s']:.1f} s; ties in {report['tie_share']:.1%} of our cases",
        f"{'method':16}{'HR@10':>9}{'NDCG@10':>9}",
        *(f"{name:16}{found['hr@10']:9.4f}{found['ndcg@10']:9.4f}" for name, found in rows),
    ])  # fmt: skip
