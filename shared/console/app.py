"""The app: `/` lists the eight, `/<system>/` is a system's page, its endpoints stand beside it; `/healthz`, `/metrics`.

Plain files and ES modules, no build step, nothing from another origin; what every request passes first stands in `guard.py`.
"""

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from shared import systems
from shared.bootstrap import Engines
from shared.console.guard import Guard
from shared.errors import LinerError, NotFound

STATIC = Path(__file__).parent / "static"


def build_app(engines: Engines, only: str | None = None) -> FastAPI:
    """The console over `engines`; `only` names one system to serve alone."""
    app = FastAPI(title="linernotes", docs_url=None, redoc_url=None)
    app.state.requests = Counter[tuple[str, int]]()
    app.add_middleware(Guard, requests=app.state.requests)
    app.add_exception_handler(LinerError, _explain)
    app.add_exception_handler(HTTPException, _refuse)
    mounted = [system for system in systems.installed() if only in (None, system.name)]
    _add_house_routes(app, mounted)
    for system in mounted:
        if system.router:
            app.include_router(systems.load(system.router)(engines))
        if system.page:
            app.mount(f"/{system.verb}", StaticFiles(directory=_page_folder(system), html=True), name=system.name)
    app.mount("/", StaticFiles(directory=STATIC, html=True), name="console")
    return app


def _add_house_routes(app: FastAPI, mounted: list[systems.System]) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the app answers."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> str:
        """Requests by route and status, in Prometheus' text format."""
        lines = ["# TYPE liner_requests_total counter"]
        for (route, status), count in sorted(app.state.requests.items()):
            lines.append(f'liner_requests_total{{route="{route}",status="{status}"}} {count}')
        return "\n".join(lines) + "\n"

    @app.get("/systems")
    def list_systems() -> list[dict[str, Any]]:
        """The systems that this console serves, for the landing page."""
        return [
            {"verb": system.verb, "title": system.title, "answer": system.answer, "page": bool(system.page)}
            for system in mounted
        ]


def _explain(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, NotFound) else 400)


def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def _page_folder(system: systems.System) -> Path:
    return Path(str(import_module(system.name).__file__)).parent / str(system.page)
