"""Jam's recommending: a join over the whole catalogue, a refill, queues by every strategy, and groups of the literature.

Real listeners and groups are read where they lie, LINER_JAM_PLAYS=…/lastfm_artists_ratings.txt and LINER_JAM_GROUPS=… with a folder for
each set; without them small made ones keep the benchmarks running, and show nothing.
"""

import os
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jam_recs import fairness
from jam_recs.catalogue import Catalogue
from jam_recs.groups import evaluate_groups
from jam_recs.pool import POOL, retrieve
from jam_recs.refill import refill
from jam_recs.strategies import STRATEGIES, queue
from shared.threads import cores
from tests.jam_recs.rooms import guest, party, pools, shown

TRACKS = {"tiny": 20_000, "small": 1_000_000, "full": 1_000_000}
CALLS = {"tiny": 8, "small": 200, "full": 1_000}
SESSIONS = {"tiny": 3, "small": 60, "full": 200}
PICKS = {"tiny": 400, "small": 20_000, "full": 100_000}
FACTORS, MEMBERS, WANT = 64, 8, 20
PLAYS, GROUPS = os.environ.get("LINER_JAM_PLAYS"), os.environ.get("LINER_JAM_GROUPS")


@cache
def catalogue(tracks: int) -> Catalogue:
    """Vectors with a decaying spectrum and Zipf-like artists."""
    rng = np.random.default_rng(1)
    spectrum = np.linspace(1, 0.1, FACTORS).astype(np.float32)
    return Catalogue(
        np.arange(tracks, dtype=np.int32), rng.standard_normal((tracks, FACTORS), np.float32) * spectrum,
        (rng.zipf(1.3, tracks) % (tracks // 10)).astype(np.int32), np.arange(tracks, dtype=np.int32),
        rng.random(tracks) < 0.1, rng.standard_normal((tracks, 2), np.float32), np.zeros(tracks, np.uint64), (),
        np.arange(64, dtype=np.int32), rng.standard_normal((64, FACTORS), np.float32) * spectrum,
        shown(tracks),
    )  # fmt: skip


def percentiles(function, calls):
    """Milliseconds p50 and p99 of `calls` calls."""
    times = []
    for call in range(calls):
        began = perf_counter()
        function(call)
        times.append(perf_counter() - began)
    return np.percentile(times, [50, 99]) * 1e3


def ours_join(known):
    return lambda user: retrieve(known, known.users[user]).rows


def numpy_join(known):
    def run(user):
        scores = known.vectors @ known.users[user]
        part = np.argpartition(scores, -POOL)[-POOL:]
        return part[np.argsort(-scores[part], kind="stable")]

    return run


def faiss_join(known, lists):
    faiss = pytest.importorskip("faiss", reason="pip install faiss-cpu")
    faiss.omp_set_num_threads(cores())
    index = faiss.IndexFlatIP(FACTORS)
    if lists:
        index = faiss.IndexIVFFlat(index, FACTORS, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 1
        index.train(known.vectors[:: max(1, len(known.vectors) // 100_000)])
        index.nprobe = 16
    index.add(known.vectors)
    return lambda user: index.search(known.users[user : user + 1], POOL)[1][0]


JOINS = {
    "ours, exact": ours_join,
    "numpy, argpartition": numpy_join,
    "faiss, flat": lambda known: faiss_join(known, 0),
    "faiss, IVF": lambda known: faiss_join(known, 64 if len(known.vectors) < 100_000 else 2_048),
}


@pytest.mark.parametrize("contestant", JOINS)
def test_join(measure, benchmark, bench_size, contestant):
    known = catalogue(TRACKS[bench_size])
    run = JOINS[contestant](known)
    found = measure("jam-join", lambda: run(3), ("faiss-cpu",))
    truth = np.argsort(-(known.vectors @ known.users[3]), kind="stable")[:POOL]
    recall = float(np.isin(truth, found).mean())
    assert recall > (0.1 if "IVF" in contestant else 0.999)
    p50, p99 = percentiles(lambda call: run(call % 64), CALLS[bench_size] // 4)
    benchmark.extra_info["show"] |= {
        "tracks": f"{len(known.vectors):,}",
        "p50": f"{p50:.1f} ms",
        "p99": f"{p99:.1f} ms",
        f"recall@{POOL}": f"{recall:.3f}",
    }


@pytest.mark.parametrize("members", [8, 32])
def test_refill(measure, benchmark, bench_size, members):
    known = catalogue(TRACKS[bench_size])
    brought, listeners = pools(known), tuple(guest(user) for user in range(members))
    skips = {29: (2, 10_000), 15: (3, 60_000)}
    room = party(*listeners, history=range(0, 300, 10), queue=(5, 7), skips=skips, explicit=False)
    found = measure("jam-refill", lambda: refill(known, brought, room, WANT), ())
    assert len(found.picks) == WANT
    p50, p99 = percentiles(lambda _: refill(known, brought, room, WANT), CALLS[bench_size])
    picks = violations = 0
    rng = np.random.default_rng(0)
    while picks < PICKS[bench_size] * (8 / members) ** 2:
        vetoed = frozenset(known.artist[rng.integers(0, len(known.artist), 30)].tolist())
        heard = tuple(rng.integers(0, len(known.track_ids), 40).tolist())
        picky = guest(members - 1, vetoed_artists=tuple(vetoed))
        alpha_tenths = int(rng.integers(0, 7)) * 10
        changed = party(
            *listeners[:-1], picky, history=heard, queue=(5, 7), skips=skips, explicit=False, alpha_tenths=alpha_tenths
        )
        rows = np.array([pick.track.track_id for pick in refill(known, brought, changed, WANT).picks])
        picks += len(rows)
        violations += int(
            np.isin(known.artist[rows], list(vetoed)).sum() + np.isin(rows, heard).sum() + known.explicit[rows].sum()
        )
    assert violations == 0
    benchmark.extra_info["show"] |= {
        "members": members,
        "picks": WANT,
        "p50": f"{p50:.2f} ms",
        "p99": f"{p99:.2f} ms",
        "picks checked": f"{picks:,}",
        "violations": violations,
    }


@cache
def judged(size: str):
    """The fairness report, and the listeners behind it."""
    if PLAYS:
        plays = fairness.read_plays(Path(PLAYS))
    else:
        rng = np.random.default_rng(0)
        alike = np.arange(300)[None, :] % 6 == rng.integers(0, 6, 200)[:, None]
        plays = csr_matrix((rng.random((200, 300)) < np.where(alike, 0.4, 0.03)).astype(np.float32))
    listeners = fairness.prepare(plays, 1)
    kinds = {
        kind: fairness.judge(listeners, fairness.draw_groups(listeners, kind, SESSIONS[size], 1), kind) for kind in fairness.KINDS
    }  # fmt: skip
    return listeners, kinds


RULES = {name: name for name in STRATEGIES} | {f"ours, α = {alpha}": f"alpha-{alpha}" for alpha in (1, 3, 8)}


@pytest.mark.parametrize("rule", RULES)
def test_fairness(measure, benchmark, bench_size, rule):
    listeners, kinds = judged(bench_size)
    contestant = RULES[rule]
    liking, _ = fairness.liking_of(listeners, fairness.draw_groups(listeners, "random", 1, 9)[0])
    picks = measure("jam-fairness", lambda: queue(contestant, liking, fairness.LENGTH))
    assert len(set(picks.tolist())) == fairness.LENGTH
    shown = {}
    for kind, report in kinds.items():
        row = report["strategies"][contestant]
        shown |= {f"{kind}: mean": f"{row['mean']:.3f}", f"{kind}: worst-off": f"{row['min']:.3f}",
                  f"{kind}: worst window": f"{row['worst_window']:.3f}", f"{kind}: no hit": f"{row['zero_hits']:.3f}"}  # fmt: skip
        by = [f"{one['alpha']:g}" for one in report["dominated_by"].get(contestant, [])]
        shown |= {f"{kind}: dominated by α": ", ".join(by) or "–"} if contestant in STRATEGIES else {}
    benchmark.extra_info["show"] = shown
    benchmark.extra_info["kinds"] = {kind: report["strategies"][contestant] for kind, report in kinds.items()}


def made_groups(folder: Path) -> Path:
    """Sixty groups of three who choose what two of them know the like of."""
    rng = np.random.default_rng(0)
    texts = dict.fromkeys(
        ("groupMember", "userRatingTrain", "groupRatingTrain", "groupRatingTest", "groupRatingNegative"), ""
    )
    for group in range(60):
        kind = group % 4
        own = kind * 30 + rng.permutation(30)
        texts["groupMember"] += f"{group} {3 * group},{3 * group + 1},{3 * group + 2}\n"
        texts["userRatingTrain"] += "".join(f"{3 * group + member} {item}\n" for member in range(3) for item in own[:6])
        texts["groupRatingTrain"] += "".join(f"{group} {item}\n" for item in own[6:9])
        texts["groupRatingTest"] += f"{group} {own[9]}\n"
        others = np.setdiff1d(rng.permutation(120)[:40], own[6:10])
        texts["groupRatingNegative"] += f"({group},{own[9]}) {' '.join(map(str, others))}\n"
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.mark.parametrize("contestant", sorted(path.name for path in Path(GROUPS).iterdir()) if GROUPS else ["made"])
def test_groups(benchmark, contestant, tmp_path):
    folder = Path(GROUPS) / contestant if GROUPS else made_groups(tmp_path)
    benchmark.group = "jam-groups"
    evaluate_groups(made_groups(tmp_path))  # compiles
    report = benchmark.pedantic(lambda: evaluate_groups(folder), rounds=1)
    methods = report["methods"]
    best = max((name for name in methods if name != "ours"), key=lambda name: methods[name]["ndcg@10"])
    assert methods["ours"]["ndcg@10"] > methods["popularity"]["ndcg@10"]
    benchmark.extra_info["report"] = report
    benchmark.extra_info["show"] = {
        "cases": f"{report['cases']:,}", "leaking pairs": report["leaking_pairs"], "fit": f"{report['fit_s']:.1f} s",
        "tuning": f"{report['tune_s']:.1f} s", "ours HR@10": f"{methods['ours']['hr@10']:.3f}",
        "NDCG@10": f"{methods['ours']['ndcg@10']:.3f}", "ties": f"{report['tie_share']:.3f}",
        "best other": f"{best}, {methods[best]['ndcg@10']:.3f}", "popularity": f"{methods['popularity']['ndcg@10']:.3f}",
        "members' average": f"{methods['average']['ndcg@10']:.3f}",
    }  # fmt: skip
