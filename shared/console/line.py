"""A WebSocket for those who tell many the same: frames are written and heard at once, without a task and a queue for each.

uvicorn hands a frame through an awaited call a member and wakes a task for each that comes in. Under thousands of small frames a second
that costs more than the frames. An app that finds a `Line` in its scope may write to it directly; everything else, the handshake,
control frames, closing, stays uvicorn's and `websockets`'.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "linernotes.line"


class Line(WebSocketsSansIOProtocol):
    """`uvicorn.run(ws=Line)`; `line_of(scope)` is this connection."""

    on_message: Callable[[bytes], None] | None = None
    """Called with each message, text or bytes; until it is set they wait for the app's `receive`, in order."""
    on_writable: Callable[[], None] = staticmethod(lambda: None)
    """Called when a peer who read too slowly reads again."""

    def handle_connect(self, event: Request) -> None:
        """Say in the scope that the app may write here."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def send_receive_event_to_app(self) -> None:
        """A whole message has come."""
        if self.on_message is None or self.close_sent:
            super().send_receive_event_to_app()
        else:
            message, self.frames = b"".join(self.frames), []
            self.on_message(message)

    def resume_writing(self) -> None:
        """The peer has read what waited."""
        super().resume_writing()
        self.on_writable()

    def write(self, texts: Iterable[bytes]) -> None:
        """Text frames (RFC 6455, section 5.2), in one piece. Ask `writable` before: who reads too slowly is not to be buried."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(b"".join(_framed(text) for text in texts))


def line_of(scope: Any) -> Line:
    """The connection that a WebSocket's scope belongs to. KeyError under a server that was not started with `ws=Line`."""
    line: Line = scope["extensions"][EXTENSION]
    return line


def _framed(text: bytes) -> bytes:
    size = len(text)
    if size < 126:
        return struct.pack(">BB", 0x81, size) + text
    return (struct.pack(">BBH", 0x81, 126, size) if size < 1 << 16 else struct.pack(">BBQ", 0x81, 127, size)) + text
