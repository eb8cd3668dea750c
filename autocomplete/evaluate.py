"""How good and how fast: recorded misspellings with what was meant, against the same search without edits.

`exact_only` is the guardrail: whatever tolerance gains on typing errors, clean queries must not lose by it. The time is that of folding,
retrieval and ranking of each query, CPU time of the thread: what a busy machine does to the wall clock is not the index's doing.
"""

from pathlib import Path
from time import thread_time_ns
from typing import Any

import numpy as np

from autocomplete.folding import fold
from autocomplete.index import SONGS
from autocomplete.search import ID, MAX_QUERY
from autocomplete.suggest import Suggester
from autocomplete.terms import read_queries

K = 5


def evaluate_file(suggester: Suggester, queries: Path) -> dict[str, Any]:
    """The report of a file of `typed,wanted` rows."""
    return evaluate(suggester, read_queries(queries))


def evaluate(suggester: Suggester, queries: list[tuple[str, str]]) -> dict[str, Any]:
    """Success@1, success@5, mean reciprocal rank within five, and CPU microseconds a call; `wanted` matches on the display text."""
    suggester.warm_up()
    report = {"n": len(queries), **_judge(suggester, queries, fuzzy=True)}
    return {
        **report,
        "exact_only": {"n": len(queries), **_judge(suggester, queries, fuzzy=False)},
        "cpu_us": report["cpu_us"],
    }


def _judge(suggester: Suggester, queries: list[tuple[str, str]], fuzzy: bool) -> dict[str, Any]:
    ranks = np.zeros(len(queries))  # 0: not in the list
    times = np.zeros(len(queries))
    for at, (typed, wanted) in enumerate(queries):
        started = thread_time_ns()
        rows, _ = suggester.ranked(fold(typed)[:MAX_QUERY].rstrip(), K, fuzzy)
        times[at] = (thread_time_ns() - started) / 1000
        ranks[at] = next((rank for rank, term in enumerate(rows[:, ID].tolist(), 1) if _is(suggester, term, wanted)), 0)
    found = ranks > 0
    marks = {"p50": 50, "p99": 99, "p99.9": 99.9, "max": 100}
    return {
        "success@1": float((ranks == 1).mean()),
        "success@5": float(found.mean()),
        "mrr": float((found / np.maximum(ranks, 1)).mean()),
        "cpu_us": {name: round(float(np.percentile(times, mark)), 1) for name, mark in marks.items()},
    }


def _is(suggester: Suggester, term: int, wanted: str) -> bool:
    """Whether a term is what was wanted: by its text, or as the line that covers of the wanted song share."""
    index = suggester.index
    text = index.text(term)
    shared_line = index.versions[term] > 1 and index.type_names[index.types[term]] in SONGS
    return text == wanted or bool(shared_line and fold(text) == fold(wanted))


def print_report(report: dict[str, Any]) -> None:
    """The report for a person."""
    print(f"{report['n']:,} queries        success@1  success@5    mrr")
    for name, found in (("with typing errors", report), ("exact only", report["exact_only"])):
        print(f"{name:20}{found['success@1']:>11.4f}{found['success@5']:>11.4f}{found['mrr']:>7.4f}")
    print("CPU time a call      " + "  ".join(f"{name} {value} µs" for name, value in report["cpu_us"].items()))
