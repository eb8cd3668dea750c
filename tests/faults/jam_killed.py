"""What is killed: a real Jam server in a process of its own, forked from a parent that has imported everything."""

from pathlib import Path

import uvicorn
from fastapi import FastAPI

from jam_recs import member, service  # noqa: F401  imported once, in the parent of all that are killed
from jam_recs.service import router
from shared.bootstrap import Engines
from shared.settings import Settings


def serve(home, port):
    """Serve the rooms of `home` until killed."""
    app = FastAPI()
    app.include_router(router(Engines(Settings(home=Path(home)))))
    uvicorn.run(
        app, port=port, log_level="error", access_log=False, ws="websockets-sansio", ws_per_message_deflate=False
    )
