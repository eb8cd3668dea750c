"""Fixtures of this system's tests."""

from functools import partial

import pytest

from tests.discover_weekly.by_hand import write_files


@pytest.fixture
def files(tmp_path):
    """A function that writes plays, catalogue and users, and returns the three paths."""
    return partial(write_files, tmp_path)
