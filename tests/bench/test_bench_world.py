"""How fast the world is made, Parquet included, by one worker and by all cores; the bytes are the same."""

import shutil
from functools import cache

import pytest

from shared.threads import cores
from shared.world import make_world
from shared.world.sizes import SIZES

WORLDS = {"tiny": "tiny", "small": "small", "full": "medium"}


@cache
def plays_digest(folder, name):
    return make_world(folder / "reference", name, seed=1).dataset("plays").digest


@pytest.mark.parametrize("workers", ["one worker", "all cores"])
def test_world(measure, benchmark, bench_size, tmp_path_factory, workers):
    name, folder = WORLDS[bench_size], tmp_path_factory.getbasetemp()

    def make():
        shutil.rmtree(folder / workers, ignore_errors=True)
        return make_world(folder / workers, name, seed=1, workers=1 if workers == "one worker" else cores())

    plays = measure("world", make, ("pyarrow",)).dataset("plays")
    assert plays.digest == plays_digest(folder, name)
    benchmark.extra_info.update(world=name, plays=plays.rows, bytes=plays.bytes, digest=plays.digest)
    benchmark.extra_info["show"]["bytes a play"] = f"{plays.bytes / plays.rows:.1f}"
    if benchmark.stats:
        benchmark.extra_info["show"]["plays/s"] = f"{plays.rows / benchmark.stats.stats.median / 1e6:.2f} M"
    assert abs(plays.rows / SIZES[name].plays - 1) < 0.01
