"""The stream: samples in, events out, in steps of sixteen frames and in memory that does not grow.

Each step: peaks → keys → hits → candidates → verification. A candidate that chance does not explain opens a match (provisional). While it
is open its line is weighed again at each step: it grows (extended), follows a tempo that is not quite constant, and is closed some
seconds after its last evidence. A reference is reported once per span: another alignment of the same reference, as in music that
repeats itself, waits until the first has run out, and then continues the same match.

All state is a function of the steps heard so far; chunks only decide when steps are taken. So any chunking gives the same events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from copyright_detect import score
from copyright_detect.index import Index, Reference
from copyright_detect.keys import UPLOAD_FAN, ZONE_FRAMES, triplets
from copyright_detect.peaks import KEY_BOX, STEP, UPLOAD_BOX, Ints, Landmarks, Peaks
from copyright_detect.records import HOP, SAMPLE_RATE, WINDOW, Event, Match
from copyright_detect.verify import MEMORY, Evidence, Line, best_line, remember, silence
from copyright_detect.vote import Longs, add, candidates, enough, hit_of, no_votes, slope

LAG = KEY_BOX.half_frames
"""Row r of the peaks is frame r − LAG of the upload."""
REMEMBERED = 430
"""Frames (10 s) in which hits vote together."""
CANDIDATES = 24
"""Verified in a step at most."""
STALE = 65
"""Frames (1.5 s) without evidence after which another alignment of the reference may go on."""
FROM_BEGINNING = 65
"""Frames (1.5 s) of a match that a better alignment of all of it may leave out."""
GAP = 172
"""Frames (4 s) without evidence after which a match is closed."""
EVERY = 43
"""Frames (1 s) that a match grows between two `extended` events."""
MOST_OPEN = 64
"""Matches that may be open at a time: more references of one recording than that are not told apart."""
FOLLOW = 3
"""Every so many steps an open match is also tried a frame earlier and later."""
PROMISING = 12.0
"""Nats from which on lines beside a candidate's are tried."""
NONE = np.zeros(0, np.int32)
SURER = 3.0
"""Nats that another tempo or offset must be better by, before a line moves to it."""


@dataclass
class Open:
    """A match while it is open. Rows of the upload."""

    match_id: int
    reference: Reference
    opening: Line
    """The line it began with, at row `first`."""
    first: int
    line: Line
    """The line it goes on with, since row `since`; another than the opening when that ran out."""
    furthest: float
    """The last frame of the catalogue that earlier lines reached."""
    since: int
    last: int
    nats: float
    reported: int


