"""The index of references: immutable segments, memory-mapped, and one manifest that says which of them count.

Each reference gets a range of one long line of frames, the catalogue, for good. A posting is one number on that line: four bytes say
both which reference and where in it. A segment holds the postings of some references sorted by key, behind a table of buckets, and their
peaks. An addition writes a segment aside and renames the manifest; a removal only renames the manifest. So readers never wait, and see
either before or after. When a segment has become as large as half of the one before it, the two are merged: their number stays
logarithmic, and as no reference ever moves, not even when it is added again, whoever is matching at that moment need not notice.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from copyright_detect.keys import REFERENCE_FAN, Keys, triplets
from copyright_detect.peaks import REFERENCE_BOX, Flags, Ints, Landmarks, Peaks, Powers
from copyright_detect.records import BINS, HOP, SAMPLE_RATE
from copyright_detect.verify import StoredPeaks
from copyright_detect.vote import Longs
from shared.errors import BadInput, LinerError, NotFound
from shared.lake import write_json

FORMAT = 1
SHORTEST_S = 3.0
"""Less cannot be told from chance."""
FEWEST_PEAKS = 3
"""Of a reference: a key takes three."""
APART = 64
"""Frames between two references on the line of the catalogue."""
CATALOGUE = (1 << 32) - 1
"""Frames that a posting can name: 27,700 hours."""
MOST_POSTINGS = 64
"""Postings of one key that are kept, the first ones: a loop that repeats all day has thousands."""
LOUDNESS_FRAMES = 215
"""5 s, in which and beside which a peak's loudness is compared."""
LOUDNESS_BINS = 64
FAINTEST = np.float32(1e-4)
ARRAYS = ("peak_starts", "peak_frames", "peak_bins", "buckets", "checks", "postings")

Frames = npt.NDArray[np.uint32]
Bins = npt.NDArray[np.uint16]
Blocks = npt.NDArray[np.float32] | Iterable[npt.NDArray[np.float32]]


class Reference(NamedTuple):
    """Where a reference lies in the catalogue: frames [first, first + frames)."""

    name: str
    first: int
    frames: int
    samples: int
    source: str | None
    recording: str = ""
    """Hash of its peaks and length: the same in every index and under every name. Empty in checkpoints from before it was kept."""


@dataclass(frozen=True)
class Segment:
    """Some references, their peaks and their postings."""

    name: str
    references: tuple[Reference, ...]
    peak_starts: npt.NDArray[np.int64]  # (references + 1,)
    peak_frames: Frames  # (peaks,) frames of the catalogue
    peak_bins: Bins  # (peaks,)
    buckets: npt.NDArray[np.uint32]  # (buckets + 1,) where the postings of a bucket begin: keys by their high bits
    checks: npt.NDArray[np.uint16]  # (postings,) the low bits of the key
    postings: npt.NDArray[np.uint32]  # (postings,) frame of the anchor in the catalogue

    def peaks(self, number: int) -> StoredPeaks:
        """(frames of the catalogue, bins) of a reference, by its number in the segment."""
        span = slice(self.peak_starts[number], self.peak_starts[number + 1])
        return self.peak_frames[span], self.peak_bins[span]


