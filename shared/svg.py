"""A small deterministic SVG plotter: lines and bars on linear or logarithmic axes, light and dark by CSS.

READMEs and `liner world describe` use it. The same numbers give the same bytes: coordinates are rounded to a tenth of a pixel, and nothing
depends on a font or a clock. Colours are Okabe and Ito's, told apart by people with any kind of colour vision.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = """<style>
text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:15px;font-weight:600}
.paper{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#888}
@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#161b22}.grid{stroke:#30363d}.axis{stroke:#8b949e}}
</style>"""


class Axis(NamedTuple):
    """One axis: its label, whether it is logarithmic, and its limits (None: from the data)."""

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None


class Scale(NamedTuple):
    """A fitted axis: pixels start..end stand for low..high."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value; with a logarithmic scale values must be positive."""
        low, high, value = (
            (math.log10(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values inside the scale: powers of ten, or steps of 1, 2 or 5."""
        if self.log:
            return [10.0**k for k in range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)]
        rough = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
        return [k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def line_plot(title: str, x: Axis, y: Axis, series: dict[str, Sequence[tuple[float, float]]]) -> str:
    """An SVG of one line per series of (x, y) points; a logarithmic axis leaves points at or below zero out."""
    shown = {
        name: [p for p in points if (p[0] > 0 or not x.log) and (p[1] > 0 or not y.log)]
        for name, points in series.items()
    }
    across = _fit(x, [p[0] for points in shown.values() for p in points], LEFT, WIDTH - RIGHT)
    up = _fit(y, [p[1] for points in shown.values() for p in points], HEIGHT - BOTTOM, TOP)
    marks = []
    for index, points in enumerate(shown.values()):
        path = " ".join(f"{across.at(a):.1f},{up.at(b):.1f}" for a, b in points)
        marks.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[index % len(COLOURS)]}" stroke-width="2"/>'
        )
    ticks = [(across.at(value), _label(value)) for value in across.ticks()]
    return _page(title, x, y, up, ticks, marks, list(series) if len(series) > 1 else [])


def bar_plot(title: str, x: str, y: Axis, bars: Sequence[tuple[str, float]]) -> str:
    """An SVG of one bar per (label, value), from zero up."""
    up = _fit(y._replace(low=0.0), [value for _, value in bars], HEIGHT - BOTTOM, TOP)
    step = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    marks, ticks = [], []
    for index, (label, value) in enumerate(bars):
        left, top = LEFT + step * index, up.at(value)
        size = f'width="{step * 0.8:.1f}" height="{HEIGHT - BOTTOM - top:.1f}"'
        marks.append(f'<rect x="{left + step * 0.1:.1f}" y="{top:.1f}" {size} fill="{COLOURS[0]}"/>')
        ticks.append((left + step / 2, label))
    return _page(title, Axis(x), y, up, ticks, marks, [])


def row_plot(title: str, rows: Sequence[tuple[str, float, str]], ours: frozenset[str]) -> str:
    """An SVG of one horizontal bar per (label, value ≥ 0, text at its end), from zero; `ours` are told apart."""
    height, left, right = 24, 200, 96
    longest = max((value for _, value, _ in rows), default=0.0) or 1.0
    marks = []
    for index, (label, value, text) in enumerate(rows):
        top, length = TOP + index * height, value / longest * (WIDTH - left - right)
        colour = COLOURS[0] if label in ours else COLOURS[5]
        marks += [
            f'<text x="{left - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{left}" y="{top + 3}" width="{length:.1f}" height="{height - 6}" fill="{colour}"/>',
            f'<text x="{left + length + 6:.1f}" y="{top + 15}">{escape(text)}</text>',
        ]
    return "\n".join([*_head(title, TOP + len(rows) * height + 12), *marks, "</svg>\n"])


def _head(title: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        STYLE,
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
    ]


def _fit(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """Limits from the axis or the data; a range of one point is widened so that there is a scale."""
    low = min(values, default=1.0) if axis.low is None else axis.low
    high = max(values, default=1.0) if axis.high is None else axis.high
    if high <= low:
        high = low * 10 if axis.log else low + 1
    return Scale(low, high, axis.log, start, end)


def _label(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _page(
    title: str, x: Axis, y: Axis, up: Scale, x_ticks: list[tuple[float, str]], marks: list[str], legend: list[str]
) -> str:
    """Paper, grid, axes, marks and legend as one SVG document."""
    floor, side = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = [
        f'<line class="grid" x1="{LEFT}" x2="{side}" y1="{up.at(v):.1f}" y2="{up.at(v):.1f}"/>' for v in up.ticks()
    ]
    lines += [f'<text x="{LEFT - 6}" y="{up.at(v) + 4:.1f}" text-anchor="end">{_label(v)}</text>' for v in up.ticks()]
    lines += [
        f'<text x="{place:.1f}" y="{floor + 18}" text-anchor="middle">{escape(text)}</text>' for place, text in x_ticks
    ]
    keys = " ".join(
        f'<tspan style="fill:{COLOURS[n % len(COLOURS)]}">{escape(name)}</tspan>' for n, name in enumerate(legend)
    )
    return "\n".join(
        [
            *_head(title, HEIGHT),
            *lines,
            f'<line class="axis" x1="{LEFT}" x2="{side}" y1="{floor}" y2="{floor}"/>',
            *marks,
            f'<text x="{side}" y="37" text-anchor="end">{keys}</text>',  # below the title: names of series are long
            f'<text x="{(LEFT + side) / 2:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x.label)}</text>',
            f'<text transform="translate(14 {(TOP + floor) / 2:.1f}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>',
            "</svg>\n",
        ]
    )
