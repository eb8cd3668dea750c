"""The plotter: well-formed, deterministic, and honest about scales."""

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.svg import Axis, Scale, bar_plot, line_plot


def test_a_line_goes_from_corner_to_corner():
    svg = line_plot("A & B", Axis("x"), Axis("y"), {"one": [(0, 0), (10, 5)]})
    root = ElementTree.fromstring(svg)
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line.get("points") == "64.0,312.0 624.0,40.0"
    assert root.get("aria-label") == "A & B"


def test_points_that_a_logarithm_cannot_show_are_left_out():
    svg = line_plot("log", Axis("x", log=True), Axis("y", log=True), {"one": [(0, 1), (1, 1), (10, 0), (100, 100)]})
    line = ElementTree.fromstring(svg).find("{http://www.w3.org/2000/svg}polyline")
    assert len(line.get("points").split()) == 2


@pytest.mark.parametrize("points", [[], [(1, 1)], [(2, 3), (2, 3)]])
def test_next_to_no_data_is_still_a_plot(points):
    assert "nan" not in line_plot("few", Axis("x"), Axis("y"), {"one": points})
    assert "nan" not in bar_plot("few", "x", Axis("y"), [(str(x), y) for x, y in points])


def test_bars_stand_on_zero():
    rects = ElementTree.fromstring(bar_plot("bars", "x", Axis("y"), [("a", 1), ("b", 2), ("b", 4)])).findall(
        "{http://www.w3.org/2000/svg}rect"
    )[1:]
    assert [float(rect.get("height")) for rect in rects] == [68.0, 136.0, 272.0]


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_lie_inside_and_are_few(low, width):
    ticks = Scale(low, low + width, False, 0, 100).ticks() if low + width > low else [low, low]
    assert len(ticks) <= 8
    assert all(low - width * 1e-6 <= tick <= low + width * (1 + 1e-6) for tick in ticks)


@given(st.integers(-8, 8), st.integers(1, 8))
def test_logarithmic_ticks_are_powers_of_ten(power, decades):
    ticks = Scale(10.0**power, 10.0 ** (power + decades), True, 0, 100).ticks()
    assert [round(math.log10(tick)) for tick in ticks] == list(range(power, power + decades + 1))
