"""The sizes of the benchmarks, and what each of them records beside its time.

--bench-size tiny   seconds for everything; a plain `pytest` runs each benchmark once at this size, without timing
             small  five minutes for everything on two cores
             full   the sizes that the READMEs state
"""

import hashlib
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from shared.threads import cores

ROUNDS = {"tiny": 1, "small": 3, "full": 3}


def pytest_addoption(parser):
    parser.addoption("--bench-size", choices=tuple(ROUNDS), default="tiny", help="size of the benchmarks")


@pytest.fixture(scope="session")
def bench_size(request) -> str:
    return request.config.getoption("--bench-size", "tiny")  # absent when the whole of tests/ is collected


def peak_growth(function: Callable[[], object]) -> int | None:
    """Bytes by which the process's resident memory rises at most while `function` runs; None where Linux's /proc is not."""
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not reset.exists():
        return None
    reset.write_text("5")
    before = _kilobytes(status, "VmRSS:")
    function()
    return 1024 * max(0, _kilobytes(status, "VmHWM:") - before)


def _kilobytes(status: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(field))


@pytest.fixture
def measure(benchmark, bench_size):
    """measure(group, function, packages) times `function`, records memory, threads and versions, and returns its result."""

    def run(group: str, function: Callable[[], object], packages: tuple[str, ...] = ()) -> object:
        benchmark.group = group
        growth = peak_growth(function)  # a run of its own, which also compiles and warms up
        result = benchmark.pedantic(function, rounds=ROUNDS[bench_size])
        benchmark.extra_info.update(
            threads=cores(),
            peak_growth_bytes=growth,
            versions={name: version(name) for name in ("numpy", "numba", *packages)}
            | {"python": platform.python_version()},
            show={} if growth is None else {"extra memory": f"{growth / 1e6:.0f} MB"},
        )
        return result

    return run


@pytest.fixture
def digest_of():
    """digest_of(array, …): the first 16 hex digits of the SHA-256 of the arrays' bytes."""

    def digest(*arrays: np.ndarray) -> str:
        return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]

    return digest


@pytest.fixture(scope="module")
def stream(bench_size):
    """The names and keystrokes of the autocomplete benches."""
    from tests.bench.autocomplete_stream import KEYSTROKES, TERMS, Stream

    return Stream(TERMS[bench_size], KEYSTROKES[bench_size])
