"""`GET /discover-weekly/{user}`: follow the pointer, read one key, name the tracks."""

from typing import Any

import pyarrow as pa
from fastapi import APIRouter

from discover_weekly.store import get_list
from shared.bootstrap import Engines
from shared.lake import Dataset


def router(engines: Engines) -> APIRouter:
    """The routes, over the store and the lake of `engines`."""
    api = APIRouter(tags=["discover_weekly"])
    names: dict[int, str] = {}

    @api.get("/discover-weekly/{user_id}")
    def discover_weekly(user_id: int) -> dict[str, Any]:
        """This week's list of a user: tracks in order, each with its reason; 404 says whether the week or the user is missing."""
        week, tracks = get_list(engines.store, user_id)
        if not names:
            names.update(track_names(engines.lake.dataset("discover_weekly/track_names")))
        for track in tracks:
            track["title"] = names[track["track_id"]]
            track["reason"] = reason(track["because_of"], track["share"], names)
        return {"user_id": user_id, "week": week, "tracks": tracks}

    return api


def track_names(tracks: Dataset) -> dict[int, str]:
    """`title – artist` by track id."""
    table: pa.Table = tracks.table(["track_id", "name"])
    return dict(zip(table["track_id"].to_pylist(), table["name"].to_pylist(), strict=True))


def reason(because_of: int, share: float, names: dict[int, str]) -> str:
    """The reason as a sentence."""
    if because_of < 0:
        return "popular where you live"
    return f"because you played {names[because_of]} ({share:.0%} of the score)"
