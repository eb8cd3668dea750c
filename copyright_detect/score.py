"""What a score means: how many matches this good would chance bring in a thousand hours, at most?

The evidence of an alignment is the largest sum of log-likelihood ratios over a segment, as in local alignment of sequences without
gaps, and the largest such sum by chance has a known law (Karlin & Altschul 1990, the E-value of BLAST): among M frames of catalogue
and N frames of upload, E = K · M · N · exp(−λ · sum) segments reach it. λ is 1 when the likelihoods are right and the trials
independent, and so it was found: over music that is not in the catalogue, chance matches fall by e with each nat. K is far below 1
because only what three hits voted for is ever weighed; it was fitted on real tracks under real speech, against other real tracks.
`evaluate` prints both sides, the matches expected at each level and those seen.
"""

import math

from copyright_detect.records import FRAMES_PER_SECOND

LAMBDA = 1.0
LOG_K = -10.4
PER_FRAMES = 1000 * 3600 * FRAMES_PER_SECOND
"""Frames of 1,000 hours of upload."""
TOLERATED = 1.0
"""False alarms in 1,000 hours that a match may be expected to have, and still be reported."""


def bits(evidence: float) -> float:
    """The bit score of a sum in nats: E = M · N · 2^−bits."""
    return (LAMBDA * evidence - LOG_K) / math.log(2)


def expected_false_alarms(evidence: float, catalogue_frames: int) -> float:
    """At most so many segments are at least this good by chance, in 1,000 hours against a catalogue of so many frames."""
    return catalogue_frames * PER_FRAMES * math.exp(max(LOG_K - LAMBDA * evidence, -690.0))


def needed(catalogue_frames: int, tolerated: float = TOLERATED) -> float:
    """The evidence in nats at which the expected false alarms fall to what is tolerated."""
    return (math.log(max(catalogue_frames, 1) * PER_FRAMES / tolerated) + LOG_K) / LAMBDA
