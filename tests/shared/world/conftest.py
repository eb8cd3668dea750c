"""Part of a `small` world in memory: the whole catalogue, and the 1,250 users of block 0 with all their plays."""

from types import SimpleNamespace

import pytest

from shared.world.catalogue import make_catalogue
from shared.world.plays import make_plays
from shared.world.sampler import make_sampler
from shared.world.sizes import SIZES
from shared.world.users import make_tastes, make_users

SEED = 1


@pytest.fixture(scope="session")
def small():
    """size, catalogue, sampler, users, tastes and plays of block 0 of small-1."""
    size = SIZES["small"]
    catalogue, users = make_catalogue(size, SEED), make_users(size, SEED)
    sampler = make_sampler(catalogue)
    tastes = make_tastes(SEED, users, catalogue.scenes, 0, size.block_users)
    plays = make_plays(SEED, users, tastes, sampler, 0, size.block_users)
    return SimpleNamespace(size=size, catalogue=catalogue, sampler=sampler, users=users, tastes=tastes, plays=plays)
