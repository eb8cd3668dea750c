"""Text in any script, from fonts that travel with the package, measured and cut into runs before anything is drawn.

A font holds the scripts it was made for, so a string is cut into runs of one font and one direction. The runs of a right-to-left
stretch are set from the right; inside a run raqm shapes and joins the letters. A character that no bundled font holds becomes `·`,
so that nobody's card ever shows an empty box.
"""

import struct
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont, Layout

FOLDER = Path(__file__).parent.parent / "page" / "fonts"
WEIGHTS = {"black": "inter-display-black.otf", "semibold": "inter-display-semibold.otf"}
SCRIPTS = (
    "noto-sans-arabic-bold.ttf",
    "noto-sans-hebrew-bold.ttf",
    "noto-sans-cjk-bold.otf",
    "noto-sans-thai-bold.ttf",
    "noto-sans-devanagari-bold.ttf",
    "noto-sans-armenian-bold.ttf",
    "noto-sans-georgian-bold.ttf",
    "noto-sans-symbols2.ttf",
)
FALLBACK = "·"
ELLIPSIS = "…"
SMALLEST = 0.74
"""A text that is too wide is set smaller, down to this share of its size, and then cut."""


class Run(NamedTuple):
    """Letters of one font and one direction."""

    text: str
    font: str
    rtl: bool


class Line(NamedTuple):
    """A text as it will be set: the letters (perhaps cut), its size and width in pixels."""

    text: str
    size: int
    width: float


def fit(text: str, weight: str, size: int, most: float) -> Line:
    """The text at `size` if it is no wider than `most` pixels; else smaller; else cut, with an ellipsis."""
    text = clean(text)
    while size > 12 and (width := width_of(text, weight, size)) > most and width * SMALLEST <= most:
        size -= 1
    if width_of(text, weight, size) <= most:
        return Line(text, size, width_of(text, weight, size))
    size = max(12, round(size * SMALLEST))
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if width_of(text[:middle].rstrip() + ELLIPSIS, weight, size) <= most else (low, middle - 1)
        )
    cut = text[:low].rstrip() + ELLIPSIS
    return Line(cut, size, width_of(cut, weight, size))


def width_of(text: str, weight: str, size: int) -> float:
    """Pixels that the text takes."""
    return sum(
        load(run.font, size).getlength(run.text, direction="rtl" if run.rtl else "ltr") for run in runs(text, weight)
    )


def clean(text: str) -> str:
    """As it can be drawn: each unknown character is FALLBACK."""
    return "".join(letter if font_of(letter, "black") else FALLBACK for letter in visible(text))


def visible(text: str) -> str:
    """Composed, on one line, without what is never seen: no control character reaches a file or a terminal."""
    return "".join(
        letter
        for letter in unicodedata.normalize("NFC", " ".join(text.split()))
        if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn") and not "\ufe00" <= letter <= "\ufe0f"
    )


@lru_cache(maxsize=4096)
def runs(text: str, weight: str) -> tuple[Run, ...]:
    """The runs of a cleaned text, from left to right."""
    base = next((strong for letter in text if (strong := _direction(letter)) is not None), False)
    directions = _resolve([_direction(letter) for letter in text], base)
    logical: list[Run] = []
    for letter, rtl in zip(text, directions, strict=True):
        font = font_of(letter, weight) or WEIGHTS[weight]
        neutral = letter == " " or unicodedata.combining(letter)
        if (
            logical
            and logical[-1].rtl == rtl
            and (logical[-1].font == font or (neutral and ord(letter) in codepoints(logical[-1].font)))
        ):
            logical[-1] = logical[-1]._replace(text=logical[-1].text + letter)
        else:
            logical.append(Run(letter, font, rtl))
    return tuple(_visual(logical, base))


def font_of(letter: str, weight: str) -> str | None:
    """The font that holds a letter, None when none does."""
    return next((font for font in (WEIGHTS[weight], *SCRIPTS) if ord(letter) in codepoints(font)), None)


@lru_cache(maxsize=256)
def load(font: str, size: int) -> FreeTypeFont:
    """A bundled font at a size, shaped by raqm."""
    return ImageFont.truetype(FOLDER / font, size, layout_engine=Layout.RAQM)


@lru_cache(maxsize=16)
def codepoints(font: str) -> frozenset[int]:
    """What a font holds, read from its `cmap` table (formats 4 and 12)."""
    data = (FOLDER / font).read_bytes()
    directory = range(12, 12 + 16 * struct.unpack(">H", data[4:6])[0], 16)
    offset = next(struct.unpack(">I", data[at + 8 : at + 12])[0] for at in directory if data[at : at + 4] == b"cmap")
    cmap = data[offset:]
    found: set[int] = set()
    for record in range(struct.unpack(">H", cmap[2:4])[0]):
        table = cmap[struct.unpack(">I", cmap[8 + 8 * record : 12 + 8 * record])[0] :]
        kind = struct.unpack(">H", table[:2])[0]
        if kind == 4:
            count = struct.unpack(">H", table[6:8])[0] // 2
            ends = struct.unpack(f">{count}H", table[14 : 14 + 2 * count])
            starts = struct.unpack(f">{count}H", table[16 + 2 * count : 16 + 4 * count])
            for start, end in zip(starts, ends, strict=True):
                found.update(range(start, end + 1))
        elif kind == 12:
            for group in range(struct.unpack(">I", table[12:16])[0]):
                start, end = struct.unpack(">II", table[16 + 12 * group : 24 + 12 * group])
                found.update(range(start, end + 1))
    return frozenset(found - {0xFFFF})


def _direction(letter: str) -> bool | None:
    """True for right to left, False for left to right, None for a letter that takes its neighbours' direction."""
    kind = unicodedata.bidirectional(letter)
    return True if kind in ("R", "AL") else False if kind in ("L", "EN", "AN") else None


def _resolve(directions: list[bool | None], base: bool) -> list[bool]:
    """Neutral letters between two of one direction take it, others the text's."""
    resolved: list[bool] = []
    for at, direction in enumerate(directions):
        before = resolved[-1] if resolved else base
        after = next((later for later in directions[at:] if later is not None), base)
        resolved.append(direction if direction is not None else before if before == after else base)
    return resolved


def _visual(logical: list[Run], base: bool) -> list[Run]:
    """Runs in the order of reading → from left to right: stretches of the other direction are turned round."""
    stretches: list[list[Run]] = []
    for run in logical:
        if stretches and stretches[-1][0].rtl == run.rtl:
            stretches[-1].append(run)
        else:
            stretches.append([run])
    ordered = [stretch[::-1] if stretch[0].rtl else stretch for stretch in (stretches[::-1] if base else stretches)]
    return [run for stretch in ordered for run in stretch]
