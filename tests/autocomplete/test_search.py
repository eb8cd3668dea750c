"""Best-first search gives exactly what reading every term gives."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.edits import CLOSE_PENALTY, complete_bonus, edits_allowed
from autocomplete.folding import to_symbols
from autocomplete.search import ID, NO_FLOOR, REFUSED, SCORE, USED, best_first, workspace
from autocomplete.trie import build_from_text
from autocomplete.words import BY_NAME, WORD_START_PENALTY, build, by_word_start
from tests.autocomplete import oracle

WORK = workspace()
PAIRS = 10_000
CORPORA = 400
ALPHABETS = ("ab", "abc ", "aeiou st", "qwertyuiop", "abcdefghijklmnopqrstuvwxyz ", "あいう星 ab")


def frozen(scores):
    """Scores as an index holds them."""
    scores = scores.astype(np.int32)
    scores.flags.writeable = False
    return scores


def random_text(rng, alphabet, longest):
    text = "".join(rng.choice(list(alphabet), rng.integers(1, longest + 1)))
    return " ".join(text.split()) or alphabet[0]


def random_corpus(rng):
    """(texts, scores): up to 60 names of one small alphabet, with duplicates, ties and names that begin others."""
    alphabet = ALPHABETS[rng.integers(len(ALPHABETS))]
    texts = [random_text(rng, alphabet, 12) for _ in range(rng.integers(1, 40))]
    texts += [text[: rng.integers(1, len(text) + 1)].strip() or "a" for text in texts[::3]]
    texts += [re.sub(r"(\w) ", r"\1 \1 ", text, count=1) for text in texts[::3]]  # `the e street` beside `the street`
    scores = frozen(np.sort(rng.integers(-3, 4, len(texts)) * rng.choice([0, 1, 2500, 9000]))[::-1])
    return texts, scores, alphabet


def random_query(rng, texts, alphabet):
    """A prefix of a name with up to three random edits, or anything."""
    if rng.random() < 0.1:
        return random_text(rng, alphabet, 10)
    text = list(texts[rng.integers(len(texts))])[: rng.integers(1, 13)]
    for _ in range(rng.integers(0, 4)):
        at, letter = int(rng.integers(len(text))), str(rng.choice(list(alphabet)))
        match int(rng.integers(4)):
            case 0:
                text[at] = letter
            case 1:
                text.insert(at, letter)
            case 2 if len(text) > 1:
                del text[at]
            case _:
                text[at : at + 2] = text[at : at + 2][::-1]
    return "".join(text)


def found_by_search(trie, scores, query, k, fuzzy=True, whole=False):
    found = np.zeros((k, 4), np.int64)
    edits = edits_allowed(len(query)) if fuzzy else 0
    results = best_first(trie, scores, query, edits, whole, NO_FLOOR, found, WORK)
    assert WORK.counts[REFUSED] == 0
    return [(int(row[ID]), int(row[SCORE])) for row in found[:results]]


@pytest.mark.parametrize("seed", range(8))
def test_the_top_5_equal_brute_force(seed):
    rng = np.random.default_rng(np.random.SeedSequence([4, seed]))
    for _ in range(CORPORA // 8):
        texts, scores, alphabet = random_corpus(rng)
        keys = [to_symbols(text) for text in texts]
        owners = np.arange(len(texts), dtype=np.int32)
        trie = build_from_text(pa.array(texts), owners)
        for _ in range(PAIRS // CORPORA):
            query = to_symbols(random_query(rng, texts, alphabet))
            k, fuzzy = int(rng.integers(1, 8)), rng.random() < 0.9
            whole = not fuzzy and rng.random() < 0.5
            expected = oracle.top(scores, query, keys, owners, k, fuzzy, whole)
            assert found_by_search(trie, scores, query, k, fuzzy, whole) == expected, (texts, query.tobytes())


@pytest.mark.parametrize("seed", range(4))
def test_word_starts_equal_brute_force(seed):
    rng = np.random.default_rng(np.random.SeedSequence([5, seed]))
    for _ in range(100):
        texts, scores, alphabet = random_corpus(rng)
        words = build(pa.array(texts), scores, {})
        keys = [to_symbols(word) for text in texts for word in text.split(" ")]
        owners = [term for term, text in enumerate(texts) for _ in text.split(" ")]
        query = to_symbols(random_query(rng, texts, alphabet).replace(" ", "") or "a")
        found = np.zeros((5, 4), np.int64)
        results = by_word_start(words, scores, query, edits_allowed(len(query)), found, 0, WORK)
        expected = [(t, s - WORD_START_PENALTY) for t, s in oracle.top(scores, query, keys, owners, 5)]
        assert [(int(row[ID]), int(row[SCORE])) for row in found[:results]] == expected, (texts, query)


@given(st.lists(st.text("abc ", min_size=1).filter(str.strip), min_size=1, max_size=20), st.data())
@settings(max_examples=200, deadline=None)
def test_an_edit_never_beats_an_equal_exact_match(texts, data):
    trie = build_from_text(pa.array(texts), np.arange(len(texts), dtype=np.int32))
    scores = frozen(np.zeros(len(texts)))
    typed = data.draw(st.sampled_from(texts))
    first = found_by_search(trie, scores, to_symbols(typed), 1)[0][0]
    assert texts[first] == typed


def test_a_complete_name_comes_before_longer_ones_of_equal_weight():
    texts = ["queen latifah", "queens", "queen", "queensryche"]
    trie = build_from_text(pa.array(texts), np.arange(4, dtype=np.int32))
    assert found_by_search(trie, frozen(np.zeros(4)), to_symbols("queen"), 4)[0][0] == 2


@pytest.mark.parametrize(
    ("typed", "name", "found"),
    [
        ("ra", "ar", False),  # no edits below three letters
        ("rdio", "radio", True),  # one at three to five
        ("raod", "road", True),  # a swap is one edit
        ("rdoi", "radio", False),  # two edits are too many at four
        ("radiohaed", "radiohead", True),
        ("rdaiohaed", "radiohead", True),
        ("rdaiohaedx", "radiohead", False),  # three edits are too many at any length
        ("adiohead", "radiohead", True),  # the first letter costs two
        ("adioehad", "radiohead", False),
        ("adio", "radio", False),
    ],
)
def test_edits_by_length(typed, name, found):
    trie = build_from_text(pa.array([name, "zzz"]), np.arange(2, dtype=np.int32))
    assert bool(found_by_search(trie, frozen(np.zeros(2)), to_symbols(typed), 5)) is found


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [("metalica", "metallia"), ("mettallica", "metxallica"), ("mrtallica", "mptallica"), ("metollica", "metpllica")],
)
def test_likely_errors_cost_less(cheap, dear):
    trie = build_from_text(pa.array(["metallica"]), np.zeros(1, np.int32))
    score = {typed: found_by_search(trie, frozen(np.zeros(1)), to_symbols(typed), 1)[0][1] for typed in (cheap, dear)}
    assert score[cheap] > score[dear]


def test_an_omitted_space_may_make_the_next_letter_a_doubled_one():
    texts = ["the e street band"]
    trie = build_from_text(pa.array(texts), np.zeros(1, np.int32))
    found = found_by_search(trie, frozen(np.zeros(1)), to_symbols("the street band"), 1)
    assert found == [(0, complete_bonus(15) - 2 * CLOSE_PENALTY)]


def test_a_hundred_thousand_names_alike_are_no_burden():
    count = 100_000
    trie = build_from_text(pa.array(["intro"] * count + ["introspective"]), np.arange(count + 1, dtype=np.int32))
    scores = frozen(np.zeros(count + 1))
    assert [term for term, _ in found_by_search(trie, scores, to_symbols("intro"), 5)] == [0, 1, 2, 3, 4]
    assert WORK.counts[USED] < 100


def test_a_search_cut_short_says_so():
    texts = [f"{a}{b}{c}" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    trie = build_from_text(pa.array(texts), np.arange(len(texts), dtype=np.int32))
    found = np.zeros((5, 4), np.int64)
    small = workspace(8)
    best_first(trie, frozen(np.zeros(len(texts))), to_symbols("abx"), 1, False, NO_FLOOR, found, small)
    assert small.counts[REFUSED] > 0


@pytest.mark.parametrize("texts", [[], ["a"], ["a", "a"], ["a", "ab", "abc"], ["x" * 255]])
def test_tiny_indexes(texts):
    trie = build_from_text(pa.array(texts, pa.string()), np.arange(len(texts), dtype=np.int32))
    found = found_by_search(trie, frozen(np.zeros(len(texts))), to_symbols("a"), 5)
    assert [term for term, _ in found] == [term for term, text in enumerate(texts) if text.startswith("a")]


def test_names_found_both_ways_come_once_with_their_better_score():
    texts = ["love love", "love", "my love"]
    scores = frozen(np.zeros(3))
    words = build(pa.array(texts), scores, {})
    trie = build_from_text(pa.array(texts), np.arange(3, dtype=np.int32))
    query = to_symbols("love")
    found = np.zeros((5, 4), np.int64)
    results = best_first(trie, scores, query, 1, False, NO_FLOOR, found, WORK)
    results = by_word_start(words, scores, query, 1, found, results, WORK)
    assert [int(row[ID]) for row in found[:results]] == [1, 0, 2]
    assert [int(row[3]) == BY_NAME for row in found[:results]] == [True, True, False]