class Index:
    """What a detector asks: a snapshot of the segments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = ""
        self.segments: tuple[Segment, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Take up additions and removals; True if there were any."""
        for _ in range(20):  # a writer may take a segment away between our two reads
            text = _read_manifest(self.path)
            version = hashlib.sha256(text).hexdigest()[:12]
            if version == self.version:
                return False
            try:
                manifest = json.loads(text)
                known = {segment.name: segment for segment in self.segments}
                segments = tuple(known.get(name) or _open_segment(self.path, name) for name in manifest["segments"])
            except FileNotFoundError:
                continue
            self._take(segments, manifest, version)
            return True
        raise LinerError(f"{self.path}: its segments change faster than they can be opened; try again")

    def _take(self, segments: tuple[Segment, ...], manifest: dict[str, Any], version: str) -> None:
        self.segments, self.version = segments, version
        self._live = list(_living(segments, set(manifest["removed"])))
        self._firsts = np.array([reference.first for reference, _, _ in self._live], np.int64)
        self._by_name = {entry[0].name: entry for entry in self._live}
        self.frames = sum(reference.frames for reference, _, _ in self._live)

    @property
    def references(self) -> list[str]:
        """The names, sorted."""
        return sorted(self._by_name)

    def find(self, keys: Keys) -> tuple[Longs, Longs]:
        """(which key, frame of the catalogue) of every posting of some keys; by segment, then key."""
        nothing = np.zeros((2, 0), np.int64)
        found = [np.stack(_find(each.buckets, each.checks, each.postings, keys)) for each in self.segments]
        which, frames = np.concatenate([nothing, *found], axis=1)
        return which, frames

    def at(self, frame: int) -> Reference | None:
        """The reference at a frame of the catalogue, unless it was removed."""
        place = int(np.searchsorted(self._firsts, frame, "right")) - 1
        if place < 0:
            return None
        reference = self._live[place][0]
        return reference if frame < reference.first + reference.frames else None

    def stored_peaks(self, name: str) -> StoredPeaks:
        """(frames of the catalogue, bins) of a reference, as they lie in the segment."""
        _, segment, number = self._entry(name)
        return segment.peaks(number)

    def peaks(self, name: str) -> tuple[Ints, Ints]:
        """(frames from the reference's beginning, bins) of its stored peaks."""
        return _from_beginning(self.reference(name), *self.stored_peaks(name))

    def reference(self, name: str) -> Reference:
        """The record of a name; NotFound when there is none."""
        return self._entry(name)[0]

    def _entry(self, name: str) -> tuple[Reference, Segment, int]:
        if name not in self._by_name:
            raise NotFound(f"{self.path}: no reference {name!r}; it has {', '.join(self.references[:5]) or 'none'} …")
        return self._by_name[name]


def _living(segments: Iterable[Segment], removed: set[int]) -> Iterator[tuple[Reference, Segment, int]]:
    """(reference, its segment, its number in it) of all that were not removed, by place."""
    for segment in segments:
        for number, reference in enumerate(segment.references):
            if reference.first not in removed:
                yield reference, segment, number


def open_index(path: str | Path) -> Index:
    """The index in a folder; NotFound when there is none."""
    return Index(Path(path))


