"""Texts as vectors: MiniLM as published, a table that comes near it, words where there is no model, nothing cut off."""

import numpy as np
import pytest
from scipy.special import erf

from podcast_recs import encoder as module
from podcast_recs.encoder import ByWords, fused, make_encoder
from podcast_recs.lexical import Lexical
from podcast_recs.minilm import MiniLM, _gelu
from podcast_recs.static_table import StaticTable

TEXTS = [
    "A detective solves a cold murder case in the harbour",
    "The police find the murder weapon and a suspect confesses",
    "How volcanoes form, and why the ocean floor spreads",
    "Lava, magma and the geology of ocean islands",
    "Baking sourdough bread with wild yeast",
    "The chemistry of bread, flour and fermentation",
]


@pytest.fixture(scope="module")
def minilm():
    return MiniLM()


@pytest.fixture(scope="module")
def table(minilm):
    return StaticTable(minilm, TEXTS * 3, taught=6)


def test_minilm_agrees_with_the_published_similarities(minilm):
    """The three sentences of the model's own card and the similarities printed there."""
    sentences = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = minilm.encode(sentences)
    np.testing.assert_allclose(vectors[1:] @ vectors[0], [0.695, 0.943, 0.257], atol=1.5e-3)


def test_a_text_has_the_same_vector_alone_and_beside_longer_ones(minilm):
    together = minilm.encode([TEXTS[0], " ".join(TEXTS * 8), "x"])
    np.testing.assert_allclose(together[0], minilm.encode([TEXTS[0]])[0], atol=2e-6)


@pytest.mark.parametrize("which", ["minilm", "table", "words"])
def test_texts_of_one_topic_are_nearest(which, minilm, table):
    encoder = {"minilm": minilm, "table": table, "words": ByWords(Lexical(TEXTS))}[which]
    vectors = encoder.encode(TEXTS)
    likeness = vectors @ vectors.T - 2 * np.eye(len(TEXTS))
    right = likeness.argmax(axis=1) == [1, 0, 3, 2, 5, 4]
    assert right.mean() >= (0.6 if which == "words" else 1)


def test_unit_length_and_nothing_said(table):
    np.testing.assert_allclose(np.linalg.norm(table.encode(TEXTS), axis=1), 1, atol=1e-5)
    assert not table.encode([""]).any()


def test_tokens_that_no_text_had_are_taken_up(table):
    assert np.abs(table.encode(["telescope astronomy"])).sum() > 0


def test_the_table_is_the_same_from_its_arrays(table, minilm):
    again = StaticTable.from_arrays(minilm, table.arrays())
    np.testing.assert_array_equal(again.encode(TEXTS), table.encode(TEXTS))


def test_without_the_wheel_words_take_over(monkeypatch):
    monkeypatch.setattr(module, "weights_folder", lambda: None)
    assert isinstance(make_encoder(TEXTS, Lexical(TEXTS)), ByWords)


def test_words_by_hand():
    rows = Lexical(["red fish", "blue fish", "red red bird"]).rows(["red", "fish", "unknown"]).toarray()
    assert rows[2].tolist() == [0] * rows.shape[1]
    np.testing.assert_allclose(np.linalg.norm(rows[:2], axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("texts", [[""], ["one"], ["same", "same"], ["ラジオ 物語", "電台"]])
def test_odd_catalogues_have_vectors(texts):
    assert np.isfinite(Lexical(texts).reduced(texts)).all()


def test_fusing_is_the_sum_of_z_scores():
    a, b = np.array([[1.0, 2.0, 3.0]], np.float32), np.array([[0.0, 0.0, 9.0]], np.float32)
    expected = (a - a.mean()) / a.std() + (b - b.mean()) / b.std()
    np.testing.assert_allclose(fused(a, b), expected, rtol=1e-6)


def test_the_end_of_a_long_text_counts():
    """A transcript goes through in passages; what is said after the first of them is heard as well."""
    model = MiniLM()
    words = ["the", "host", "talks", "about", "stocks", "and", "bonds", "and", "interest", "rates"] * 60
    short, long = " ".join(words[:200]), " ".join([*words, *["whales", "sing", "in", "the", "cold", "ocean"] * 40])
    one, both, aside = model.encode([short, long, "whales sing in the ocean"])
    assert aside @ both > aside @ one + 0.2
    table = StaticTable(model, [short, long], 2)
    one, both, aside = table.encode([short, long, "whales sing in the ocean"])
    assert aside @ both > aside @ one


def test_a_text_of_two_passages_is_their_mean():
    model = MiniLM()
    ids = model.tokenizer.encode("ocean " * 254 + "stocks " * 50, add_special_tokens=False).ids
    begin, end = model.marks
    parts = model.encode_ids([[begin, *ids[:254], end], [begin, *ids[254:], end]])
    mean = parts.sum(axis=0) / np.linalg.norm(parts.sum(axis=0))
    np.testing.assert_allclose(model.encode(["ocean " * 254 + "stocks " * 50])[0], mean, atol=1e-6)


def test_gelu_is_that_of_the_error_function():
    values = np.linspace(-8, 8, 4001, dtype=np.float32)
    expected = 0.5 * values.astype(np.float64) * (1 + erf(values / np.sqrt(2)))
    np.testing.assert_allclose(_gelu(values), expected, atol=2e-6)
