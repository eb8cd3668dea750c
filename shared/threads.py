"""Thread counts of BLAS, OpenMP and numba, set once, before the first of them is imported.

Two pools that each take every core fight over them: `implicit` becomes 10× slower with BLAS threads on top of its own.
`cores()` is what a kernel may use; `blas_threads(n)` narrows BLAS for a block, as the kernels that run their own threads do.
"""

import os
from contextlib import AbstractContextManager


def cores() -> int:
    """Cores this process may use (respects affinity and LINER_THREADS)."""
    wanted = os.environ.get("LINER_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(int(wanted), available)) if wanted.isdigit() else available


def set_once() -> None:
    """Give every pool the same number of threads; called on the first import of `shared.threads`."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, str(cores()))


def blas_threads(count: int) -> AbstractContextManager[object]:
    """`with blas_threads(1):` limits BLAS inside the block and restores it after."""
    from threadpoolctl import threadpool_limits

    limiter: AbstractContextManager[object] = threadpool_limits(limits=count, user_api="blas")
    return limiter


def use_one() -> None:
    """One thread in this process and its kernels: a worker pool already has a process for every core."""
    for variable in (
        "LINER_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ):
        os.environ[variable] = "1"
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)  # what was loaded before the variables were set


set_once()
