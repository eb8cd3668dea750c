"""A card before it is drawn: a list of shapes and lines of text on a canvas of 1080 × 1920. Whoever draws it only follows.

Text is measured here, with the bundled fonts, so both drawings break and cut it at the same letter.
"""

from dataclasses import dataclass, field
from math import cos, pi, sin
from typing import NamedTuple

from wrapped.cards.fonts import fit, width_of

WIDTH, HEIGHT = 1080, 1920
MARGIN = 84
INSIDE = WIDTH - 2 * MARGIN


class Theme(NamedTuple):
    """Colours of a card: ground, the grooves on it, what stands out, what is written."""

    ground: str
    groove: str
    accent: str
    ink: str


class Rings(NamedTuple):
    """Discs around one centre, the largest first, in turn of one colour and the other."""

    x: float
    y: float
    radii: tuple[float, ...]
    fill: str
    between: str


class Box(NamedTuple):
    """A rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str


class Wedge(NamedTuple):
    """A piece of a ring as a polygon."""

    points: tuple[tuple[float, float], ...]
    fill: str


class Text(NamedTuple):
    """One line; `y` is its baseline, `anchor` start, middle or end, `width` what it measures."""

    x: float
    y: float
    text: str
    weight: str
    size: int
    fill: str
    anchor: str
    width: float


Shape = Rings | Box | Wedge | Text


@dataclass
class Card:
    """One card: a short name, what it says to somebody who does not see it, its colours and its shapes from back to front."""

    name: str
    alt: str
    theme: Theme
    shapes: list[Shape] = field(default_factory=list)

    def grooves(self, x: float, y: float, *radii: float) -> None:
        """The record that lies behind every card: rings around (x, y), the ground between them."""
        self.shapes.append(Rings(x, y, radii, self.theme.groove, self.theme.ground))

    def write(
        self,
        text: str,
        y: float,
        size: int,
        *,
        x: float = MARGIN,
        weight: str = "black",
        fill: str = "",
        anchor: str = "start",
        most: float = INSIDE,
    ) -> None:
        """A line of text that is at most `most` pixels wide."""
        line = fit(text, weight, size, most)
        self.shapes.append(Text(x, y, line.text, weight, line.size, fill or self.theme.ink, anchor, line.width))

    def paragraph(
        self, text: str, y: float, size: int, *, weight: str = "black", fill: str = "", leading: float = 1.12
    ) -> float:
        """Words broken into lines; the baseline after the last one."""
        line = ""
        for word in [*text.split(), ""]:
            longer = f"{line} {word}".strip()
            if line and (not word or width_of(longer, weight, size) > INSIDE):
                self.write(line, y, size, weight=weight, fill=fill)
                y += size * leading
                line = word
            else:
                line = longer
        return y


def wedge(x: float, y: float, inner: float, outer: float, start: float, end: float, fill: str) -> Wedge:
    """A piece of the ring around (x, y); angles in turns, clockwise from the top."""
    steps = 6
    turns = [start + (end - start) * step / steps for step in range(steps + 1)]

    def at(radius: float, turn: float) -> tuple[float, float]:
        return round(x + radius * sin(2 * pi * turn), 1), round(y - radius * cos(2 * pi * turn), 1)

    return Wedge(tuple([at(outer, turn) for turn in turns] + [at(inner, turn) for turn in reversed(turns)]), fill)
