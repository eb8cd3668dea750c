"""Podcasts over HTTP: a slate with reasons, what a client reports, a new episode, a take-down, a search.

Requests run one at a time over state in memory (a slate takes milliseconds); whatever changes it is durable before the answer
leaves. An event that comes again is counted once: the client makes its id.
"""

from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from podcast_recs.records import Event, Intent, What, suggested
from podcast_recs.serving import Serving
from podcast_recs.store import NONE_YET, forget, path_of
from podcast_recs.views import episode_view, show_view, slate_view
from shared.bootstrap import Engines
from shared.clock import Clock
from shared.errors import NotFound

MOST_ID = (1 << 31) - 1

User = Annotated[int, Query(ge=0, le=MOST_ID)]
Id = Annotated[int, InPath(ge=0, le=MOST_ID)]


class Report(BaseModel, extra="forbid"):
    """One event of a client; `at` is ms since the epoch, the world's now when it is left out."""

    event_id: int = Field(ge=0, lt=1 << 53)
    user: int = Field(ge=0, le=MOST_ID)
    episode: int = Field(ge=0, le=MOST_ID)
    what: Literal["shown", "started", "stopped", "followed", "unfollowed", "refused"]
    at: int | None = Field(default=None, ge=0, lt=1 << 53)
    played_ms: int = Field(default=0, ge=0, le=86_400_000)
    position: int = Field(default=-1, ge=-1, lt=1000)
    propensity: float = Field(default=1.0, gt=0, le=1)


class NewEpisode(BaseModel, extra="forbid"):
    """An episode as its host publishes it."""

    show: int = Field(ge=0, le=MOST_ID)
    title: str = Field(min_length=1, max_length=300)
    description: str = Field(default="", max_length=20_000)
    minutes: float = Field(gt=0, le=1440)
    explicit: bool = False


class Opened:
    """The recommender behind the routes: opened at the first request, and again when a demo or an import has written its file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._serving: Serving | None = None
        self._inode = 0
        self.lock = Lock()  # two first requests open the file once

    def get(self) -> Serving:
        """The recommender; NotFound while there is none."""
        if not self._path.exists():
            raise NotFound(NONE_YET)
        with self.lock:
            inode = self._path.stat().st_ino
            if self._serving is None or inode != self._inode or self._serving.store.changed():
                self._serving, self._inode = Serving(self._path, self._clock), inode
            return self._serving


def router(engines: Engines) -> APIRouter:
    """The routes under /podcast-recs/."""
    opened = Opened(path_of(engines.settings.home), engines.clock)
    routes = APIRouter(prefix="/podcast-recs", tags=["podcast_recs"])
    known: Any = {
        404: {"description": "nothing by that id, or no podcasts yet"},
        400: {"description": "cannot be taken"},
    }
    add_reading(routes, opened, known)
    add_writing(routes, opened, known)

    @routes.delete("/listeners/{user}", responses=known)
    def forget_listener(user: Id) -> dict[str, int]:
        """Delete a listener and all that they did; the next request knows nothing of them."""
        return {"events": forget(path_of(engines.settings.home), user)}

    return routes


def add_reading(routes: APIRouter, opened: Opened, known: Any) -> None:
    """Slates, shows, search, listeners."""

    @routes.get("/slate", responses=known)
    def slate(
        user: User,
        intent: Literal["commute", "learn", "relax"] | None = None,
        minutes: Annotated[float, Query(ge=0, le=1440)] = 0,
        slots: Annotated[int, Query(ge=1, le=50)] = 12,
        hour: Annotated[float | None, Query(ge=0, lt=24)] = None,
    ) -> dict[str, Any]:
        """A listener's slate, with a reason for each slot; `hour` turns the clock, which suggests why they listen."""
        serving = opened.get()
        at = serving.now if hour is None else serving.moment_of(hour)
        why = suggested(at) if intent is None else Intent[intent.upper()]
        return slate_view(serving, user, serving.slate(user, why, minutes, slots, at)) | {"at": at}

    @routes.get("/shows/{show}", responses=known)
    def show_page(show: Id) -> dict[str, Any]:
        """A show and its episodes, the newest first."""
        serving = opened.get()
        if show >= len(serving.recommender.library.catalogue.kind):
            raise NotFound(f"show {show}: not in the catalogue")
        with serving.lock:  # whole: before a publish or a take-down, or after it
            return show_view(serving, show)

    @routes.get("/search", responses=known)
    def search(q: Annotated[str, Query(max_length=300)]) -> dict[str, Any]:
        """Episodes about something, by words and by meaning."""
        serving = opened.get()
        found = serving.search(q, 10)
        return {"episodes": [episode_view(serving, episode) | {"score": round(score, 3)} for episode, score in found]}

    @routes.get("/listeners", responses=known)
    def listeners() -> list[int]:
        """Some listeners with a history, for trying."""
        return opened.get().listeners_with_plays(50)


def add_writing(routes: APIRouter, opened: Opened, known: Any) -> None:
    """Events, episodes, take-downs."""

    @routes.post("/events", responses=known)
    def take(reports: Annotated[list[Report], Field(max_length=500)]) -> dict[str, int]:
        """Take events; `new` of them had not been seen before. All or none."""
        serving = opened.get()
        events = [event_of(report, serving.now) for report in reports]
        return {"new": serving.take(events)}

    @routes.post("/episodes", responses=known, status_code=201)
    def publish(new: NewEpisode) -> dict[str, int]:
        """Publish an episode; the next slate may hold it."""
        serving = opened.get()
        duration = max(1, round(new.minutes * 60_000))
        episode = serving.publish(new.show, serving.now + 1, duration, new.title, new.description, new.explicit)
        return {"episode": episode}

    @routes.delete("/episodes/{episode}", responses=known)
    def take_down(episode: Id) -> dict[str, int]:
        """Take an episode down; no later slate holds it."""
        opened.get().take_down(episode)
        return {"episode": episode}


def event_of(report: Report, now: int) -> Event:
    """A report as an event."""
    at = now if report.at is None else report.at
    return Event(**report.model_dump() | {"what": What[report.what.upper()], "at": at})
