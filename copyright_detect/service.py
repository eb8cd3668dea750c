"""Uploads over HTTP: send a file in parts or play the demo, follow what is heard of it, look at the evidence, listen to both sides.

Requests read the partitions' files beside the worker (WAL); only the gateway holds state, and it bounds what it holds.
"""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import numpy as np
import soundfile
from fastapi import APIRouter, Path, Query, Request, Response

from copyright_detect.chunks import to_pcm
from copyright_detect.evidence import collect, draw_match, matched, reference_samples, upload_samples
from copyright_detect.gateway import Gateway
from copyright_detect.index import open_index
from copyright_detect.records import SAMPLE_RATE
from copyright_detect.store import PartitionStore
from copyright_detect.views import upload_report
from copyright_detect.worker import Run
from shared.bootstrap import Engines
from shared.errors import BadInput, NotFound

LONGEST_SOUND_S = 600.0
WAVEFORM_POINTS = 2000
T = TypeVar("T")
Answers = dict[int | str, dict[str, Any]]
UploadId = Annotated[str, Path(pattern=r"^[0-9a-z-]{1,40}$")]
MatchId = Annotated[int, Path(ge=0, lt=1 << 31)]
Second = Annotated[float, Query(ge=0, le=86_400)]
Show = Annotated[str, Query(min_length=1, max_length=100)]
BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
FRESH = {"Cache-Control": "no-cache"}  # a match grows while it is open
WAV: Answers = {200: {"content": {"audio/wav": {}}}}
PNG: Answers = {200: {"content": {"image/png": {}}}}


def router(engines: Engines) -> APIRouter:
    """The routes, over the log and the state of `engines`."""
    api = APIRouter(prefix="/copyright-detect", tags=["copyright_detect"])
    gateway = Gateway(engines)
    add_uploads(api, gateway)
    add_evidence(api, gateway)
    return api


def add_uploads(api: APIRouter, gateway: Gateway) -> None:
    """Sending, and following what is heard."""

    @api.post("/uploads", status_code=201)
    def begin(show: Show = "my-show") -> dict[str, str]:
        """Begin an upload; send its parts next."""
        return {"upload": gateway.begin(show)}

    @api.put("/uploads/{upload}/parts/{number}", openapi_extra=BODY)
    async def part(
        upload: UploadId, number: Annotated[int, Path(ge=0, lt=1 << 20)], request: Request, last: bool = False
    ) -> dict[str, Any]:
        """Append a part of at most 1 MiB, numbered from 0; the one with `last` starts the hearing."""
        return await asyncio.to_thread(gateway.part, upload, number, await request.body(), last)

    @api.post("/demo", status_code=202, include_in_schema=False)
    def play(level_db: Annotated[float, Query(ge=-30, le=10)] = -6.0) -> dict[str, str]:
        """Stream the demo's podcast in the background, one at a time; level_db: its song against the voice."""
        return {"upload": gateway.play_demo(level_db)}

    @api.get("/uploads")
    def uploads() -> dict[str, Any]:
        """The uploads that were heard."""
        return {"uploads": gateway.uploads()}

    @api.get("/uploads/{upload}")
    def report(upload: UploadId) -> dict[str, Any]:
        """How far an upload was heard, its matches as they stand, and what its owners decided by territory."""
        return gateway.report(upload)

    @api.get("/uploads/{upload}/waveform")
    def waveform(upload: UploadId) -> dict[str, Any]:
        """Peaks from 0 to 255, evenly over the seconds that were heard."""
        with gateway.store_of(upload) as (_, store):
            peaks = np.frombuffer(store.loudness(upload), np.uint8)
            heard_s = upload_report(store, upload)["heard_s"]
        starts = range(0, peaks.size, -(-peaks.size // WAVEFORM_POINTS) or 1)
        return {"heard_s": heard_s, "peaks": np.maximum.reduceat(peaks, starts).tolist() if peaks.size else []}


def add_evidence(api: APIRouter, gateway: Gateway) -> None:
    """Looking at a match, and listening to both sides of it."""

    def evidence_of(upload: str, match_id: int, make: Callable[..., T]) -> T:
        with verdict_of(gateway, upload, match_id) as (row, run, store):
            return make(gateway.engines.log, run.topic, store, open_index(gateway.db_of(run)), row)

    @api.get("/uploads/{upload}/evidence/{match_id}.png", response_class=Response, responses=PNG)
    def picture(upload: UploadId, match_id: MatchId) -> Response:
        """Both spectrograms, aligned."""
        return Response(evidence_of(upload, match_id, draw_match)[0], media_type="image/png", headers=FRESH)

    @api.get("/uploads/{upload}/evidence/{match_id}.json")
    def record(upload: UploadId, match_id: MatchId) -> dict[str, Any]:
        """The record of a match: times, score, decisions, and the hash of the sound."""
        return evidence_of(upload, match_id, collect).record

    @api.get("/uploads/{upload}/sound.wav", response_class=Response, responses=WAV)
    def sound(upload: UploadId, begin_s: Second = 0.0, end_s: Second = 60.0) -> Response:
        """A stretch of an upload as it was heard."""
        if not begin_s < end_s <= begin_s + LONGEST_SOUND_S:
            raise BadInput(f"from {begin_s:g} s to {end_s:g} s: expected a stretch of at most {LONGEST_SOUND_S:.0f} s")
        with gateway.store_of(upload) as (run, store):
            return wav(upload_samples(gateway.engines.log, run.topic, store, upload, begin_s, end_s))

    @api.get("/uploads/{upload}/reference/{match_id}.wav", response_class=Response, responses=WAV)
    def match_sound(upload: UploadId, match_id: MatchId) -> Response:
        """The reference of a match, where and as long as it was heard, from the file that it was indexed from."""
        with verdict_of(gateway, upload, match_id) as (row, run, _):
            end_s = min(row["ref_end_s"], row["ref_start_s"] + LONGEST_SOUND_S)
            found = reference_samples(matched(open_index(gateway.db_of(run)), row), row["ref_start_s"], end_s)
        if found is None:
            raise NotFound(f"reference {row['reference']!r}: its file is gone or another, or it left the index")
        return wav(to_pcm(found).tobytes())


@contextmanager
def verdict_of(gateway: Gateway, upload: str, match_id: int) -> Iterator[tuple[dict[str, Any], Run, PartitionStore]]:
    """A match of an upload as it stands, the run it belongs to, and the file it stands in."""
    with gateway.store_of(upload) as (run, store):
        found = {row["match_id"]: row for row in store.verdicts(upload)}
        if match_id not in found:
            raise NotFound(f"upload {upload!r}: no match {match_id}; it has {sorted(found) or 'none'}")
        yield found[match_id], run, store


def wav(samples: bytes) -> Response:
    """16-bit PCM as a WAV file."""
    out = io.BytesIO()
    soundfile.write(out, np.frombuffer(samples, "<i2"), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return Response(out.getvalue(), media_type="audio/wav", headers=FRESH)
