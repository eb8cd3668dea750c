"""A listening personality: three questions about the year, each one integer ratio against a printed threshold.

    does it wander?    distinct tracks / plays   ≥ 1/3   many songs, or the same ones again
    is it loyal?       plays of the top 5 / plays ≥ 2/5   five artists carry the year, or many share it
    is it nocturnal?   plays 20:00–06:00 / plays  ≥ 1/2   the night, or the day

Eight answers, eight names. A ratio is compared by cross-multiplication, so no rounding decides who somebody is, and the card can print
the very fraction. Below 50 plays there is too little to say, and nothing is said.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_PLAYS = 50
NOTHING = -1


class Axis(NamedTuple):
    """One question: its two answers, what is divided by the plays, and the threshold as numerator / denominator."""

    yes: str
    no: str
    what: str
    numerator: int
    denominator: int


AXES = (
    Axis("wandering", "repeating", "different tracks", 1, 3),
    Axis("loyal", "open", "plays of the top five artists", 2, 5),
    Axis("by night", "by day", "plays between 20:00 and 06:00", 1, 2),
)

NAMES = (
    ("The Daylight Collector", "Many artists, and the songs that stay, over and over."),
    ("The Midnight Collector", "Many artists, and the songs that stay, after dark."),
    ("The Daylight Devotee", "A few artists, a few songs, all day long."),
    ("The Midnight Devotee", "A few artists, a few songs, deep into the night."),
    ("The Daylight Voyager", "Always another song, always another artist."),
    ("The Midnight Voyager", "Always another song, found while others sleep."),
    ("The Daylight Diver", "A few artists, heard all the way to the bottom."),
    ("The Midnight Diver", "A few artists, heard to the bottom, by night."),
)
"""Name and line, by the number that the three answers make: wandering × 4 + loyal × 2 + nocturnal."""


def personalities(plays: Any, tracks: Any, top_plays: Any, night_plays: Any) -> NDArray[np.int64]:
    """The number 0..7 of each user, -1 when there is too little to say; all arguments int64 [U]."""
    number = np.zeros(len(plays), np.int64)
    for axis, count in zip(AXES, (tracks, top_plays, night_plays), strict=True):
        number = 2 * number + (count * axis.denominator >= plays * axis.numerator)
    return np.where(plays >= LEAST_PLAYS, number, NOTHING)


def formula(plays: int, tracks: int, top_plays: int, night_plays: int) -> list[str]:
    """The three lines that a card prints: `412 different tracks ÷ 1,204 plays ≥ 1/3: wandering`."""
    lines = []
    for axis, count in zip(AXES, (tracks, top_plays, night_plays), strict=True):
        holds = count * axis.denominator >= plays * axis.numerator
        sign, answer = ("≥", axis.yes) if holds else ("<", axis.no)
        lines.append(f"{count:,} {axis.what} ÷ {plays:,} plays {sign} {axis.numerator}/{axis.denominator}: {answer}")
    return lines
