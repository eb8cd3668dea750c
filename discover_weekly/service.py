"""`GET /discover-weekly/{user}`: follow the pointer, read one key, name the tracks."""

from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor

from discover_weekly.store import get_list
from shared.bootstrap import Engines
from shared.lake import read_shard


class Id(Convertor[int]):
    """An int32 in a path; other names under it are the page's files."""

    regex = "-?[0-9]{1,10}"

    def convert(self, value: str) -> int:
        """The id of what `regex` matches."""
        return int(value)

    def to_string(self, value: int) -> str:
        """The path of an id."""
        return str(value)


register_url_convertor("id", Id())
GONE = "a track that is no longer in the catalogue"


def router(engines: Engines) -> APIRouter:
    """The route, over the store and the lake of `engines`."""
    api = APIRouter(tags=["discover_weekly"])

    @api.get("/discover-weekly/{user_id:id}")
    def discover_weekly(user_id: int) -> dict[str, Any]:
        """This week's list of a user, in order, each track with its reason; 404 says whether the week or the user is missing."""
        return read_list(engines, user_id)

    return api


def read_list(engines: Engines, user_id: int) -> dict[str, Any]:
    """The user's list as the service answers it."""
    week, tracks = get_list(engines.store, user_id)
    names = track_names(engines.lake.dataset("discover_weekly/track_names", week).paths[0])
    for track in tracks:
        track["title"] = names.get(track["track_id"], GONE)
        track["reason"] = reason(track["because_of"], track["share"], names)
    return {"user_id": user_id, "week": week, "tracks": tracks}


@lru_cache(maxsize=2)
def track_names(path: str) -> dict[int, str]:
    """`title – artist` by track id, from the shard at `path`; its name contains its digest, so it may be kept."""
    table = read_shard(path)
    return dict(zip(table["track_id"].to_pylist(), table["name"].to_pylist(), strict=True))


def reason(because_of: int, share: float, names: dict[int, str]) -> str:
    """The reason as a sentence."""
    if because_of < 0:
        return "popular where you live, or everywhere"
    return f"because you played {names.get(because_of, GONE)} ({share:.0%} of what speaks for it)"
