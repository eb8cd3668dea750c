"""Names that a search box has to cope with: diacritics, eight scripts, articles, spellings of the stage, one title many times.

All invented from the word banks; each name depends on the named seed and its place alone.
"""

from collections.abc import Sequence

import numpy as np

from shared.world.words import ACTIVITIES, BANKS, MOODS, Bank

STAGE_LETTERS = str.maketrans({"s": "$", "i": "!", "a": "∆", "e": "3", "o": "ø"})
SUFFIXES = (
    " (Live)",
    " (Remix)",
    " - Radio Edit",
    " (Acoustic)",
    " - 2011 Remaster",
    " (Demo)",
    " (Interlude)",
    ", Pt. 2",
)
PLAYLIST_TITLES = 4_096


def _dice(rng: np.random.Generator, rows: int, width: int) -> list[list[int]]:
    """rows × width draws in [0, 2**31): a hundred times cheaper than one Generator call a name."""
    dice: list[list[int]] = rng.integers(0, 1 << 31, (rows, width)).tolist()
    return dice


def artist_names(rng: np.random.Generator, languages: Sequence[str]) -> list[str]:
    """One name for each artist's language; an artist of a language with its own script uses it half the time."""
    return [
        _artist(BANKS[language], dice) for language, dice in zip(languages, _dice(rng, len(languages), 7), strict=True)
    ]


def titles(rng: np.random.Generator, languages: Sequence[str]) -> list[str]:
    """One title for each track's or album's language."""
    return [
        _title(BANKS[language], dice) for language, dice in zip(languages, _dice(rng, len(languages), 7), strict=True)
    ]


def playlist_titles(rng: np.random.Generator, genres: Sequence[str]) -> list[str]:
    """A pool of titles from which playlists take theirs."""
    return [_playlist(dice, genres) for dice in _dice(rng, PLAYLIST_TITLES, 4)]


def _of(words: Sequence[str], die: int) -> str:
    return words[die % len(words)]


def _artist(bank: Bank, dice: list[int]) -> str:
    kind, *rest = dice
    kind %= 100
    if not bank.given and kind % 2:
        bank = BANKS["en"]
    if not bank.given:
        return bank.joint.join(_of(bank.words, die) for die in rest[: 2 + rest[5] % 2])
    given, coined = _of(bank.given, rest[0]), _of(bank.heads, rest[1]) + _of(bank.tails, rest[2])
    first, second = _of(bank.words, rest[3]), _of(bank.words, rest[4])
    if kind < 34:
        return f"{given} {_of(bank.given, rest[4])} {coined}" if rest[5] % 3 == 0 else f"{given} {coined}"
    if kind < 46:
        return f"{bank.the} {first} {coined}s".strip()
    if kind < 66:
        return f"{first} {second}" if first != second and rest[5] % 2 else f"{first} {coined}"
    if kind < 82:
        return coined if rest[5] % 3 else f"{coined} {first}"
    if kind < 90:
        return f"{given} & {bank.the} {second} {coined}s".replace("  ", " ")
    return _stage(coined, first, rest[5])


def _stage(coined: str, word: str, die: int) -> str:
    """Spellings of the stage."""
    spellings = (
        coined.translate(STAGE_LETTERS),
        f"{coined[:2]}/{word[:2]}".upper(),
        coined.upper(),
        f"DJ {coined}",
        "".join(letter for letter in coined if letter.lower() not in "aeiou").upper() + str(die % 90 + 10),
        f"{word}{die % 900 + 100}",
        f"{word.lower()}.{coined.lower()}",
        f"!{word}!",
    )
    return spellings[die // 7 % len(spellings)]


def _title(bank: Bank, dice: list[int]) -> str:
    kind, *rest = dice
    kind %= 100
    if not bank.given and kind % 2:
        bank = BANKS["en"]
    first, second = _of(bank.words, rest[0]), _of(bank.words, rest[1])
    third = _of(bank.words, rest[5])
    name = _of(bank.given or bank.words, rest[2])
    templates = (
        first,
        f"{first}{bank.joint}{second}",
        f"{bank.the} {first}{bank.joint}{second}".strip(),
        f"{name}{bank.joint}{first}",
        f"{first}, {second} & {third}",
        f"{first} {1960 + rest[3] % 67}",
        f"{second}{bank.joint}{first}{bank.joint}{third}",
        f"{first} ({second}{bank.joint}{third})",
        f"{name} & {bank.the} {first}{bank.joint}{second}".replace("  ", " "),
        f"{bank.the} {second}{bank.joint}{name}".strip(),
    )
    title = templates[rest[4] % len(templates)]
    return title + _of(SUFFIXES, rest[3]) if kind < 12 else title


def _playlist(dice: list[int], genres: Sequence[str]) -> str:
    kind, mood, activity, genre = dice
    return (
        f"{_of(MOODS, mood)} {_of(genres, genre)}",
        f"{_of(genres, genre)} for {_of(ACTIVITIES, activity).lower()}",
        f"{_of(ACTIVITIES, activity)} {2019 + mood % 8}",
        f"my {_of(MOODS, mood).lower()} mix",
        f"{_of(MOODS, mood)} {_of(ACTIVITIES, activity)}",
    )[kind % 5]
