"""Is a rule fair over a whole session? Real listeners, groups drawn at random, and groups of five alike with one outlier.

60 % of each listener's artists train EASE, the other 40 % are the truth. A group hears a queue of 24 that none of its members has
heard before. A member's utility is the queue's liking as a share of what their own ideal queue would give. Reported are its mean, the
worst-off member's, the worst of any window of 8 tracks, the share of members without one held-out hit, and the longest run without a
track that the member likes.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jam_recs.closed_form import ease_scores, fit_ease
from jam_recs.group_files import read_numbers
from jam_recs.rerank import ALPHA
from jam_recs.strategies import STRATEGIES, alpha_fair, queue
from shared.errors import BadInput, NotFound
from shared.lake import Lake
from shared.output import progress
from shared.ranking import bootstrap_interval

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

LENGTH, WINDOW, SIZE, GROUPS = 24, 8, 6, 200
ARTISTS, HIDDEN_SHARE = 3_000, 0.4
REGULARISATION = 150.0  # of 50 … 300, the best precision of 24 on the held-out plays
LEAST_ARTISTS = 10  # of a listener who may be drawn
SLIDER = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
RAW = "alpha-3 raw"  # ours on scores that nobody brought to one scale
KINDS = ("random", "outlier")
METRICS = ("mean", "min", "worst_window", "zero_hits", "longest_run")


class Listeners(NamedTuple):
    """Listeners' rows over the ARTISTS most listened to."""

    heard: csr_matrix  # [listeners, artists], what EASE learned from
    truth: csr_matrix  # held out
    liking: NDArray[np.float32]  # [listeners, artists], EASE's scores, at least 0


def fairness(plays: csr_matrix, groups: int = GROUPS, seed: int = 1) -> dict[str, Any]:
    """The report on plays float32[listeners, artists or tracks]."""
    listeners = prepare(plays, seed)
    report: dict[str, Any] = {"listeners": listeners.heard.shape[0], "artists": listeners.heard.shape[1],
                              "groups": groups, "kinds": {}}  # fmt: skip
    for kind in KINDS:
        drawn = draw_groups(listeners, kind, groups, seed)
        report["kinds"][kind] = judge(listeners, drawn, kind)
    return report


def read_plays(path: Path) -> csr_matrix:
    """Plays float32[users, artists] in the order of the ids; BadInput names line and field."""
    users, artists, plays = np.array(read_numbers(path, 3, "user artist plays", 3), np.int64).T
    user, artist = (np.unique(ids, return_inverse=True)[1] for ids in (users, artists))
    return csr_matrix((plays.astype(np.float32), (user, artist)))


def published_plays(lake: Lake) -> csr_matrix:
    """The synthetic listeners: plays that Discover Weekly counted, [listeners, recordings]; NotFound where it never ran."""
    if not lake.versions("discover_weekly/by_user"):
        raise NotFound(f"{lake.root}: no plays; run liner discover-weekly demo first, or give --interactions FILE")
    counts = lake.dataset("discover_weekly/by_user").table(["user_row", "recording_row", "plays"])
    user, recording, plays = (counts[name].to_numpy() for name in counts.column_names)
    return csr_matrix((plays.astype(np.float32), (user, recording)))


def prepare(plays: csr_matrix, seed: int) -> Listeners:
    """Top artists, 60/40 split within each listener, EASE's scores; listeners with fewer than LEAST_ARTISTS are left out."""
    top = np.sort(np.argsort(-plays.getnnz(axis=0), kind="stable")[:ARTISTS])
    plays = plays[:, top]
    plays = plays[np.diff(plays.indptr) >= LEAST_ARTISTS]
    if plays.shape[0] < 2 * SIZE or plays.shape[1] < 2 * LENGTH:
        raise BadInput(f"{plays.shape[0]} listeners of {LEAST_ARTISTS} artists and more, {plays.shape[1]} artists; expected at "
                       f"least {2 * SIZE} listeners and {2 * LENGTH} artists")  # fmt: skip
    hidden = np.random.default_rng(np.random.SeedSequence(seed)).random(plays.nnz) < HIDDEN_SHARE
    heard, truth = (_ones(plays, mask) for mask in (~hidden, hidden))
    scores = ease_scores(fit_ease(heard, REGULARISATION), heard)
    return Listeners(heard, truth, np.maximum(scores, 0))


def _ones(matrix: csr_matrix, kept: NDArray[np.bool_]) -> csr_matrix:
    pairs = matrix.tocoo()
    return csr_matrix((np.ones(kept.sum(), np.float32), (pairs.row[kept], pairs.col[kept])), matrix.shape)


