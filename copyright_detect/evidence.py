"""The evidence of one match: both spectrograms, aligned, as a picture, and beside it the numbers, the decisions and the hash.

The picture is read in a glance: the reference is drawn at the tempo that was found, straight under the upload, with the
peaks that the index stored ringed in it; in the upload a ring stands where the same peak was found, a small cross where a
voice or a codec took it. The sound comes back from the log, chunk by chunk, so the hash in the record is that of
the bytes that the verdict was spoken over, and anybody with the log can check it.
"""

import io
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import combining, normalize

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.fft import rfft
from scipy.ndimage import maximum_filter

from copyright_detect.audio import decode as decode_audio
from copyright_detect.chunks import Chunk, decode, to_float
from copyright_detect.index import Index
from copyright_detect.records import BINS, FRAMES_PER_SECOND, HOP, SAMPLE_RATE, WINDOW, Match
from copyright_detect.store import PartitionStore
from shared.errors import BadInput, NotFound
from shared.ports import EventLog

Samples = NDArray[np.float32]
CONTEXT_S = 2.0
LONGEST_S = 30.0
"""Of the match that is drawn; in the record all of it is named."""
WIDTH, LEFT, RIGHT, TOP, PANEL, BETWEEN, BOTTOM = 1120, 64, 16, 92, BINS // 2, 58, 34
RANGE_DB = 70.0
PALETTE = ((10, 10, 22), (70, 22, 108), (170, 52, 106), (240, 124, 70), (252, 232, 170))
INK, QUIET, FOUND, LOST, SPAN = (236, 234, 229), (165, 168, 174), (120, 240, 190), (150, 150, 165), (255, 255, 255)


class Side(NamedTuple):
    """What is drawn of a file: dB float32[frames, BINS], the time of its first frame, and seconds of it per second of upload."""

    name: str
    decibels: NDArray[np.float32]
    from_s: float
    pace: float


class Evidence(NamedTuple):
    """A picture as PNG, and its record."""

    png: bytes
    record: dict[str, Any]


