"""Somebody's own files: a folder becomes an index, uploads are held against it, and a match, or its absence, is explained."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from copyright_detect import score
from copyright_detect.audio import decode, show
from copyright_detect.detector import Detector
from copyright_detect.index import Index, Reference, add_references, open_index
from copyright_detect.peaks import Ints, Peaks
from copyright_detect.records import FRAMES_PER_SECOND, SAMPLE_RATE, Event, Match
from copyright_detect.rights import Rights, action_of, decide
from copyright_detect.verify import Evidence, Line
from copyright_detect.vote import CELL, Longs
from shared.errors import BadInput
from shared.output import progress

FAINT = 1e9
"""False alarms in 1,000 hours at which `explain` still calls something an alignment."""


def index_folder(folder: str | Path, db: str | Path, but: Sequence[Path] = ()) -> list[str]:
    """Index every file under a folder, by its name; returns one line for each file that could not be used.

    BadInput when the folder has no files, or none of them is a usable recording.
    """
    root = Path(folder)
    if not root.is_dir():
        raise BadInput(f"{show(root)}: no such folder; expected one with the references' audio files")
    spared = {path.resolve() for path in [*but, Path(db)]}
    files = [f for f in sorted(root.rglob("*")) if f.is_file() and not spared & {f.resolve(), *f.resolve().parents}]
    names = reference_names(root, files)
    sources = {name: show(file.resolve()) for name, file in names.items()}
    pairs = ((name, decode(file)) for name, file in progress(list(names.items()), "index"))
    refused = add_references(db, pairs, sources)
    if len(refused) == len(files):
        raise BadInput(refused[0] if refused else f"{show(root)}: no files in it; expected the references' audio files")
    return refused


def reference_names(root: Path, files: Sequence[Path]) -> dict[str, Path]:
    """A name for each file: its own, or its path below the folder where two share one."""
    names: dict[str, Path] = {}
    shared = {name for name in (file.name for file in files) if sum(file.name == name for file in files) > 1}
    for file in files:
        name = show(file.relative_to(root) if file.name in shared else file.name)
        while name in names:  # bytes that are not UTF-8 may read alike
            name += "_"
        names[name] = file
    return names


def scan_file(index: Index, path: str | Path, rights: Rights, licensee: str, day: date) -> dict[str, Any]:
    """One file's row of the report: its closed matches in order of time; `error` says why hearing it failed, or ended early."""
    error, found = None, []
    detector = Detector(index)
    try:
        for samples in decode(path):
            found += detector.push(samples)
    except BadInput as problem:
        error = str(problem)
    matches = [event.match for event in found + detector.finish() if event.kind == "closed"]
    matches.sort(key=lambda match: (match.start_s, match.reference))
    decisions = decide(matches, rights, licensee, day)
    rows = [_row(match) | {"action": action_of(decisions, match.reference)} for match in matches]
    return {"file": show(path), "error": error, "matches": rows}


def _row(match: Match) -> dict[str, Any]:
    return {name: value for name, value in match._asdict().items() if name != "tempo"}


class Tracer(Detector):
    """A detector that counts peaks and keeps, of the hits on one reference, by how many frames they are apart."""

    def __init__(self, index: Index, reference: Reference) -> None:
        super().__init__(index, FAINT)
        self.of, self.peaks, self.offsets = reference, 0, [np.zeros(0, np.int64)]

    def _batch(self, peaks: Peaks) -> Iterator[Event]:
        self.peaks += len(peaks.rows)
        return super()._batch(peaks)

    def _hits(self, rows: Ints, bins: Ints) -> tuple[Longs, Longs, Longs]:
        found = super()._hits(rows, bins)
        ours = (found[1] >= self.of.first) & (found[1] < self.of.first + self.of.frames)
        self.offsets.append(found[1][ours] - found[0][ours])
        return found

    def _found(self, reference: Reference, line: Line, found: Evidence, now: int) -> Iterator[Event]:
        if reference == self.of:  # so faint, strangers would take all places
            yield from super()._found(reference, line, found, now)


def explain(path: str | Path, reference: str, db: str | Path) -> dict[str, Any]:
    """Why a file matches a reference, or why not: hits and how many chance brings, the best alignment, and what it lacks."""
    index = open_index(db)
    found = index.reference(reference)
    detector, tracer = Detector(index), Tracer(index, found)
    surely, faintly, samples = list[Event](), list[Event](), 0
    for block in decode(path):
        samples += len(block)
        surely += detector.push(block)
        faintly += tracer.push(block)
    sure = _best(surely + detector.finish(), reference)
    best = sure or _best(faintly + tracer.finish(), reference)
    offsets = np.concatenate(tracer.offsets)
    crowd = int(np.unique(offsets >> CELL, return_counts=True)[1].max(initial=0))  # that agree, to eight frames
    return {
        "file": show(path),
        "reference": reference,
        "seconds": round(samples / SAMPLE_RATE, 3),
        "peaks_per_second": round(tracer.peaks / max(samples, 1) * SAMPLE_RATE, 1),
        "reference_peaks_per_second": round(len(index.peaks(reference)[0]) / found.frames * FRAMES_PER_SECOND, 1),
        "hits": len(offsets),
        "hits_on_one_line": crowd,
        "bits_needed": round(score.bits(score.needed(index.frames)), 1),
        "best": None if best is None else best._asdict(),
        "matches": sure is not None,
        "because": _because(best, sure is not None, crowd, tracer.peaks, index),
    }


def _best(events: list[Event], reference: str) -> Match | None:
    """The match of a reference with the highest score."""
    closed = [event.match for event in events if event.kind == "closed" and event.match.reference == reference]
    return max(closed, key=lambda match: match.score, default=None)


def _because(best: Match | None, matches: bool, crowd: int, peaks: int, index: Index) -> str:
    """The reason in a sentence."""
    if not peaks:
        return "the upload is silent, or one steady tone: it has no peaks"
    if best is None:
        return f"no alignment of it stands out: at most {crowd} hits agree on one offset, which chance brings too"
    need = score.bits(score.needed(index.frames))
    upload, of_it = f"{best.start_s:.1f}–{best.end_s:.1f} s", f"{best.ref_start_s:.1f}–{best.ref_end_s:.1f} s"
    span = f"{upload} of the upload are {of_it} of it"
    chance = f"at most {best.expected_false_alarms_per_1000h:.2g} such alignments per 1,000 h by chance"
    if matches:
        return f"{span}: {best.score:.1f} bits, {need:.1f} needed; {chance}"
    return f"the best alignment, {span}, is not enough: {best.score:.1f} bits, {need:.1f} needed; {chance}"


def print_scan(report: dict[str, Any]) -> None:
    """The report for a person."""
    for row in report["files"]:
        print(f"{row['file']}" + (f"  {row['error']}" if row["error"] else "" if row["matches"] else "  nothing found"))
        for match in row["matches"]:
            span = f"{match['start_s']:8.1f} – {match['end_s']:7.1f} s  {match['reference']} from {match['ref_start_s']:.1f} s"
            odds = f"{match['score']:.0f} bits, {match['expected_false_alarms_per_1000h']:.1g} false alarms per 1,000 h"
            print(f"  {span}  {odds}  {match['action']}")


def scan(files: Sequence[Path], db: Path, rights: Rights, licensee: str, day: date) -> Iterator[dict[str, Any]]:
    """The rows of a report, file by file; licensee: the show they are of, for its licences."""
    index = open_index(db)
    for file in progress(files, "scan"):
        yield scan_file(index, file, rights, licensee, day)
