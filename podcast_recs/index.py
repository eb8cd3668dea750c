"""Which episodes sound like this? Exact nearest neighbours over vectors, among the eligible only.

Eligibility comes *before* the k nearest are taken: to filter afterwards returns short lists, and none where a listener's
language is rare. A bitmap over ids says who may be found, so an episode is gone the moment its bit is, and a new one is there
as soon as its vector is. That is why this is a flat index and no graph: a graph cannot forget (Malkov and Yashunin 2018 have no
delete). Above MANY vectors the search runs over the leading COARSE dimensions, which hold the most, at a byte each, and the best
AGAIN × k of it are compared once more by the whole vectors.
"""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Float32 = NDArray[np.float32]

MANY = 50_000
COARSE = 48
AGAIN = 3


class Index:
    """Vectors of unit length by dense id; `search` is exact where there are few, nearly so where there are many."""

    def __init__(self, vectors: Float32) -> None:
        """vectors: float32[n, d], row i is id i."""
        faiss.omp_set_num_threads(1)  # a request is one small search; many requests share the cores
        self._coarse = len(vectors) > MANY
        self._width = COARSE if self._coarse else vectors.shape[1]
        self._flat = _make(vectors[:, : self._width])
        self._rows = np.array(vectors, np.float32)  # [room, d], of which the first `count` are in use
        self._count = len(vectors)

    @property
    def dimensions(self) -> int:
        """Of the vectors."""
        return int(self._rows.shape[1])

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: Float32) -> None:
        """Append float32[n, d]; their ids follow on."""
        self._flat.add(np.ascontiguousarray(vectors[:, : self._width], np.float32))
        end = self._count + len(vectors)
        if end > len(self._rows):
            self._rows = np.resize(self._rows, (2 * end, self._rows.shape[1]))
        self._rows[self._count : end] = vectors
        self._count = end

    def vectors(self, ids: Ints) -> Float32:
        """float32[n, d]: the vectors under ids."""
        rows: Float32 = self._rows[ids]
        return rows

    def search(self, queries: Float32, k: int, allowed: NDArray[np.bool_]) -> tuple[Ints, Float32]:
        """The k nearest allowed ids int64[q, k] and inner products float32[q, k] (-1 and -inf where there are fewer), best
        first, ties by id.

        queries float32[q, d]; allowed bool[n].
        """
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        parameters: Any = faiss.SearchParameters
        chosen = parameters(sel=selector)
        begun = np.ascontiguousarray(queries[:, : self._width], np.float32)
        scores, ids = self._flat.search(begun, AGAIN * k if self._coarse else k, params=chosen)
        if self._coarse:
            scores = (self._rows[ids] @ queries[:, :, None])[:, :, 0]
        scores[ids < 0] = -np.inf
        order = np.lexsort((ids, -scores), axis=1)[:, :k]
        return np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)


def _make(vectors: Float32) -> Any:
    vectors = np.ascontiguousarray(vectors, np.float32)
    dimensions = vectors.shape[1]
    flat: Any
    if len(vectors) > MANY:
        flat = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        flat.train(vectors[:: max(1, len(vectors) // MANY)])
    else:
        flat = faiss.IndexFlatIP(dimensions)
    flat.add(vectors)
    return flat
