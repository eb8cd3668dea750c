"""Run an app with uvicorn: the one way that every `serve` verb and `liner console` start."""

import argparse
from typing import Any


def add_address(parser: argparse.ArgumentParser, port: int = 8000) -> None:
    """Add `--host` (this machine only, unless asked) and `--port`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to bind; only this machine by default")
    parser.add_argument("--port", type=int, default=port)


def serve(arguments: argparse.Namespace, only: str | None = None, page: str = "") -> int:
    """Serve the console, or one system of it, until interrupted."""
    from shared.bootstrap import engines
    from shared.console.app import build_app

    with engines() as opened:
        print(f"http://{arguments.host}:{arguments.port}/{page}  (Ctrl-C ends it)", flush=True)
        run_app(build_app(opened, only), arguments.host, arguments.port)
    return 0


def run_app(app: Any, host: str, port: int, connections: int = 512) -> None:
    """uvicorn with bounded connections, headers and frames, and no access log: paths hold personal data. One BLAS thread: products of
    a request are small, and threads that wait for each other took 2.5 times the CPU of a podcasts slate.
    """
    import uvicorn

    from shared.console.guard import for_names_of
    from shared.console.line import Line
    from shared.threads import blas_threads

    with blas_threads(1):
        uvicorn.run(
            for_names_of(host, app),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            limit_concurrency=connections,
            h11_max_incomplete_event_size=16_384,
            timeout_keep_alive=30,
            server_header=False,
            ws=Line,
            ws_max_size=65_536,
            ws_ping_interval=None,  # sockets have their own heartbeats
            ws_per_message_deflate=False,  # a compression window is up to a megabyte a socket
        )