def add_references(
    path: str | Path, references: Iterable[tuple[str, Blocks]], sources: dict[str, str] | None = None
) -> list[str]:
    """Index audio (mono float32 at SAMPLE_RATE, whole or in blocks) under names; a name that exists, or comes twice, is replaced.

    Creates the index. All become visible at once. A recording that is there already stays where it is, so that no match on it ends
    and no evidence loses it. Returns one line for each reference that was refused.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    with _writing(folder) as manifest:
        parts, refused = dict[str, Part](), list[str]()
        segments = [_open_segment(folder, name) for name in manifest["segments"]]
        known = {reference.name: reference for reference, _, _ in _living(segments, set(manifest["removed"]))}
        for name, audio in references:
            try:
                part = analyse(name, audio, manifest["next"], (sources or {}).get(name))
            except BadInput as error:
                refused.append(str(error))
                continue
            parts.pop(name, None)  # in a segment, places ascend
            if name not in known or known[name] != part[0]._replace(first=known[name].first):
                manifest["next"] = part[0].first + part[0].frames + APART
                parts[name] = part
        if parts:
            manifest["removed"] += [known[name].first for name in parts if name in known]
            manifest["segments"].append(_write_segment(folder, list(parts.values())))
            _merge(folder, manifest)
    return refused


def remove_reference(path: str | Path, name: str) -> None:
    """Take a reference out; NotFound when there is none of that name."""
    open_index(path).reference(name)
    with _writing(Path(path)) as manifest:
        manifest["removed"].append(open_index(path).reference(name).first)


def audible(rows: Ints, bins: Ints, power: Powers) -> Flags:
    """Which peaks can survive under a voice: those not 40 dB under the loudest of their band within some seconds.

    The noise between the sounds of a sparse recording has peaks too; stored, they would only be missed.
    """
    block, band = rows // LOUDNESS_FRAMES + 1, bins // LOUDNESS_BINS
    loudest = np.zeros((int(block.max(initial=0)) + 2, BINS // LOUDNESS_BINS), np.float32)
    np.maximum.at(loudest, (block, band), power)
    around = np.maximum(np.maximum(loudest[block - 1, band], loudest[block, band]), loudest[block + 1, band])
    kept: Flags = power >= FAINTEST * around
    return kept


def _from_beginning(reference: Reference, frames: Frames, bins: Bins) -> tuple[Ints, Ints]:
    return (frames - np.uint32(reference.first)).astype(np.int32), bins.astype(np.int32)


Part = tuple[Reference, Frames, Bins]


def analyse(name: str, audio: Blocks, first: int, source: str | None) -> Part:
    """A reference at its place in the catalogue, with its peaks; BadInput when it is too short or silent."""
    landmarks = Landmarks(REFERENCE_BOX, REFERENCE_BOX)
    found: list[Peaks] = []
    samples = 0
    for block in [audio] if isinstance(audio, np.ndarray) else audio:
        samples += len(block)
        found += landmarks.push(block)
    found += landmarks.finish()
    if samples < SHORTEST_S * SAMPLE_RATE:
        raise BadInput(f"{name}: {samples / SAMPLE_RATE:.1f} s; a reference has at least {SHORTEST_S:.0f} s")
    rows, bins, _, power = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    loud = audible(rows, bins, power)
    rows, bins = rows[loud], bins[loud]
    if len(rows) < FEWEST_PEAKS:
        raise BadInput(f"{name}: silent, or one steady tone; there is nothing to know it by")
    frames = -(-samples // HOP)
    if first + frames > CATALOGUE:
        raise BadInput(f"{name}: the index is full ({CATALOGUE:,} frames were ever given out); build a new one")
    at = (rows.astype(np.int64) - REFERENCE_BOX.half_frames + first).astype(np.uint32)
    recording = hashlib.sha256(b"%d " % samples + rows.tobytes() + bins.tobytes()).hexdigest()[:16]
    return Reference(name, first, frames, samples, source, recording), at, bins.astype(np.uint16)


def _write_segment(folder: Path, parts: list[Part]) -> str:
    """Write a segment aside and name it by its content."""
    keys, anchors = [], []
    for reference, frames, bins in parts:
        key, anchor, _ = triplets(*_from_beginning(reference, frames, bins), REFERENCE_FAN, 0)
        keys.append(key)
        anchors.append(anchor.astype(np.uint32) + np.uint32(reference.first))
    key, anchor = np.concatenate(keys), np.concatenate(anchors)
    order = np.lexsort((anchor, key))
    key, anchor = key[order], anchor[order]
    begin = np.searchsorted(key, key)  # of the run of equal keys
    few = np.arange(len(key)) - begin < MOST_POSTINGS
    key, anchor = key[few], anchor[few]
    bits = max(int(len(key) // 4).bit_length(), 4)  # two to four postings a bucket
    arrays = {
        "peak_starts": np.cumsum([0, *(len(frames) for _, frames, _ in parts)]),
        "peak_frames": np.concatenate([frames for _, frames, _ in parts]),
        "peak_bins": np.concatenate([bins for _, _, bins in parts]),
        "buckets": np.searchsorted(key >> np.uint32(32 - bits), np.arange((1 << bits) + 1)).astype(np.uint32),
        "checks": key.astype(np.uint16),
        "postings": anchor,
    }
    digest = hashlib.sha256(json.dumps([part[0] for part in parts]).encode())
    for array in arrays.values():
        digest.update(array.tobytes())
    name = f"segment-{digest.hexdigest()[:16]}"
    aside = folder / f"{name}.tmp"
    aside.mkdir(exist_ok=True)
    for array_name, array in arrays.items():
        np.save(aside / f"{array_name}.npy", array)
    (aside / "references.json").write_text(json.dumps([part[0]._asdict() for part in parts]))
    for file in aside.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    shutil.rmtree(folder / name, ignore_errors=True)
    aside.rename(folder / name)
    return name


def _merge(folder: Path, manifest: dict[str, Any]) -> None:
    """Merge the last segments while one is at least half as large as the one before it; drops what was removed."""
    names = manifest["segments"]
    while len(names) > 1:
        last, before = _open_segment(folder, names[-1]), _open_segment(folder, names[-2])
        if 2 * len(last.postings) < len(before.postings):
            break
        removed = set(manifest["removed"])
        parts = [(reference, *segment.peaks(number)) for reference, segment, number in _living((before, last), removed)]
        manifest["removed"] = sorted(removed - {r.first for s in (before, last) for r in s.references})
        names[-2:] = [_write_segment(folder, parts)] if parts else []


def _open_segment(folder: Path, name: str) -> Segment:
    place = folder / name
    rows = json.loads((place / "references.json").read_text())
    # a row from before recordings were hashed is known by its place
    references = tuple(Reference(**{"recording": f"{name} {row['first']}"} | row) for row in rows)
    return Segment(name, references, *(np.asarray(np.load(place / f"{array}.npy", mmap_mode="r")) for array in ARRAYS))


@contextmanager
def _writing(folder: Path) -> Iterator[dict[str, Any]]:
    """The manifest, to be changed by one writer at a time; renamed into place at the end, and what it no longer names is deleted."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        empty: dict[str, Any] = {"format": FORMAT, "next": 0, "segments": [], "removed": []}
        manifest = json.loads(_read_manifest(folder)) if (folder / "manifest.json").exists() else empty
        yield manifest
        write_json(folder / "manifest.json", manifest)
        for old in folder.glob("segment-*"):
            if old.name not in manifest["segments"]:
                shutil.rmtree(old, ignore_errors=True)


