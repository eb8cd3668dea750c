"""Searches: what people type, key by key, until they choose a name from the list; with the errors that people make.

The rates are those of recorded misspellings (Birkbeck, codespell, Norvig's list): of single errors 38 % are wrong letters, 34 % left out,
22 % too many, 6 % swapped; the first letter is wrong in 3 of 100. A wrong letter is mostly a key beside the right one or another vowel, a
letter too many mostly a doubled one. One search in five has an error, one in twenty a second; half are seen and taken back at once.
"""

import numpy as np
import pyarrow as pa

from shared.clock import DAY_MS
from shared.world.catalogue import Catalogue
from shared.world.countries import SPAN_END_DAY, SPAN_START_DAY
from shared.world.rng import generator
from shared.world.schema import table
from shared.world.users import Users

BACKSPACE = "⌫"
PER_USER = 3
BESIDE = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl", "p": "ol",
    "a": "qsz", "s": "adw", "d": "sfe", "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli", "l": "kop",
    "z": "xa", "x": "zcs", "c": "xvd", "v": "cbf", "b": "vng", "n": "bmh", "m": "nk",
}  # fmt: skip
VOWELS = "aeiouy"


def searches_table(seed: int, users: Users, catalogue: Catalogue, tables: dict[str, pa.Table]) -> pa.Table:
    """The dataset `searches`: PER_USER a user on average, of artists, tracks and shows by their popularity."""
    rng = generator(seed, "searches")
    count = PER_USER * users.plan.size
    kind = rng.choice(3, count, p=[0.5, 0.4, 0.1])
    names = (tables["artists"]["name"], tables["tracks"]["title"], tables["shows"]["title"])
    weights = (
        np.bincount(catalogue.track_artist, catalogue.track_weight),
        catalogue.track_weight,
        tables["shows"]["followers"].to_numpy(),
    )
    chosen = np.zeros(count, np.int64)
    for which, weight in enumerate(weights):
        at = np.flatnonzero(kind == which)
        chosen[at] = rng.choice(len(weight), at.size, p=weight / weight.sum())
    texts = [column.to_pylist() for column in names]
    wanted = [texts[which][at] for which, at in zip(kind.tolist(), chosen.tolist(), strict=True)]
    pressed = [_press(name, dice) for name, dice in zip(wanted, rng.random((count, 12)).tolist(), strict=True)]
    user = np.sort(rng.integers(0, users.plan.size, count))
    start = np.maximum(users.signed_up[user], SPAN_START_DAY * DAY_MS)
    columns = {
        "search_id": np.arange(count),
        "user_id": user,
        "started_at": start + (rng.random(count) * (SPAN_END_DAY * DAY_MS - start)).astype(np.int64),
        "keys": pressed,
        "typed": [_seen(keys) for keys in pressed],
        "chosen_type": pa.array(np.array(["artist", "track", "show"])[kind]),
        "chosen_id": chosen,
    }
    return table("searches", columns)


def _press(name: str, dice: list[float]) -> str:
    """The keys of one search: a beginning of the name in small letters, at least three, with its errors."""
    name = name.lower()
    length = min(len(name), 3 + int(dice[0] ** 2 * len(name)))
    keys = name[:length]
    for chance, draws in ((0.20, dice[1:6]), (0.05, dice[6:11])):
        if draws[0] < chance and len(keys) > 2:
            keys = mistype(keys, draws[1:], dice[11] < 0.5)
    return keys


def mistype(keys: str, dice: list[float], noticed: bool) -> str:
    """One error, in the first letter in 3 of 100; when it is noticed, a backspace and the right key follow a wrong or an extra one."""
    at = 0 if dice[0] < 0.03 else 1 + int(dice[1] * (len(keys) - 1))
    right, kind = keys[at], dice[2]
    if kind < 0.38:
        wrong = _confused(right, dice[3])
        return keys[:at] + wrong + (BACKSPACE + right if noticed else "") + keys[at + 1 :]
    if kind < 0.72:
        return keys[:at] + keys[at + 1 :]
    if kind < 0.94:
        extra = right if dice[3] < 0.6 else _confused(right, dice[3])
        return keys[: at + 1] + extra + (BACKSPACE if noticed else "") + keys[at + 1 :]
    return keys[:at] + keys[at + 1 : at + 2] + right + keys[at + 2 :]


def _confused(letter: str, die: float) -> str:
    """Another vowel for a vowel half the time, else a key beside it; letters of other keyboards lose themselves to `e`."""
    choices = VOWELS.replace(letter, "") if letter in VOWELS and die < 0.5 else BESIDE.get(letter, "e")
    return choices[int(die * 977) % len(choices)]


def _seen(keys: str) -> str:
    """What stands in the box after all keys."""
    box: list[str] = []
    for key in keys:
        if key != BACKSPACE:
            box.append(key)
        elif box:
            box.pop()
    return "".join(box)


def prefixes(keys: str) -> list[str]:
    """What stood in the box after each key: one request each."""
    return [_seen(keys[:end]) for end in range(1, len(keys) + 1)]