def draw_groups(listeners: Listeners, kind: str, count: int, seed: int) -> Int64:
    """int64[count, SIZE] listeners: any, or one with his four nearest and somebody from the most distant tenth."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    people = listeners.heard.shape[0]
    if kind == "random":
        return np.stack([rng.permutation(people)[:SIZE] for _ in range(count)])
    lengths = np.sqrt(np.maximum(np.diff(listeners.heard.indptr), 1))
    groups = []
    for first in rng.integers(0, people, count):
        near = (listeners.heard @ listeners.heard[first].T).toarray()[:, 0] / lengths / lengths[first]
        near[first] = np.inf
        order = np.argsort(-near, kind="stable")
        outlier = order[rng.integers(people - max(1, people // 10), people)]
        groups.append(np.append(order[: SIZE - 1], outlier))
    return np.stack(groups)


def liking_of(listeners: Listeners, group: Int64) -> tuple[Float64, Int64]:
    """Shares of each member's ideal queue float64[members, tracks], over the tracks int64[tracks] that no member has heard."""
    unheard = np.flatnonzero(np.asarray(listeners.heard[group].sum(axis=0)).ravel() == 0)
    if len(unheard) < LENGTH:
        raise BadInput(f"a group has heard all but {len(unheard)} of {listeners.heard.shape[1]} artists; expected {LENGTH} or more "
                       "that are new to it: give listening of more artists")  # fmt: skip
    scores = listeners.liking[np.ix_(group, unheard)].astype(np.float64)
    ideal = -np.partition(-scores, LENGTH - 1, axis=1)[:, :LENGTH]
    return scores / np.maximum(ideal.mean(axis=1, keepdims=True), 1e-9), unheard


def judge(listeners: Listeners, drawn: Int64, kind: str) -> dict[str, Any]:
    """Every strategy on the same groups: means, bootstrap intervals, and which sliders dominate which baseline."""
    names = (*STRATEGIES, *(f"alpha-{alpha:g}" for alpha in SLIDER))
    results: dict[str, list[list[float]]] = {name: [] for name in (*names, RAW)}
    for group in progress(drawn, f"{kind} groups"):
        liking, unheard = liking_of(listeners, group)
        hits = listeners.truth[group][:, unheard].toarray() > 0
        queues = {name: queue(name, liking, LENGTH) for name in names}
        raw = listeners.liking[np.ix_(group, unheard)].astype(np.float64)
        queues[RAW] = alpha_fair(raw, LENGTH, ALPHA)
        for name, picks in queues.items():
            results[name].append(session_metrics(liking, hits, picks))
    table = {name: np.array(rows) for name, rows in results.items()}
    report: dict[str, Any] = {name: _summary(rows) for name, rows in table.items()}
    return {"strategies": report, "dominated_by": {name: dominators(table, name) for name in STRATEGIES}}


def session_metrics(liking: Float64, hits: NDArray[np.bool_], picks: Int64) -> list[float]:
    """METRICS of one queue: liking float64[members, tracks] and hits bool alike, picks int64[length]."""
    given = liking[:, picks]  # [members, length]
    windows = np.lib.stride_tricks.sliding_window_view(given, WINDOW, axis=1).mean(axis=2)
    return [
        float(given.mean()), float(given.mean(axis=1).min()), float(windows.min()),
        float((hits[:, picks].sum(axis=1) == 0).mean()), float(np.mean([_longest_run(row) for row in given])),
    ]  # fmt: skip


def _longest_run(row: Float64) -> int:
    """The most tracks in a row of which none gives half of what an ideal queue gives on average."""
    longest = run = 0
    for liked in row >= 0.5:
        run = 0 if liked else run + 1
        longest = max(longest, run)
    return longest


def _summary(rows: Float64) -> dict[str, Any]:
    found: dict[str, Any] = dict(zip(METRICS, rows.mean(axis=0).tolist(), strict=True))
    for column, name in enumerate(("mean", "min")):
        found[f"{name}_ci"] = list(bootstrap_interval(rows[:, column], seed=0))
    return found


def dominators(table: dict[str, Float64], name: str) -> list[dict[str, Any]]:
    """The sliders that are on the whole at least as good on mean and better on min, with the interval of both gains."""
    found = []
    for alpha in SLIDER:
        gain = table[f"alpha-{alpha:g}"][:, :2] - table[name][:, :2]
        if gain[:, 0].mean() >= 0 and gain[:, 1].mean() > 0:
            intervals = [list(bootstrap_interval(gain[:, column], seed=0)) for column in (0, 1)]
            found.append({"alpha": alpha, "mean_gain_ci": intervals[0], "min_gain_ci": intervals[1]})
    return found


def as_text(report: dict[str, Any]) -> str:
    """The report for a person."""
    lines = [f"{report['listeners']:,} listeners, {report['artists']:,} artists; "
             f"{report['groups']} groups of {SIZE} of each kind"]  # fmt: skip
    for kind, found in report["kinds"].items():
        lines.append(f"\n{kind:18}{'mean':>8}{'min':>8}{'window':>8}{'no hit':>8}{'run':>7}   dominated by α")
        for name, row in found["strategies"].items():
            by = ", ".join(f"{one['alpha']:g}" for one in found["dominated_by"].get(name, []))
            lines.append(f"{name:18}{row['mean']:8.3f}{row['min']:8.3f}{row['worst_window']:8.3f}{row['zero_hits']:8.3f}"
                         f"{row['longest_run']:7.1f}   {by}".rstrip())  # fmt: skip
    return "\n".join(lines)
