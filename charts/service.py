"""The charts over HTTP: one chart as JSON or CSV, an artist's history, the bump chart, and a live stream of server-sent
events.

Requests read the partitions' files beside the consumer (WAL), so the service holds no state and any number of them may
run. A live stream looks once a second and sends only what changed; there are at most LIVE_STREAMS of them.
"""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from threading import Lock, Thread
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from charts.close import GLOBAL
from charts.demo import replay_in_background
from charts.rules import Rules, parse_week, week_name
from charts.run import open_views
from charts.views import check_scope, current_run
from shared.bootstrap import Engines
from shared.errors import Conflict, LinerError, NotFound

LIVE_STREAMS = 64
LOOK_SECONDS = 1.0
BUMP_WEEKS, BUMP_PLACES = 12, 15
CSV_COLUMNS = ("rank", "artist_id", "artist", "units", "plays", "last_week", "peak", "weeks", "streak", "status")


def router(engines: Engines) -> APIRouter:
    """The routes, over the state and the lake of `engines`."""
    api = APIRouter(tags=["charts"])
    streams = asyncio.BoundedSemaphore(LIVE_STREAMS)
    replaying = Lock()

    @api.get("/charts/{scope}/weeks")
    def weeks(scope: str) -> dict[str, Any]:
        """The weeks of the last run with their states, oldest first, and the scopes of the newest."""
        check_scope(scope)
        with open_views(engines, current_run(engines.settings.home), Rules()) as views:
            known = views.weeks()
            return {
                "weeks": [views.state(week) for week in known],
                "scopes": views.scopes(known[-1]) if known else [GLOBAL],
            }

    @api.get("/charts/{scope}/bump")
    def bump(scope: str, week: str = "latest") -> dict[str, Any]:
        """Ranks over the weeks up to one of the artists that lead its chart; null where an artist was not on a chart."""
        check_scope(scope)
        return bump_chart(engines, scope, week)

    @api.get("/charts/{scope}/live", include_in_schema=False)
    async def live(scope: str, request: Request) -> Response:
        """The newest chart as server-sent events, whenever it changes."""
        check_scope(scope)
        if streams.locked():
            return Response("too many live streams", status_code=503)
        return StreamingResponse(
            live_events(engines, scope, request, streams),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    @api.post("/charts/global/replay", status_code=202, include_in_schema=False)
    def replay() -> dict[str, str]:
        """Replay the demo's week in the background; the live streams follow it. One at a time."""
        if not replaying.acquire(blocking=False):
            raise Conflict("a replay is running; watch it on the live stream")
        Thread(target=replay_in_background, args=(engines.settings, replaying.release), daemon=True).start()
        return {"status": "started"}

    @api.get("/charts/{scope}/artists/{artist}")
    def history(scope: str, artist: str) -> dict[str, Any]:
        """An artist's weeks on a chart, oldest first; `artist` is the id."""
        return artist_history(engines, scope, artist)

    @api.get("/charts/{scope}/{week}.csv")
    def chart_csv(scope: str, week: str) -> Response:
        """One chart as CSV."""
        return Response(as_csv(read_chart(engines, scope, week)), media_type="text/csv; charset=utf-8")

    @api.get("/charts/{scope}/{week}")
    def chart(scope: str, week: str) -> dict[str, Any]:
        """One chart with movement; `week` is its Friday, or `latest`."""
        return read_chart(engines, scope, week)

    return api


def read_chart(engines: Engines, scope: str, week: str) -> dict[str, Any]:
    """The chart of a scope and week of the last run; `latest` is the one that the stream's clock stands in."""
    check_scope(scope)
    with open_views(engines, current_run(engines.settings.home), Rules()) as views:
        known = views.weeks()
        chart = views.chart(scope, newest(known) if week == "latest" else parse_week(week))
    return {**chart, "rows": as_text(chart["rows"])}


def as_text(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their artist's id as a text: a browser rounds numbers above 2^53."""
    return [{**row, "artist_id": str(row["artist_id"])} for row in rows]


def artist_history(engines: Engines, scope: str, artist: str) -> dict[str, Any]:
    """The weeks on a chart of the artist with this id."""
    with open_views(engines, current_run(engines.settings.home), Rules()) as views:
        number = views.number_of(artist)
        (named,) = as_text([views.named({"artist_id": number})])
        return {"scope": scope, **named, "weeks": views.history(scope, number)}


def newest(weeks: list[int]) -> int:
    """The last of the weeks with a chart; NotFound when there is none."""
    if not weeks:
        raise NotFound("no play was counted yet")
    return weeks[-1]


def bump_chart(engines: Engines, scope: str, week: str) -> dict[str, Any]:
    """The last BUMP_WEEKS up to `week`, and by artist of its chart's first places the rank in each of them."""
    with open_views(engines, current_run(engines.settings.home), Rules()) as views:
        known = views.weeks()
        last = newest(known) if week == "latest" else parse_week(week)
        weeks = [each for each in known if last - BUMP_WEEKS < each <= last]
        charts = [as_text(views.rows(scope, each)) for each in weeks]
    ranks = [{row["artist_id"]: row["rank"] for row in chart} for chart in charts]
    leaders = charts[-1][:BUMP_PLACES] if charts else []
    return {
        "scope": scope,
        "weeks": [week_name(each) for each in weeks],
        "artists": [
            {
                "artist": row["artist"],
                "artist_id": row["artist_id"],
                "ranks": [ranked.get(row["artist_id"]) for ranked in ranks],
            }
            for row in leaders
        ],
    }


async def live_events(
    engines: Engines, scope: str, request: Request, streams: asyncio.BoundedSemaphore
) -> AsyncIterator[str]:
    """`data: {chart}` whenever the newest chart differs from what was sent; ends when the client goes."""
    sent = ""
    if streams.locked():  # taken since the request was let in
        return
    async with streams:
        while not await request.is_disconnected():
            try:
                chart = json.dumps(await asyncio.to_thread(read_chart, engines, scope, "latest"), ensure_ascii=False)
            except LinerError as error:
                chart = json.dumps({"error": str(error)})
            yield f"data: {chart}\n\n" if chart != sent else ": nothing new\n\n"
            sent = chart
            await asyncio.sleep(LOOK_SECONDS)


def as_csv(chart: dict[str, Any]) -> str:
    """The rows of a chart under CSV_COLUMNS."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(chart["rows"])
    return text.getvalue()
