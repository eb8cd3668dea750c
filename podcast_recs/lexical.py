"""Words as they stand: TF-IDF over a text's words, and its principal directions where a short dense vector is wanted.

Words find names and known items, which no embedding does as well; the directions (latent semantic analysis, Deerwester et al.
1990) find topics. Both are made from the catalogue alone, so they work where no sentence model is installed.
"""

import re
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.threads import blas_threads

Float32 = NDArray[np.float32]
Ints = NDArray[np.int64]

DIMENSIONS = 128
WORD = re.compile(r"\w+", re.UNICODE)
RARE = 1


class Lexical:
    """TF-IDF fitted on texts: `rows(texts)` is sparse, `reduced(texts)` dense."""

    def __init__(self, texts: Sequence[str], dimensions: int = DIMENSIONS) -> None:
        """texts: of the catalogue."""
        self._column: dict[str, int] = {}
        row, column, count = _counted(texts, self._column, grow=True)
        seen = np.bincount(column, minlength=len(self._column))
        kept = seen > (RARE if len(texts) >= 50 else 0)
        places = np.cumsum(kept) - 1
        self._column = {word: int(places[at]) for word, at in self._column.items() if kept[at]}
        self._idf = (np.log((1 + len(texts)) / (1 + seen[kept])) + 1).astype(np.float32)
        used = kept[column]
        self._rows = self._weighed(row[used], places[column[used]], count[used], len(texts))
        self._axes = directions(self._rows, dimensions)

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """Sparse float32[n, words] of unit rows; a text without a known word is a row of zeros."""
        return self._weighed(*_counted(texts, self._column, grow=False), len(texts))

    def _weighed(self, row: Ints, column: Ints, count: Ints, texts: int) -> csr_matrix:
        value = ((1 + np.log(count)) * self._idf[column]).astype(np.float32)
        norms = np.sqrt(np.bincount(row, value * value, minlength=texts)).astype(np.float32)
        return csr_matrix((value / np.maximum(norms[row], 1e-9), (row, column)), (texts, len(self._idf)))

    def reduced(self, texts: Sequence[str]) -> Float32:
        """float32[n, ≤ dimensions] of unit rows."""
        return self._short(self.rows(texts))

    def fitted(self) -> Float32:
        """`reduced` of the texts that it was made from."""
        return self._short(self._rows)

    def _short(self, rows: csr_matrix) -> Float32:
        dense = np.ascontiguousarray(rows @ self._axes, np.float32)
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


def _counted(texts: Sequence[str], columns: dict[str, int], grow: bool) -> tuple[Ints, Ints, Ints]:
    """Row, column and count of each distinct word of each text; words without a column get one, or are left out."""
    flat, sizes = array("q"), np.zeros(len(texts), np.int64)
    for row, text in enumerate(texts):
        found = words(text)
        if grow:
            flat.extend([columns.setdefault(word, len(columns)) for word in found])
        else:
            flat.extend([columns[word] for word in found if word in columns])
        sizes[row] = len(flat)
    of = np.repeat(np.arange(len(texts)), np.diff(sizes, prepend=0))
    key, count = np.unique(of * max(1, len(columns)) + np.frombuffer(flat, np.int64), return_counts=True)
    return key // max(1, len(columns)), key % max(1, len(columns)), count


def words(text: str) -> list[str]:
    """Lower-case words; scripts without spaces give whole runs of letters."""
    return WORD.findall(text.lower())
