"""Texts as vectors, by the best that is installed: a static table taught by MiniLM, or TF-IDF's principal directions without
it.

Searching adds the words themselves: cosine by vector and by words are each made comparable (z-scores over the catalogue) and
summed. Ranks would throw away how sure each of them is.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from podcast_recs.lexical import Lexical
from podcast_recs.minilm import MiniLM, weights_folder
from podcast_recs.static_table import StaticTable

Float32 = NDArray[np.float32]


class Encoder(Protocol):
    """`encode(texts)` → float32[n, d] of unit length."""

    def encode(self, texts: Sequence[str]) -> Float32:
        """float32[n, d]; a text that says nothing is the zero vector."""
        ...


class ByWords:
    """The encoder where no sentence model is installed."""

    def __init__(self, lexical: Lexical) -> None:
        self._lexical = lexical

    def encode(self, texts: Sequence[str]) -> Float32:
        """float32[n, ≤ 128]."""
        return self._lexical.reduced(texts)


def make_encoder(texts: Sequence[str], lexical: Lexical, taught: int = 200) -> Encoder:
    """An encoder for a catalogue; `taught` of its texts go through MiniLM once (a second for about twenty)."""
    if weights_folder() is None:
        return ByWords(lexical)
    return StaticTable(MiniLM(), texts, taught)


def fused(by_vector: Float32, by_words: Float32) -> Float32:
    """float32[q, n]: the sum of the z-scores of two similarities float32[q, n]."""
    total: Float32 = _z(by_vector) + _z(by_words)
    return total


def _z(values: Float32) -> Float32:
    spread: Float32 = values - values.mean(axis=1, keepdims=True)
    scaled: Float32 = spread / np.maximum(values.std(axis=1, keepdims=True), 1e-9)
    return scaled
