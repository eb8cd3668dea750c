"""`GET /autocomplete/suggest?q=…&k=…`: one request a keystroke.

The search takes microseconds, so everything around it counts: an answer is bytes, built once and kept for the prefixes that everybody
types; no model is validated, no thread is switched. `keystroke_first` puts the route before the whole app for whoever serves only this.
The published folder is looked at on every request, one `stat`: a new index answers the next keystroke, a torn one is refused.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Response

from autocomplete.index import load
from autocomplete.records import MAX_TEXT, Answer
from autocomplete.suggest import MOST_SUGGESTIONS, Suggester
from shared.bootstrap import Engines
from shared.clock import Clock, system_clock
from shared.errors import BadInput, LinerError, NotFound

KEPT_ANSWERS = 16_384
MOST_KEPT_BYTES = 4096
RETRY_MS = 1000
PATH = "/autocomplete/suggest"
CACHE = "public, max-age=60"
log = logging.getLogger("liner.autocomplete")

ASGI = Callable[[Any, Any, Any], Awaitable[None]]


class Published:
    """The suggester of the index published in a folder, exchanged when another is."""

    def __init__(self, folder: Path, clock: Clock = system_clock) -> None:
        """folder: need not hold an index yet; clock: when an index that was refused may be tried again."""
        self.folder, self._clock = folder, clock
        self._seen: tuple[int, int] | None = None
        self._suggester: Suggester | None = None
        self._kept: dict[tuple[str, int], bytes] = {}
        self._retry_ms = 0

    def answer(self, text: str, k: int) -> tuple[bytes, float]:
        """The answer as JSON bytes, and the milliseconds that its search took; NotFound without an index."""
        suggester = self.suggester()
        kept = self._kept.pop((text, k), None)
        if kept is not None:
            self._kept[text, k] = kept  # the last used stands last
            return kept, 0.0
        answer = suggester.suggest(text, k)
        body = json.dumps(as_json(answer), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) <= MOST_KEPT_BYTES:
            self._kept[text, k] = body
            if len(self._kept) > KEPT_ANSWERS:
                del self._kept[next(iter(self._kept))]
        return body, answer.search_us / 1000

    def suggester(self) -> Suggester:
        """The one of what is published now; while that is torn or gone, of the index at hand, and the folder is tried each second."""
        try:
            stat = (self.folder / "manifest.json").stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
        except FileNotFoundError as error:
            if self._suggester is None:
                raise NotFound("no index is published; make one with `liner autocomplete demo`") from error
            seen = None
        if self._suggester is None or (seen != self._seen and self._clock() >= self._retry_ms):
            try:
                self._suggester = Suggester(load(self.folder))
                self._suggester.warm_up()
                self._seen, self._kept = seen, {}
            except BadInput as error:
                if self._suggester is None:
                    raise
                log.error(json.dumps({"refused": str(error)}))
                self._retry_ms = self._clock() + RETRY_MS
        return self._suggester


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer as the API gives it."""
    found = [suggestion._asdict() for suggestion in answer.suggestions]
    return {"query": answer.query, "partial": answer.partial, "suggestions": found}


def index_folder(engines: Engines) -> Path:
    """Where the demo publishes and the service looks."""
    return engines.settings.home / "autocomplete" / "index"


def router(engines: Engines) -> APIRouter:
    """The route, over the index published in `engines`' home."""
    api = APIRouter(tags=["autocomplete"])
    published = Published(index_folder(engines))

    @api.get(PATH)
    async def suggest(
        q: str = Query("", max_length=MAX_TEXT), k: int = Query(5, ge=1, le=MOST_SUGGESTIONS)
    ) -> Response:
        """Suggestions for what has been typed so far, best first, with the spans that match."""
        body, took = published.answer(q, k)
        headers = {"Cache-Control": CACHE, "Server-Timing": f"index;dur={took:.3f}"}
        return Response(body, media_type="application/json", headers=headers)

    return api


def keystroke_first(app: ASGI, folder: Path) -> ASGI:
    """`app`, with the keystroke route answered before any of it: plain ASGI, no framework in the way."""
    published = Published(folder)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        status, body, timing = _respond(published, scope["query_string"])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", CACHE.encode() if status == 200 else b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"server-timing", timing),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


def _respond(published: Published, query_string: bytes) -> tuple[int, bytes, bytes]:
    """Status, body and Server-Timing of one keystroke."""
    try:
        text, k = _parameters(query_string)
        body, took = published.answer(text, k)
    except LinerError as error:
        status = 404 if isinstance(error, NotFound) else 422
        return status, json.dumps({"error": str(error)}).encode(), b"index;dur=0"
    return 200, body, b"index;dur=%.3f" % took


def _parameters(query_string: bytes) -> tuple[str, int]:
    """`q` and `k` of a query string; percent-encoding errors become replacement characters, as in every framework."""
    values = parse_qs(query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
    text, number = values.get("q", [""])[-1], values.get("k", ["5"])[-1]
    if len(text) > MAX_TEXT:
        raise BadInput(f"q: got {len(text):,} characters; expected at most {MAX_TEXT:,}")
    if not (len(number) <= 9 and number.isascii() and number.isdigit() and 1 <= int(number) <= MOST_SUGGESTIONS):
        raise BadInput(f"k: got {number[:20]!r}; expected 1 to {MOST_SUGGESTIONS}")
    return text, int(number)
