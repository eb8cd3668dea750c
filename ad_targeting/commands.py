"""`liner ad-targeting`: demo, simulate, frontier, replay, ctr, serve, capacity."""

from typing import Any


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