def _read_manifest(folder: Path) -> bytes:
    if not (folder / "manifest.json").is_file():
        raise NotFound(f"{folder}: no index here; make one with `liner copyright-detect index DIR --db {folder}`")
    text = (folder / "manifest.json").read_bytes()
    if json.loads(text).get("format") != FORMAT:
        raise BadInput(f"{folder}/manifest.json: another format; index the references again")
    return text


@numba.njit(cache=True, nogil=True)
def _find(buckets: Frames, checks: Bins, postings: Frames, keys: Keys) -> tuple[Longs, Longs]:
    """Three loops without a branch that depends on memory, so that the processor fetches many buckets at a time: five times as fast."""
    shift, size = 32, len(buckets) - 1
    while size > 1:
        shift, size = shift - 1, size >> 1
    begins, ends, total = np.empty(len(keys), np.uint32), np.empty(len(keys), np.uint32), 0
    for i in range(len(keys)):
        bucket = keys[i] >> np.uint32(shift)
        begins[i], ends[i] = buckets[bucket], buckets[bucket + 1]
        total += ends[i] - begins[i]
    asking, places, count = np.empty(total, np.int32), np.empty(total, np.uint32), 0
    for i in range(len(keys)):
        for place in range(begins[i], ends[i]):
            asking[count], places[count] = i, place
            count += 1
    met = 0
    for i in range(count):
        same = checks[places[i]] == np.uint16(keys[asking[i]] & np.uint32(0xFFFF))
        asking[met], places[met] = asking[i], places[i]
        met += same
    which, catalogue = np.empty(met, np.int64), np.empty(met, np.int64)
    for i in range(met):
        which[i], catalogue[i] = asking[i], postings[places[i]]
    return which, catalogue
