"""What the eight systems stand on: the synthetic world, the ports and their adapters, the `liner` command, the console."""

from shared import threads as threads  # first of all imports: thread counts are set before numpy, numba or OpenMP load
