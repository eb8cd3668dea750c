"""What goes in and what comes out: samples at one rate, matches, and the events of a stream."""

from typing import Literal, NamedTuple

SAMPLE_RATE = 11_025
"""Hz. All audio is mono float32 at this rate: up to 5.5 kHz, where telephones, codecs and loudspeakers leave music whole."""
HOP = 256
"""Samples between two frames of the spectrogram: 43.07 frames a second."""
WINDOW = 1024
"""Samples of one frame: 93 ms, bins 10.8 Hz wide."""
BINS = WINDOW // 2
"""Frequency bins that are used, 0 Hz to Nyquist (the bin at Nyquist itself is left out)."""
FRAMES_PER_SECOND = SAMPLE_RATE / HOP


class Match(NamedTuple):
    """A span of an upload that is a span of a reference. Times in seconds from the beginning of each.

    Of a loop, or a cut from one chorus to another: from where the reference began to the furthest that was heard of it.
    """

    reference: str
    start_s: float
    end_s: float
    ref_start_s: float
    ref_end_s: float
    score: float
    """Evidence in bits above what chance gives at this catalogue's size, as BLAST counts it."""
    expected_false_alarms_per_1000h: float
    """Chance alone gives at most so many matches at least this good in 1,000 hours of upload."""
    tempo: float
    """Seconds of reference per second of upload, as it went on last: 1.05 plays it 5 % faster."""


class Event(NamedTuple):
    """What a detector says while it listens. Of one match: provisional, any number of extended, closed."""

    kind: Literal["provisional", "extended", "closed"]
    match_id: int
    """The same for all events of a match; counts up within an upload."""
    at_s: float
    """Seconds of the upload heard when it was raised."""
    match: Match
    recording: str
    """Which sound its reference was: a name, or a place in the catalogue, is another's in another index."""
