"""Run `pytest tests/bench` and keep what it measured: one JSON file per group and machine class.

A group is a task, its rows are contestants that ran in one process, on the same data, with the same threads. A benchmark puts what it wants
to see printed into `benchmark.extra_info["show"]` (column → text), and everything else that it knows beside it.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

from shared.errors import CheckFailed
from shared.threads import cores

RESULTS = Path("tests/bench/results")


def run(root: Path, size: str, only: str | None) -> None:
    """Run the benchmarks at `size` and write their results under `tests/bench/results`; CheckFailed when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", "tests/bench", "--benchmark-enable", "--benchmark-only"]
        command += [f"--benchmark-json={report}", f"--bench-size={size}", *(["-k", only] if only else [])]
        if subprocess.run(command, cwd=root, check=False).returncode:
            raise CheckFailed("a benchmark failed; nothing was recorded")
        record(root, json.loads(report.read_text()), size)


def record(root: Path, report: dict[str, Any], size: str) -> None:
    """Condense a pytest-benchmark report into one file per group."""
    folder = root / RESULTS / machine_class()
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"class": machine_class(), "cores": cores(), "blas": blas_kernels()}
    for group, rows in groupby(
        sorted(report["benchmarks"], key=lambda row: row["group"] or ""), key=lambda row: row["group"]
    ):
        result = {
            "group": group,
            "size": size,
            "machine": machine | {"cpu": report["machine_info"]["cpu"].get("brand_raw", "")},
            "python": platform.python_version(),
            "date": report["datetime"][:10],
            "rows": [_row(row) for row in rows],
        }
        (folder / f"{group}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def blas_kernels() -> str:
    """What BLAS picked for this CPU, `SkylakeX`: times of one CPU differ twofold with it."""
    import numpy as np  # noqa: F401  loads the BLAS that is asked about
    from threadpoolctl import threadpool_info

    return ", ".join(
        sorted({info.get("architecture", "?") for info in threadpool_info() if info["user_api"] == "blas"})
    )


def machine_class() -> str:
    """Results of one class may stand in one table: `linux-x86_64-2-cores`."""
    return f"{platform.system().lower()}-{platform.machine()}-{os.cpu_count()}-cores"


def _row(row: dict[str, Any]) -> dict[str, Any]:
    stats = row["stats"]
    return {
        "contestant": (row["param"] or row["name"]),
        "median_s": stats["median"],
        "iqr_s": stats["iqr"],
        "rounds": stats["rounds"],
        **row["extra_info"],
    }
