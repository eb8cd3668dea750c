"""Recorded misspellings of other people: what is found first, and among five."""

import os
from pathlib import Path

import pytest

from autocomplete.evaluate import evaluate_file
from autocomplete.pipeline import build_from_file
from autocomplete.suggest import Suggester

DATA = Path(os.environ.get("LINER_AUTOCOMPLETE_DATA", "."))
"""A folder of `terms.tsv` and `NAME.queries.tsv` files: recorded misspellings, which are other people's and not in this repository."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return Suggester(build_from_file(DATA / "terms.tsv", tmp_path_factory.mktemp("recorded")))


@pytest.mark.parametrize(
    "contestant", [path.name.removesuffix(".queries.tsv") for path in sorted(DATA.glob("*.queries.tsv"))]
)
def test_recorded_misspellings(benchmark, recorded, contestant):
    """`liner autocomplete evaluate` on each file."""
    benchmark.group = "autocomplete-misspellings"
    report = benchmark.pedantic(lambda: evaluate_file(recorded, DATA / f"{contestant}.queries.tsv"), rounds=1)
    exact, cpu = report["exact_only"], report["cpu_us"]
    benchmark.extra_info.update(report)
    benchmark.extra_info["show"] = {
        "queries": f"{report['n']:,}",
        "success@1": f"{report['success@1']:.4f}",
        "success@5": f"{report['success@5']:.4f}",
        "exact only @1": f"{exact['success@1']:.4f}",
        "exact only @5": f"{exact['success@5']:.4f}",
        "CPU p50": f"{cpu['p50']:.0f} µs",
        "p99": f"{cpu['p99']:.0f} µs",
        "p99.9": f"{cpu['p99.9']:.0f} µs",
    }
