"""The evidence of one match: both spectrograms, aligned, as a picture, and beside it the numbers, the decisions and the hash.

It is made on demand: keep log and index as long as a dispute may come. The sound comes back from the log, chunk by chunk, so the
hash in the record is that of the bytes that the verdict was spoken over, and anybody with the log can check it. The reference comes
from its file; where that is gone, or holds another recording, the stored peaks are drawn; where the reference was taken out of the
index, only the upload's side is left, even if another recording has its name by now.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from copyright_detect.audio import decode
from copyright_detect.chunks import Chunk, open_message, to_float
from copyright_detect.index import Index, Reference, analyse
from copyright_detect.picture import Side, decibels, draw, found_peaks
from copyright_detect.records import FRAMES_PER_SECOND, HOP, SAMPLE_RATE, WINDOW, Match
from copyright_detect.store import PartitionStore, Upload
from shared.errors import BadInput, NotFound
from shared.ports import EventLog

Samples = NDArray[np.float32]
CONTEXT_S = 2.0
LONGEST_S = 30.0
"""Of the match that is drawn; in the record all of it is named."""


class Exhibit(NamedTuple):
    """A picture as PNG, and its record."""

    png: bytes
    record: dict[str, Any]


def collect(log: EventLog, topic: str, store: PartitionStore, index: Index, verdict: Mapping[str, Any]) -> Exhibit:
    """The evidence of a row of `verdicts`, with the sound from the log and the reference from its file, if that is there still."""
    png, found = draw_match(log, topic, store, index, verdict)
    digest, size = sha256(), 0
    for part in heard_pcm(log, topic, store, verdict["upload"], verdict["start_s"], verdict["end_s"]):
        digest.update(part)
        size += len(part)
    record = _record(store, verdict, found, png, {"bytes": size, "sha256": digest.hexdigest()})
    return Exhibit(png, {**record, "reference_indexed": matched(index, verdict) is not None})


def matched(index: Index, verdict: Mapping[str, Any]) -> Reference | None:
    """The reference of a row of `verdicts`; None when the index has another recording of that name, or none, or the row is too old."""
    name = verdict["reference"]
    found = index.reference(name) if name in index.references else None
    return found if found and found.recording == verdict.get("recording") else None


def draw_match(
    log: EventLog, topic: str, store: PartitionStore, index: Index, verdict: Mapping[str, Any]
) -> tuple[bytes, NDArray[np.bool_]]:
    """The PNG of a match, and which of the peaks in it were found: bool[n]. From where it began, at the tempo it went on with last."""
    match = Match(*(verdict[name] for name in Match._fields))
    drawn_s = min(match.end_s - match.start_s, (match.ref_end_s - match.ref_start_s) / match.tempo, LONGEST_S)
    begin_s = max(match.start_s - CONTEXT_S, 0.0)
    sound = upload_samples(log, topic, store, verdict["upload"], begin_s, match.start_s + drawn_s + CONTEXT_S)
    ref_begin_s = match.ref_start_s - (match.start_s - begin_s) * match.tempo
    ref_end_s = match.ref_start_s + (drawn_s + CONTEXT_S) * match.tempo
    upper = Side("upload", decibels(to_float(sound)), begin_s, 1.0)
    there = matched(index, verdict)
    heard = reference_samples(there, ref_begin_s, ref_end_s)
    lower = Side("reference", decibels(np.zeros(0, np.float32) if heard is None else heard), ref_begin_s, match.tempo)
    frames, bins = index.peaks(there.name) if there else np.zeros((2, 0), np.int32)
    middle_s = (frames + WINDOW // 2 / HOP) / FRAMES_PER_SECOND
    inside = (middle_s >= match.ref_start_s) & (middle_s <= match.ref_start_s + drawn_s * match.tempo)
    peaks = np.stack([middle_s[inside], bins[inside]])
    found = found_peaks(upper, match, peaks)
    return draw(upper, lower, match, peaks, found, drawn_s), found


def write_evidence(evidence: Exhibit, folder: Path, name: str) -> tuple[Path, Path]:
    """The two files, `name`.png and `name`.json."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.png", folder / f"{name}.json"
    paths[0].write_bytes(evidence.png)
    paths[1].write_text(json.dumps(evidence.record, ensure_ascii=False, indent=1) + "\n")
    return paths


def upload_samples(
    log: EventLog, topic: str, store: PartitionStore, upload: str, begin_s: float, end_s: float
) -> bytes:
    """int16 PCM of an upload from the log; what lies beyond its end is left out."""
    found = b"".join(heard_pcm(log, topic, store, upload, begin_s, end_s))
    if not found:
        raise NotFound(f"upload {upload!r}: nothing was heard between {begin_s:.1f} s and {end_s:.1f} s")
    return found


def heard_pcm(
    log: EventLog, topic: str, store: PartitionStore, upload: str, begin_s: float, end_s: float
) -> Iterator[bytes]:
    """`upload_samples`, a chunk at a time."""
    first, last = round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    for offset, sample in store.places(upload, first, last):
        messages = log.read(topic, store.partition, offset, 1, timeout_ms=10_000)
        chunk = open_message(messages[0].value, latest_ms=1 << 62) if messages else None
        if not isinstance(chunk, Chunk) or chunk.upload != upload:
            raise NotFound(f"{topic}, offset {offset}: no chunk of {upload}; the log lost it, or is another one")
        yield chunk.samples[2 * max(first - sample, 0) : 2 * (last - sample)]


def reference_samples(reference: Reference | None, begin_s: float, end_s: float) -> Samples | None:
    """float32 of a reference's file from begin_s (silence before its start) to end_s; None when either is gone, or another."""
    path = Path((reference and reference.source) or "")
    if reference is None or not path.is_file() or _recording(path, path.stat().st_mtime_ns) != reference.recording:
        return None
    first, last = round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    at, parts = 0, [np.zeros(max(-first, 0), np.float32)]
    for block in decode(path):
        parts.append(block[max(first - at, 0) : max(last - at, 0)])
        at += block.size
        if at >= last:
            break
    return np.concatenate(parts)


@lru_cache(256)
def _recording(path: Path, _changed_ns: int) -> str | None:
    """The hash of the recording that a file holds, as the index has it; None when it holds none."""
    try:
        return analyse(path.name, decode(path), 0, None)[0].recording
    except BadInput:
        return None


def _record(
    store: PartitionStore, verdict: Mapping[str, Any], found: NDArray[np.bool_], png: bytes, heard: dict[str, Any]
) -> dict[str, Any]:
    upload = store.upload(verdict["upload"]) or Upload("", "")
    sound = {"of": "upload", "from_s": verdict["start_s"], "to_s": verdict["end_s"]}
    decisions = [row for row in store.decisions(verdict["upload"]) if row["reference"] == verdict["reference"]]
    return {
        "upload": verdict["upload"],
        "show": upload.show,
        "kind": verdict["kind"],
        "alarm_s": verdict["alarm_s"],
        "match": {name: verdict[name] for name in Match._fields},
        "peaks": {"stored": int(found.size), "found": int(found.sum())},
        "audio": {**sound, "format": f"16-bit PCM, {SAMPLE_RATE} Hz", **heard},
        "index_version": upload.index_version,
        "rights_version": upload.rights_version,
        "decisions": decisions,
        "picture_sha256": sha256(png).hexdigest(),
    }
