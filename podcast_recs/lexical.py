"""Words as they stand: TF-IDF over a text's words, and its principal directions where a short dense vector is wanted.

Words find names and known items, which no embedding does as well; the directions (latent semantic analysis, Deerwester et al.
1990) find topics. Both are made from the catalogue alone, so they work where no sentence model is installed.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from shared.threads import blas_threads

Float32 = NDArray[np.float32]

DIMENSIONS = 128
WORD = re.compile(r"\w+", re.UNICODE)
RARE = 1


class Lexical:
    """TF-IDF fitted on texts: `rows(texts)` is sparse, `reduced(texts)` dense."""

    def __init__(self, texts: Sequence[str]) -> None:
        """texts: of the catalogue."""
        seen = Counter(word for text in texts for word in set(words(text)))
        self._column = {
            word: at for at, word in enumerate(sorted(word for word, n in seen.items() if n > RARE or len(texts) < 50))
        }
        self._idf = np.array([np.log((1 + len(texts)) / (1 + seen[word])) + 1 for word in self._column], np.float32)
        self._axes = directions(self.rows(texts), DIMENSIONS)

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """Sparse float32[n, words] of unit rows; a text without a known word is a row of zeros."""
        at, column, value = [], [], []
        for row, text in enumerate(texts):
            for word, count in Counter(words(text)).items():
                if word in self._column:
                    at.append(row)
                    column.append(self._column[word])
                    value.append(1 + np.log(count))
        matrix = csr_matrix((np.array(value, np.float32), (at, column)), (len(texts), len(self._column)))
        matrix = matrix @ diags(self._idf) if len(self._idf) else matrix
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        return csr_matrix(diags(1 / np.maximum(norms, 1e-9)) @ matrix)

    def reduced(self, texts: Sequence[str]) -> Float32:
        """float32[n, ≤ DIMENSIONS] of unit rows."""
        dense = np.asarray(self.rows(texts) @ self._axes, np.float32)
        unit: Float32 = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
        return unit


def directions(matrix: csr_matrix, most: int) -> Float32:
    """float32[columns, ≤ most]: right singular vectors of a sparse matrix, the strongest first, each with a sign of its own so
    that runs agree; by random projection and three power iterations (Halko, Martinsson and Tropp 2011).
    """
    size = min(most, min(matrix.shape) - 1)
    if size < 1:
        return np.eye(matrix.shape[1], dtype=np.float32)[:, :1] if matrix.shape[1] else np.zeros((0, 1), np.float32)
    wide = min(size + 16, min(matrix.shape))
    basis = np.random.default_rng(1).normal(size=(matrix.shape[1], wide))
    with blas_threads(1):
        for _ in range(4):
            basis = _orthonormal(np.asarray(matrix.T @ (matrix @ basis)))
        projected = np.asarray(matrix @ basis)
        _, rotation = np.linalg.eigh(projected.T @ projected)
        vectors = (basis @ rotation[:, ::-1])[:, :size]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(size)])
    return np.ascontiguousarray(vectors * signs, np.float32)


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same span by orthonormal columns, through their small Gram matrix: many times as fast as QR for tall ones."""
    values, vectors = np.linalg.eigh(columns.T @ columns)
    found: NDArray[np.float64] = columns @ (vectors / np.sqrt(np.maximum(values, 1e-14 * values[-1] + 1e-300)))
    return found


def words(text: str) -> list[str]:
    """Lower-case words; scripts without spaces give whole runs of letters."""
    return WORD.findall(text.lower())
