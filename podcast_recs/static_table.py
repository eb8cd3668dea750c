"""MiniLM for bulk: a vector for each token instead of six layers for each text, a hundred times as fast.

Each token goes through the model once; the vectors are centred and reduced by principal components. A text is the mean of its
tokens, rare ones weighing more (Arora, Liang and Ma 2017, smooth inverse frequency: without it such tables are of little use).
Then the table is corrected once: ridge regression moves the vectors of tokens so that the means of a sample of texts come near
what MiniLM itself says of those texts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from podcast_recs.minilm import MiniLM

Float32 = NDArray[np.float32]

DIMENSIONS = 256
SMOOTH = 1e-3
TAUGHT = 400  # texts of the sample that MiniLM teaches on
TAUGHT_TOKENS = 64  # of each, from its beginning
RIDGE = 0.05


class StaticTable:
    """`encode(texts)` → float32[n, 256] of unit length; knows the tokens of the texts that it was made from, and takes new ones
    up.
    """

    def __init__(self, teacher: MiniLM, texts: Sequence[str], taught: int = TAUGHT) -> None:
        """texts: of the catalogue; `taught` of them, evenly spaced, go through the teacher."""
        self._teacher = teacher
        ids = self._ids(texts)
        counts = np.bincount(
            np.concatenate([*ids, np.zeros(0, np.int64)]), minlength=teacher.tokenizer.get_vocab_size()
        )
        self._weight = (SMOOTH / (SMOOTH + counts / max(1, counts.sum()))).astype(np.float32)
        vocabulary = np.flatnonzero(counts)
        raw = self._teach_tokens(vocabulary)
        self._mean = raw.mean(axis=0)
        centred = raw - self._mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self._axes: Float32 = np.ascontiguousarray(vectors[:, ::-1][:, :DIMENSIONS].astype(np.float32))  # [384, 256]
        self._table = np.zeros((len(counts), DIMENSIONS), np.float32)
        self._table[vocabulary] = centred @ self._axes
        self._known = counts > 0
        self._centre = np.zeros(DIMENSIONS, np.float32)
        if taught:
            self._correct([ids[at] for at in np.linspace(0, len(ids) - 1, min(taught, len(ids))).astype(int)])
        self._centre = self._means(ids).mean(axis=0)

    def arrays(self) -> dict[str, Float32]:
        """What `from_arrays` needs to make the same table again without teaching."""
        known = np.flatnonzero(self._known)
        return {
            "tokens": known.astype(np.float32),  # exact: below 2^24
            "table": self._table[known],
            "weight": self._weight,
            "axes": self._axes,
            "mean": self._mean,
            "centre": self._centre,
        }

    @classmethod
    def from_arrays(cls, teacher: MiniLM, arrays: dict[str, Float32]) -> "StaticTable":
        """The table that `arrays` came from; the teacher is asked for new tokens only."""
        made = cls.__new__(cls)
        made._teacher, made._weight, made._axes = teacher, arrays["weight"], arrays["axes"]
        made._mean, made._centre = arrays["mean"], arrays["centre"]
        tokens = arrays["tokens"].astype(np.int64)
        made._table = np.zeros((len(made._weight), DIMENSIONS), np.float32)
        made._table[tokens] = arrays["table"]
        made._known = np.zeros(len(made._weight), bool)
        made._known[tokens] = True
        return made

    def encode(self, texts: Sequence[str]) -> Float32:
        """float32[n, 256]; a text without a single token is the zero vector."""
        ids = self._ids(texts)
        self._take_up(np.unique(np.concatenate([*ids, np.zeros(0, np.int64)])))
        vectors = self._means(ids) - self._centre
        vectors[[not len(row) for row in ids]] = 0
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Float32 = (vectors / np.maximum(norms, 1e-9)).astype(np.float32)
        return unit

    def _ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        encoded = self._teacher.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.array(row.ids, np.int64) for row in encoded]

    def _means(self, ids: Sequence[NDArray[np.int64]]) -> Float32:
        means: Float32 = np.asarray(self._bags(ids) @ self._table, np.float32)
        return means

    def _bags(self, ids: Sequence[NDArray[np.int64]]) -> csr_matrix:
        """Sparse [n, tokens]: the weights of each text's tokens, summing to 1."""
        rows = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
        tokens = np.concatenate([*ids, np.zeros(0, np.int64)])
        weights = self._weight[tokens]
        sums = np.bincount(rows, weights, minlength=len(ids)).astype(np.float32)
        return csr_matrix((weights / np.maximum(sums[rows], 1e-9), (rows, tokens)), (len(ids), len(self._weight)))

    def _teach_tokens(self, tokens: NDArray[np.int64]) -> Float32:
        """float32[n, 384]: each token alone between the model's marks, as MiniLM sees it."""
        begin, end = self._teacher.marks
        return self._teacher.encode_ids([[begin, token, end] for token in tokens.tolist()])

    def _take_up(self, tokens: NDArray[np.int64]) -> None:
        """Give tokens that no text had before their uncorrected vectors."""
        new = tokens[~self._known[tokens]]
        if len(new):
            self._table[new] = (self._teach_tokens(new) - self._mean) @ self._axes
            self._known[new] = True

    def _correct(self, ids: Sequence[NDArray[np.int64]]) -> None:
        """Move the table T to T + Bᵀ(BBᵀ + λI)⁻¹(Y - BT): B the bags of a sample, Y what the teacher says of it, on the same
        axes.
        """
        begin, end = self._teacher.marks
        short = [row[:TAUGHT_TOKENS] for row in ids if len(row)]
        wanted = self._teacher.encode_ids([[begin, *row.tolist(), end] for row in short])
        wanted = (wanted - wanted.mean(axis=0)) @ self._axes  # [n, 256]
        bags = self._bags(short)
        now = np.asarray(bags @ self._table)
        now -= now.mean(axis=0)
        scale = float((now * wanted).sum() / max(float((now * now).sum()), 1e-12))
        self._table *= scale  # the same length as the teacher's, so that a correction is one of direction
        gram = (bags @ bags.T).toarray()
        ridge = RIDGE * float(np.trace(gram)) / len(short)
        step = np.linalg.solve(gram + ridge * np.eye(len(short)), wanted - scale * now)
        self._table += np.asarray(bags.T @ step, np.float32)
