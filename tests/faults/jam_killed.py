"""What is killed: a real Jam server in a process of its own, forked from a parent that has imported everything."""

from pathlib import Path

import uvicorn
from fastapi import FastAPI

from jam_recs import log, member, service  # noqa: F401  imported once, in the parent of all that are killed
from jam_recs.service import router
from shared.bootstrap import Engines
from shared.console.line import Line
from shared.settings import Settings


def serve(home, port, compact_at):
    """Serve the rooms of `home` until killed; the log is compacted whenever it has doubled, from `compact_at` bytes on."""
    log.COMPACT_AT = compact_at
    app = FastAPI()
    app.include_router(router(Engines(Settings(home=Path(home)))))
    uvicorn.run(app, port=port, log_level="error", access_log=False, ws=Line, ws_per_message_deflate=False)
