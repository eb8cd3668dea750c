"""Scores of different people on one scale, or whoever listens most wins every vote.

x_u·y_t grows with how much u listens. `share_of_ideal` divides by what the member's own ideal queue would give: 1 is as good as it
gets for this person, whoever it is. `isotonic` learns from outcomes how likely a track of a given share is not skipped: the monotone
step function nearest to what was observed (pool adjacent violators; Zadrozny and Elkan 2002), so the order within a person stays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class Calibration(NamedTuple):
    """Rising shares and the probability at each; between them linear, outside constant."""

    share: Float64
    probability: Float64


def share_of_ideal(scores: Float32, ideal: Float32) -> Float32:
    """Scores float32[members, tracks] as parts of ideal float32[members, 1], at least 0; 1 and a little more for the very best."""
    share: Float32 = np.maximum(scores / ideal, 0).astype(np.float32)
    return share


def isotonic(share: Float64, liked: Float64) -> Calibration:
    """Fit on shares float64[n] and outcomes (1 played on, 0 skipped). Raises ValueError without observations."""
    if not len(share):
        raise ValueError("no observations; expected at least one share with its outcome")
    order = np.argsort(share, kind="stable")
    values: list[list[float]] = []  # blocks: sum of shares, sum of outcomes, count
    for x, y in zip(share[order].tolist(), liked[order].tolist(), strict=True):
        values.append([x, y, 1])
        while len(values) > 1 and values[-2][1] * values[-1][2] >= values[-1][1] * values[-2][2]:
            top = values.pop()
            values[-1] = [a + b for a, b in zip(values[-1], top, strict=True)]
    blocks = np.array(values)
    return Calibration(blocks[:, 0] / blocks[:, 2], blocks[:, 1] / blocks[:, 2])


def probability(share: Float32, calibration: Calibration) -> Float32:
    """The probability of not being skipped, for shares of any shape."""
    return np.interp(share, calibration.share, calibration.probability).astype(np.float32)