class Detector:
    """Listens to one upload."""

    def __init__(self, index: Index, tolerated: float = score.TOLERATED) -> None:
        self.index, self.tolerated = index, tolerated
        self.landmarks = Landmarks(UPLOAD_BOX, KEY_BOX)
        self.heard = silence()
        self.votes = no_votes()
        self.recent: tuple[Ints, Ints] = (NONE, NONE)  # (rows, bins) of peaks that may still be anchors
        self.open: list[Open] = []
        self.closed: dict[int, int] = {}  # first frame of a reference: row until which it was reported
        self.steps = 0
        self.matches = 0

    def push(self, samples: npt.NDArray[np.float32]) -> list[Event]:
        """Hear more samples (float32, SAMPLE_RATE)."""
        return [event for batch in self.landmarks.push(samples) for event in self._batch(batch)]

    def finish(self) -> list[Event]:
        """The upload is over: hear its end, close what is open."""
        events = [event for batch in self.landmarks.finish() for event in self._batch(batch)]
        return events + [self._event("closed", match) for match in self.open]

    def _batch(self, peaks: Peaks) -> Iterator[Event]:
        """The steps of one batch of peaks. All keys are looked up at once; each hit counts in the step that completed its key."""
        steps = np.arange(self.steps, self.landmarks.rows // STEP + 1)
        frames, catalogue, completed = self._hits(peaks.rows[peaks.asked], peaks.bins[peaks.asked])
        of_peaks, of_hits = np.searchsorted(peaks.rows, steps * STEP), np.searchsorted(completed, steps)
        for mine, hits in zip(pairwise(of_peaks), pairwise(of_hits), strict=True):
            now = (self.steps + 1) * STEP
            remember(self.heard, self.steps, peaks.rows[slice(*mine)], peaks.bins[slice(*mine)])
            add(self.votes, frames[slice(*hits)], catalogue[slice(*hits)], now - REMEMBERED)
            self.steps += 1
            yield from self._go_on(now)
            yield from self._begin(hits[1] - hits[0], now)

    def _hits(self, rows: Ints, bins: Ints) -> tuple[Longs, Longs, Longs]:
        """(rows, frames of the catalogue, steps) of the postings of all keys that new peaks complete, by step."""
        rows, bins = np.concatenate([self.recent[0], rows]), np.concatenate([self.recent[1], bins])
        keys, anchors, lasts = triplets(rows, bins, UPLOAD_FAN, self.steps * STEP)
        young = rows >= self.landmarks.rows - ZONE_FRAMES
        self.recent = rows[young], bins[young]
        which, catalogue = self.index.find(keys)
        steps = lasts[which].astype(np.int64) // STEP
        order = np.argsort(steps, kind="stable")
        return anchors[which[order]].astype(np.int64), catalogue[order], steps[order]

    def _begin(self, new: int, now: int) -> Iterator[Event]:
        """Verify the candidates of a step; open matches, or let them continue open ones."""
        busy = [m.reference for m in self.open if m.last >= now - STALE]
        muted = np.array([(r.first, r.first + r.frames) for r in busy], np.int64).reshape(-1, 2)
        need = enough(self.votes, self.index.frames)
        threshold = score.needed(self.index.frames, self.tolerated)
        for hit in candidates(self.votes, new, need, muted, CANDIDATES):
            at, frame = hit_of(self.votes, hit)
            reference = self.index.at(frame)
            if reference is None or any(m.reference == reference and m.last >= now - STALE for m in self.open):
                continue
            line, found = self._best(reference, Line(float(at), float(frame), slope(self.votes, hit)))
            if found.nats >= threshold:
                yield from self._found(reference, line, found, now)

    def _found(self, reference: Reference, line: Line, found: Evidence, now: int) -> Iterator[Event]:
        """A line that chance does not explain: a new match, or the continuation of one.

        A match on the first chorus began at row 100. A line with evidence from row 130 on takes its place; one from row 800 on, on the
        second chorus, continues it, and `furthest` keeps how far the first was heard.
        """
        nats, first, last = found
        for match in self.open:
            if match.reference == reference:
                if last > match.last:
                    if first <= match.first + FROM_BEGINNING:  # it explains all that was found so far
                        match.opening, match.first, match.furthest = line, first, 0.0
                    else:
                        match.furthest = max(match.furthest, match.line.where(match.last))
                    match.line, match.since, match.last, match.nats = line, first, last, max(match.nats, nats)
                return
        if len(self.open) < MOST_OPEN:
            match = Open(self.matches, reference, line, first, line, 0.0, first, last, nats, now)
            self.matches += 1
            self.open.append(match)
            yield self._event("provisional", match)

    def _best(self, reference: Reference, line: Line) -> tuple[Line, Evidence]:
        """The best of the lines near one: without change of tempo, or with its own; then a little beside the better."""
        best, found = self._better(reference, [line._replace(tempo=1.0), line][: 1 + (line.tempo != 1.0)])
        if found.nats < PROMISING:
            return best, found
        for spread in (0.005, 0.0025, 0.00125):
            tilts, shifts = (0.0, -spread, spread), (0.0, -1.0, 1.0)
            tries = [Line(best.at, best.reference + s, best.tempo + t) for t in tilts for s in shifts]
            best, found = self._better(reference, tries)
        return best, found

    def _better(self, reference: Reference, lines: list[Line]) -> tuple[Line, Evidence]:
        """The line with the most evidence in what is remembered and not reported yet."""
        begin = self.closed.get(reference.first, 0)
        peaks = self.index.stored_peaks(reference.name)
        return best_line(self.heard, self.steps - 1, peaks, lines, begin, SURER)

    def _go_on(self, now: int) -> Iterator[Event]:
        """Weigh the open matches again; extend them or close them."""
        self.closed = {first: row for first, row in self.closed.items() if row > now - MEMORY}
        staying = []
        for match in self.open:
            if self.index.at(match.reference.first) != match.reference:  # removed, or it is another index by now
                yield self._event("closed", match)
                continue
            self._extend(match, now)
            if match.last < now - GAP:
                self.closed[match.reference.first] = match.last + 1
                yield self._event("closed", match)
                continue
            staying.append(match)
            if match.last >= match.reported + EVERY:
                match.reported = match.last
                yield self._event("extended", match)
        self.open = staying

    def _extend(self, match: Open, now: int) -> None:
        """Follow an open match to now."""
        anchor = Line(float(now), match.line.where(now), match.line.tempo)
        tries = [anchor] + [anchor._replace(reference=anchor.reference + shift) for shift in (-1.0, 1.0)]
        line, found = self._better(match.reference, tries if self.steps % FOLLOW == 0 else [anchor])
        if found.nats <= 0.0 or found.last < match.last - STALE:
            return
        opened = match.first == match.since
        if line is not anchor:
            match.line = line._replace(tempo=line.tempo + (line.reference - anchor.reference) / MEMORY)
        if match.since >= now - MEMORY + STALE:  # still remembered: say better where it began
            match.since = found.first
        if opened:
            match.opening, match.first = match.line, match.since
        match.last, match.nats = max(match.last, found.last), max(match.nats, found.nats)

    def _event(self, kind: str, match: Open) -> Event:
        heard = ((self.steps * STEP - 1) * HOP + WINDOW) / SAMPLE_RATE
        return Event(kind, match.match_id, heard, self._match(match), match.reference.recording)  # type: ignore[arg-type]

    def _match(self, match: Open) -> Match:
        """As it is reported."""
        return Match(
            match.reference.name,
            _seconds(match.first - LAG),
            _seconds(match.last - LAG + 1),
            _seconds(match.opening.where(match.first) - match.reference.first),
            _seconds(max(match.line.where(match.last), match.furthest) - match.reference.first + 1),
            round(score.bits(match.nats), 1),
            score.expected_false_alarms(match.nats, self.index.frames),
            round(match.line.tempo, 4),
        )


def _seconds(frame: float) -> float:
    """Of the middle of a frame, to milliseconds."""
    return max(round((frame * HOP + WINDOW / 2) / SAMPLE_RATE, 3), 0.0)
