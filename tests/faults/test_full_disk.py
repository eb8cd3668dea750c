"""A disk that is full at any sync of a publish: what was published before is what is read, and the same call later completes.

Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_full_disk.py
"""

import errno
import os
import random

import numpy as np
import pytest

from ad_targeting.policy import digest, load, save
from copyright_detect.index import add_references, open_index
from copyright_detect.records import SAMPLE_RATE
from shared.errors import LinerError
from tests.ad_targeting.small import small_market, small_policy

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "3"))
SEEDS = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else range(RUNS)


@pytest.fixture
def syncs(monkeypatch):
    """syncs(work, full): run `work`, the disk full at the sync of that number (0: never); returns how many there were."""
    sync = os.fsync

    def run(work, full=0):
        count = 0

        def counted(descriptor):
            nonlocal count
            count += 1
            if count == full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", counted)
            if full:
                with pytest.raises((OSError, LinerError), match="No space left"):
                    work()
            else:
                work()
        return count

    return run


def noise(seed):
    return np.random.default_rng(seed).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)


@pytest.fixture(scope="module")
def policy():
    return small_policy(small_market())


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_the_old_policy_decides_on(tmp_path, syncs, policy, seed):
    old, new = policy, policy._replace(terms=np.array([0.0, 0.0]))
    moments = syncs(lambda: save(tmp_path / "count", new))
    save(tmp_path / "ads", old)
    syncs(lambda: save(tmp_path / "ads", new), random.Random(seed).randint(1, moments))
    assert digest(load(tmp_path / "ads")) == digest(old), f"seed {seed}"
    assert save(tmp_path / "ads", new) == digest(load(tmp_path / "ads")) == digest(new)


@pytest.mark.fault
@pytest.mark.parametrize("seed", SEEDS)
def test_the_old_index_of_references_is_whole(tmp_path, syncs, seed):
    first, second = [("a", noise(1))], [("b", noise(2))]
    for name in ("quiet", "full"):
        add_references(tmp_path / name, first)
    version = open_index(tmp_path / "full").version
    moments = syncs(lambda: add_references(tmp_path / "quiet", second))
    syncs(lambda: add_references(tmp_path / "full", second), random.Random(seed).randint(1, moments))
    index = open_index(tmp_path / "full")
    assert (index.version, index.references) == (version, ["a"]), f"seed {seed}"
    add_references(tmp_path / "full", second)
    assert open_index(tmp_path / "full").version == open_index(tmp_path / "quiet").version
