"""Folding, and a table of spellings that a search box has to cope with."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.folding import MAX_KEY, aliases, astral_slots, fold, fold_with_origins, normal, to_symbols
from tests.autocomplete.by_hand import suggester_of

TABLE = [line.split("\t") for line in (Path(__file__).parent / "spellings.tsv").read_text().splitlines()]
SPELLINGS = [(typed, name) for name, spellings in TABLE for typed in spellings.split("|")]


@pytest.fixture(scope="module")
def suggester(tiny_world):
    """The names of the table among those of a world, at random ranks."""
    others = tiny_world.dataset("artists").table()["name"].to_pylist()
    texts = [name for name, _ in TABLE] + others
    weights = np.random.default_rng(np.random.SeedSequence(3)).permutation(len(texts)) + 1.0
    return suggester_of(*zip(texts, weights.tolist(), strict=True))


def test_the_table_is_long_enough():
    assert len(SPELLINGS) >= 300
    assert len(set(SPELLINGS)) == len(SPELLINGS)


@pytest.mark.parametrize(("typed", "name"), SPELLINGS)
def test_every_spelling_finds_its_name_in_the_first_three(suggester, typed, name):
    found = [suggestion.text for suggestion in suggester.suggest(typed).suggestions[:3]]
    assert normal(name) in found, found


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Björk", "bjork"),
        ("Bjo\u0308rk", "bjork"),  # decomposed
        ("AC/DC", "acdc"),
        ("P!nk", "pink"),
        ("Wham!", "wham"),
        ("Ke$ha", "kesha"),
        ("$100", "100"),
        ("!!!", "!!!"),
        ("? and the Mysterians", "and the mysterians"),
        ("Straße", "strasse"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("が", "が"),
        ("か\u3099", "が"),  # a kana and its voicing mark are one letter
        ("\u1100\u1161\u11a8", "각"),  # jamo
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("a\u0000b", "ab"),
        ("  two   words ", "two words"),
        ("M.I.A.", "mia"),
        ("R&B", "r and b"),
        ("Z̸̢͕a̴l̷g̸o̴", "zalgo"),
        ("👩‍🎤 singer", "singer"),
        ("👩‍🎤", "👩🎤"),
        ("\u202eabc", "abc"),  # a bidi override
        ("\ud800x", "x"),  # a lone surrogate
        ("\u0301", ""),  # a combining mark alone
        ("\u0000", ""),
        ("", ""),
        ("   ", ""),
    ],
)
def test_folding(text, folded):
    assert fold(text) == folded


@given(st.text())
@settings(max_examples=500, deadline=None)
def test_folding_again_changes_nothing_and_origins_point_into_the_text(text):
    folded = fold(text)
    assert len(folded) <= MAX_KEY
    assert folded == " ".join(folded.split())
    again, origins = fold_with_origins(normal(text))
    assert again == folded
    assert origins == sorted(origins)
    assert all(0 <= at < len(normal(text)) for at in origins)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@settings(max_examples=300, deadline=None)
def test_symbols_are_one_for_each_code_point(text):
    folded = fold(text)
    slots = astral_slots(folded)
    symbols = to_symbols(folded, slots)
    assert len(symbols) == len(folded)
    assert len(set(symbols.tolist())) == len(set(folded))


def test_names_that_share_the_last_slot_are_all_found():
    many = [chr(0x20000 + n) for n in range(2_050)]
    names = suggester_of(
        *((letter, 1) for letter in many), *((letter + end, 9) for letter in many[-2:] for end in "xy")
    )
    for letter in many[-2:]:
        for end in "xy":
            assert letter + end in [line.text for line in names.suggest(letter + end).suggestions]


def test_unseen_astral_letters_match_nothing_of_the_index():
    slots = astral_slots("🎤")
    assert to_symbols("🎤", slots)[0] != to_symbols("🎸", slots)[0]


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ("The Beatles", ["beatles"]),
        ("Beatles, The", ["the beatles"]),
        ("AC/DC", ["ac dc"]),
        ("2Pac", ["tupac"]),
        ("Motörhead", ["motoerhead"]),
        ("The The", []),
        ("Muse", []),
    ],
)
def test_aliases(display, expected):
    assert aliases(display, fold(display)) == expected