def collect(log: EventLog, topic: str, store: PartitionStore, index: Index, verdict: Mapping[str, Any]) -> Evidence:
    """The evidence of a row of `verdicts`, with the sound from the log and the reference from its file, if that is there still."""
    match = Match(*(verdict[name] for name in Match._fields))
    drawn_s = min(match.end_s - match.start_s, LONGEST_S)
    tempo = (match.ref_end_s - match.ref_start_s) / max(match.end_s - match.start_s, 1e-3)
    begin_s = max(match.start_s - CONTEXT_S, 0.0)
    sound = upload_samples(log, topic, store, verdict["upload"], begin_s, match.start_s + drawn_s + CONTEXT_S)
    ref_begin_s = match.ref_start_s - (match.start_s - begin_s) * tempo
    ref_end_s = match.ref_start_s + (drawn_s + CONTEXT_S) * tempo
    upload = Side("upload", decibels(to_float(sound)), begin_s, 1.0)
    heard = reference_samples(index, match.reference, ref_begin_s, ref_end_s)
    nothing = np.zeros(round((ref_end_s - ref_begin_s) * SAMPLE_RATE), np.float32)
    reference = Side("reference", decibels(nothing if heard is None else heard), ref_begin_s, tempo)
    frames, bins = index.peaks(match.reference)
    middle_s = (frames + WINDOW // 2 / HOP) / FRAMES_PER_SECOND
    inside = (middle_s >= match.ref_start_s) & (middle_s <= match.ref_start_s + drawn_s * tempo)
    peaks = np.stack([middle_s[inside], bins[inside]])
    found = found_peaks(upload, match, tempo, peaks)
    png = picture(upload, reference, match, peaks, found, drawn_s)
    span = upload_samples(log, topic, store, verdict["upload"], match.start_s, match.end_s)
    return Evidence(png, _record(store, verdict, match, found, span, png))


def write_evidence(evidence: Evidence, folder: Path, name: str) -> tuple[Path, Path]:
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
    first, last = round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    parts, start = [], None
    for offset, sample in store.places(upload, first, last):
        (message, *_) = log.read(topic, store.partition, offset, 1, timeout_ms=10_000)
        chunk = decode(message.value, latest_ms=1 << 62)
        if not isinstance(chunk, Chunk) or chunk.upload != upload:
            raise BadInput(
                f"offset {offset} of {topic} holds no chunk of {upload}; the log is not the one it was heard from"
            )
        start = sample if start is None else start
        parts.append(chunk.samples)
    found = b"" if start is None else b"".join(parts)[2 * (first - start) : 2 * (last - start)]
    if not found:
        raise NotFound(f"upload {upload!r}: nothing was heard between {begin_s:.1f} s and {end_s:.1f} s")
    return found


def reference_samples(index: Index, reference: str, begin_s: float, end_s: float) -> Samples | None:
    """float32 of a reference's file from begin_s (silence before its start) to end_s; None when the file is gone."""
    source = index.source(reference)
    if source is None or not Path(source).is_file():
        return None
    first, last = round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    at, parts = 0, [np.zeros(max(-first, 0), np.float32)]
    for block in decode_audio(source):
        parts.append(block[max(first - at, 0) : max(last - at, 0)])
        at += block.size
        if at >= last:
            break
    return np.concatenate(parts)


def decibels(samples: Samples) -> NDArray[np.float32]:
    """dB under the loudest bin, float32[frames, BINS]; frame i is centred on sample i · HOP."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    frames = sliding_window_view(padded, WINDOW)[: max(samples.size, 1) : HOP]
    spectrum = np.abs(rfft(frames * np.hanning(WINDOW + 1)[:-1].astype(np.float32), axis=1)[:, :BINS])
    return np.asarray(20 * np.log10(np.maximum(spectrum / max(float(spectrum.max()), 1e-3), 1e-5)), np.float32)


def found_peaks(upload: Side, match: Match, tempo: float, peaks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[n]: whether a local maximum of the upload lies within a frame and a bin of each peak (seconds of reference, bin)."""
    maxima = (upload.decibels >= maximum_filter(upload.decibels, (7, 7))) & (upload.decibels > -99)
    near = np.pad(maximum_filter(maxima, (3, 3)), 1)
    seconds = match.start_s + (peaks[0] - match.ref_start_s) / tempo - upload.from_s
    at = np.clip(np.rint(seconds * FRAMES_PER_SECOND).astype(int) + 1, 0, len(near) - 1)
    return np.asarray(near[at, peaks[1].astype(int) + 1])


def picture(
    upload: Side, reference: Side, match: Match, peaks: NDArray[np.float64], found: NDArray[np.bool_], drawn_s: float
) -> bytes:
    """The PNG. peaks: float64[2, n], seconds of the reference and bin; found: bool[n]."""
    height = TOP + 2 * PANEL + BETWEEN + BOTTOM
    image = Image.new("RGB", (WIDTH, height), (21, 23, 26))
    draw = ImageDraw.Draw(image)
    shown_s = upload.decibels.shape[0] / FRAMES_PER_SECOND
    scale = (WIDTH - LEFT - RIGHT) / shown_s  # pixels a second of upload
    _heading(draw, match, found, drawn_s)
    begin, end = ((at - upload.from_s) * scale + LEFT for at in (match.start_s, match.start_s + drawn_s))
    for side, top in ((upload, TOP), (reference, TOP + PANEL + BETWEEN)):
        image.paste(_panel(side, shown_s), (LEFT, top))
        _axes(draw, side, top, shown_s, scale)
        draw.line([(begin, top - 6), (end, top - 6)], fill=SPAN, width=3)
        for x in (begin, end):
            draw.line([(x, top - 8), (x, top + PANEL)], fill=SPAN)
    xs = begin + (peaks[0] - match.ref_start_s) / reference.pace * scale
    ys = PANEL - 1 - peaks[1] / 2
    for x, y, here in zip(xs.tolist(), ys.tolist(), found.tolist(), strict=True):
        low = TOP + PANEL + BETWEEN + y
        draw.ellipse([(x - 3, low - 3), (x + 3, low + 3)], outline=FOUND)
        if here:
            draw.ellipse([(x - 3, TOP + y - 3), (x + 3, TOP + y + 3)], outline=FOUND)
        else:
            draw.line([(x - 1, TOP + y - 1), (x + 1, TOP + y + 1)], fill=LOST)
            draw.line([(x - 1, TOP + y + 1), (x + 1, TOP + y - 1)], fill=LOST)
    out = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _panel(side: Side, shown_s: float) -> Image.Image:
    """A spectrogram as wide as the upload's, low notes at the bottom, two bins a row."""
    pixels = WIDTH - LEFT - RIGHT
    columns = (np.arange(pixels) + 0.5) / pixels * shown_s * side.pace * FRAMES_PER_SECOND
    columns = np.minimum(columns.astype(int), len(side.decibels) - 1)
    level = side.decibels.reshape(len(side.decibels), PANEL, 2).max(axis=2)[columns].T[::-1]
    share = np.clip(1 + level / RANGE_DB, 0, 1)
    steps = np.linspace(0, 1, len(PALETTE))
    rgb = [np.interp(share, steps, [colour[channel] for colour in PALETTE]) for channel in range(3)]
    return Image.fromarray(np.stack(rgb, axis=2).astype(np.uint8))


def _heading(draw: ImageDraw.ImageDraw, match: Match, found: NDArray[np.bool_], drawn_s: float) -> None:
    name = match.reference if len(match.reference) <= 80 else f"{match.reference[:79]}…"
    spans = f"upload {clock(match.start_s)} to {clock(match.end_s)}  =  reference {clock(match.ref_start_s)} to {clock(match.ref_end_s)}"
    cut = "" if drawn_s >= match.end_s - match.start_s else f" of the first {drawn_s:.0f} s"
    rate = f"{match.expected_false_alarms_per_1000h:.1g} false alarms expected in 1,000 hours"
    lines = (
        (name, 20, INK),
        (f"{spans}   at {match.tempo:.3f} times the tempo", 15, INK),
        (
            f"score {match.score:.0f} bits: {rate}; {int(found.sum())} of {found.size} stored peaks{cut} found",
            15,
            QUIET,
        ),
    )
    for (text, size, ink), y in zip(lines, (8, 36, 58), strict=True):
        draw.text((LEFT, y), plain(text), fill=ink, font=ImageFont.load_default(size))


def _axes(draw: ImageDraw.ImageDraw, side: Side, top: int, shown_s: float, scale: float) -> None:
    font = ImageFont.load_default(12)
    draw.text((LEFT, top + PANEL + 18), side.name, fill=QUIET, font=font)
    for kilohertz in range(1, 6):
        y = top + PANEL - kilohertz * 1000 / (SAMPLE_RATE / 2) * PANEL
        draw.text((LEFT - 8, y), f"{kilohertz} kHz", fill=QUIET, font=font, anchor="rm")
    step = 5 if shown_s * scale > 400 and shown_s > 12 else 1
    first = -(-max(side.from_s, 0) // step) * step
    for second in np.arange(first, side.from_s + shown_s * side.pace, step).tolist():
        x = LEFT + (second - side.from_s) / side.pace * scale
        draw.line([(x, top + PANEL), (x, top + PANEL + 4)], fill=QUIET)
        if LEFT + 14 < x < WIDTH - RIGHT - 14:
            draw.text((x, top + PANEL + 5), clock(second, digits=0), fill=QUIET, font=font, anchor="mt")


def plain(text: str) -> str:
    """The text in the letters that the picture's font has; the record and the page show it whole."""
    letters = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return letters.encode("ascii", "replace").decode()


def clock(seconds: float, digits: int = 1) -> str:
    """`75.25` → `1:15.3`."""
    rounded = round(seconds, digits)
    minutes, rest = divmod(rounded, 60)
    return f"{int(minutes)}:{rest:0{3 + digits if digits else 2}.{digits}f}"


def _record(
    store: PartitionStore, verdict: Mapping[str, Any], match: Match, found: NDArray[np.bool_],
    span: bytes, png: bytes,
) -> dict[str, Any]:  # fmt: skip
    upload = store.upload(verdict["upload"])
    decisions = [row for row in store.decisions(verdict["upload"]) if row["reference"] == match.reference]
    return {
        "upload": verdict["upload"],
        "show": upload.show if upload else None,
        "kind": verdict["kind"],
        "alarm_s": verdict["alarm_s"],
        "match": match._asdict(),
        "peaks": {"stored": int(found.size), "found": int(found.sum())},
        "audio": {
            "of": "upload", "from_s": match.start_s, "to_s": match.end_s, "format": f"16-bit PCM, mono, {SAMPLE_RATE} Hz",
            "bytes": len(span), "sha256": sha256(span).hexdigest(),
        },
        "index_version": upload.index_version if upload else None,
        "rights_version": upload.rights_version if upload else None,
        "decisions": [{name: value for name, value in row.items() if name != "upload"} for row in decisions],
        "picture_sha256": sha256(png).hexdigest(),
    }  # fmt: skip
