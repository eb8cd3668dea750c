"""What every request passes before any system sees it: who may send it, how much of it is read, what is said about it afterwards.

- A body over MAX_BODY_BYTES ends with 413, by its header or, when it comes in chunks without one, by counting.
- A browser that another site's page made send something (its Origin is not this host) gets 403: this is what keeps a page on the
  internet from acting on a server that only listens on loopback. What is no browser sends no Origin.
- A name on the internet that was made to resolve to this machine is refused while only this machine can reach the server.
- Every answer has headers that make the browser hold «nothing from another origin».
- It is counted and logged by its route, never by its path: paths hold user ids.
"""

import json
import logging
from collections import Counter
from urllib.parse import urlsplit

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
MAX_BODY_BYTES = 1 << 20
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOO_LARGE = f"body over {MAX_BODY_BYTES:,} bytes"
log = logging.getLogger("liner.console")


class Guard:
    """ASGI middleware; `requests` counts (route, status)."""

    def __init__(self, app: ASGIApp, requests: "Counter[tuple[str, int]]") -> None:
        self.app, self.requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on what is bounded."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not welcome(scope):
            refusal = JSONResponse({"error": "another site's page may not send this"}, status_code=403)
            await refusal(scope, receive, self._said(scope, send))
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self._request(scope, receive, self._said(scope, send))

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            await JSONResponse({"error": TOO_LARGE}, status_code=413)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, counted, send)

    def _said(self, scope: Scope, send: Send) -> Send:
        """`send` that adds the headers, counts and logs."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                route = getattr(scope.get("route"), "path", "static")
                self.requests[route, message["status"]] += 1
                log.info(json.dumps({"route": route, "method": scope.get("method"), "status": message["status"]}))
            await send(message)

        return answer


def welcome(scope: Scope) -> bool:
    """Whether no other site's page made a browser send it: sockets and what changes something must name this host, or no origin."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None or scope.get("method") in SAFE:
        return True
    return urlsplit(origin).netloc == headers.get("host")


def for_names_of(host: str, app: ASGIApp) -> ASGIApp:
    """`app`, which answers only to this machine's names when only this machine can reach it.

    Without that, a page on the internet could have its own name resolve to 127.0.0.1 and talk to the console as to itself.
    """
    return TrustedHostMiddleware(app, ["127.0.0.1", "localhost"]) if host in ("127.0.0.1", "localhost") else app
