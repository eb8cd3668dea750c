"""Folding: names as they are searched, `Björk` → `bjork`, `AC/DC` → `acdc`, `P!nk` → `pink`, beside the form that is shown.

People type the plain letters of a name that they have heard. So Latin, Greek and Cyrillic lose their marks, case is folded, punctuation
inside a word is dropped and any other becomes a space. Other scripts stay as they are: a kana's voicing mark or a Hangul syllable is part
of the letter. Everything goes by code points, never bytes: one wrong letter is one edit in any script. A name that folds to nothing
(`!!!`) keeps its own characters.
"""

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Symbols = npt.NDArray[np.uint16]

MAX_KEY = 255
"""Symbols of a name that are searched; longer names keep their display form whole."""

DROPPED = frozenset("./'’‘ʼʻ`´\"“”„!?*#@$%^…­")
"""Punctuation inside names that typists leave out: it vanishes, anything else that is no letter or digit becomes a space."""

SPELLED = {
    "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n",
    "&": " and ", "×": "x", "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ـ": "",
}  # fmt: skip
"""Letters without a decomposition, as they are typed on a keyboard that lacks them."""

_LETTER = r"[^\W\d_]"
_DOLLAR = re.compile(rf"(?<={_LETTER})\$|\$(?={_LETTER})")
_BANG = re.compile(rf"(?<={_LETTER})!(?={_LETTER})")
_PLUS = re.compile(r"(?<= )\+(?= )")
_FIRST_ASTRAL = 0x10000
_SLOTS = range(0xD800, 0xE000)  # UTF-16 surrogates are no letters: free to stand for code points above U+FFFF


class _Table(dict[int, str]):
    """Code point → folded text, filled as code points are met."""

    def __missing__(self, code_point: int) -> str:
        self[code_point] = folded = _fold_character(chr(code_point))
        return folded


def _fold_character(character: str) -> str:
    """Fold one character of an NFC text, whatever its neighbours."""
    decomposed = unicodedata.normalize("NFKD", character)
    if decomposed[0] < "\u0590":  # Latin, Greek, Cyrillic: marks are accents
        decomposed = "".join(part for part in decomposed if not unicodedata.combining(part))
    folded = unicodedata.normalize("NFKC", decomposed).casefold()
    return "".join(SPELLED[part] if part in SPELLED else _fold_plain(part) for part in folded)


def _fold_plain(part: str) -> str:
    """Keep letters, digits and the marks of other scripts; drop or space the rest."""
    category = unicodedata.category(part)
    if part in DROPPED or (category[0] == "C" and not part.isspace()):
        return ""
    if category == "Mn" and unicodedata.combining(part) and not "\u3099" <= part <= "\u309a":
        return "" if part < "\u0900" else part  # Hebrew points, Arabic vowels; Indic and Thai marks are letters
    return part if category[0] in "LNM" else " "


_TABLE = _Table()


def _in_context(text: str) -> str:
    """`$`, `!` and `+` read as the letters they replace where a word surrounds them; the length stays the same."""
    if "$" in text:
        text = _DOLLAR.sub("s", text)
    if "!" in text:
        text = _BANG.sub("i", text)
    return _PLUS.sub("&", text) if "+" in text else text


def normal(text: str) -> str:
    """Unicode's composed form (NFC), in which the index keeps display text; spans count its code points."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """The searched form of a name or of typed text; '' when nothing of it is visible."""
    text = normal(text)
    folded = " ".join(_in_context(text).translate(_TABLE).split())
    return folded[:MAX_KEY].rstrip() if folded else _bare(text)


def _bare(text: str) -> str:
    """The visible characters themselves, for names such as `!!!` that fold to nothing."""
    return " ".join("".join(filter(_visible, text)).casefold().split())[:MAX_KEY].rstrip()


def _visible(part: str) -> bool:
    """Whether a character shows by itself, or parts others."""
    return part.isspace() or (part.isprintable() and not unicodedata.combining(part))


def fold_with_origins(display: str) -> tuple[str, list[int]]:
    """`fold(display)` and, for each of its characters, the index of the display character that it comes from.

    display: in NFC, as the index keeps it.
    """
    pieces = [(piece, at) for at, piece in enumerate(map(_TABLE.__getitem__, map(ord, _in_context(display))))]
    folded, origins = _squeeze((part, at) for piece, at in pieces for part in piece)
    if not folded:
        lowered = ((part, at) for at, part in enumerate(display) if _visible(part))
        folded, origins = _squeeze((part, at) for text, at in lowered for part in text.casefold())
    return folded[:MAX_KEY], origins[:MAX_KEY]


def _squeeze(characters: Iterator[tuple[str, int]]) -> tuple[str, list[int]]:
    """Single spaces inside, none around: what `" ".join(text.split())` does, with the origins kept."""
    folded: list[str] = []
    origins: list[int] = []
    for part, at in characters:
        if part.isspace():
            if not folded or folded[-1] == " ":
                continue
            part = " "
        folded.append(part)
        origins.append(at)
    if folded and folded[-1] == " ":
        folded.pop(), origins.pop()
    return "".join(folded), origins


_UMLAUTS = str.maketrans(dict(zip("äöüøåÄÖÜØÅ", ("ae", "oe", "ue", "oe", "aa") * 2, strict=True)))
_SPOKEN = {"2": "tu", "4": "for", "8": "ate"}


def aliases(display: str, folded: str) -> list[str]:
    """Other folded spellings under which a name is also found: `the beatles` as `beatles`, `2pac` as `tupac`, `ac/dc` as `ac dc`."""
    found = []
    if folded.startswith("the ") and folded != "the the":
        found.append(folded[4:])
    if folded.endswith(" the") and ", " in display:
        found.append("the " + folded[:-4])
    if "/" in display or "." in display:
        found.append(fold(display.replace("/", " ").replace(".", " ")))
    if not display.isascii():
        found.append(fold(normal(display).translate(_UMLAUTS)))
    if folded[0] in _SPOKEN and folded[1:2].isalpha():
        found.append(_SPOKEN[folded[0]] + folded[1:])
    return sorted({alias for alias in found if alias and alias != folded})


def to_symbols(folded: str, slots: dict[int, int] | None = None) -> Symbols:
    """Folded text as one uint16 a code point; those above U+FFFF stand as their slot, or as the last one when they have none."""
    units = np.frombuffer(folded.encode("utf-16-le"), "<u2")
    if len(units) == len(folded):
        return units
    code_points = np.frombuffer(folded.encode("utf-32-le"), "<u4")
    symbols = [(slots or {}).get(int(code), _SLOTS[-1]) if code >= _FIRST_ASTRAL else int(code) for code in code_points]
    return np.frombuffer(np.array(symbols, np.uint16).tobytes(), np.uint16)  # read-only, like the other


def astral_slots(texts: str) -> dict[int, int]:
    """A slot for each code point above U+FFFF in `texts`, in order of code point; the last slot is shared when they run out."""
    astral = sorted(code for code in map(ord, set(texts)) if code >= _FIRST_ASTRAL)
    return {code_point: _SLOTS[min(at, len(_SLOTS) - 1)] for at, code_point in enumerate(astral)}
