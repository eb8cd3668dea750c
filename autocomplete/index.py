"""The index as an artefact: built once from terms, saved, and mapped read-only by every process that serves it.

Ids are ranks by weight, so «the best below this node» is one integer and every list is sorted already. All arrays are flat: a process maps
them in milliseconds, and ten processes share one copy in memory. The manifest names each array's file by the digest of its bytes and is
renamed into place last: whoever opens the folder gets the old index or the new one, whole.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from autocomplete import words as inverted
from autocomplete.edits import NAT
from autocomplete.folding import aliases, astral_slots, fold, normal
from autocomplete.trie import Trie, build_from_text
from shared.errors import BadInput, LinerError
from shared.lake import locked, write_json

FORMAT = 1
MOST_BYTES = (1 << 31) - 1
"""Of texts, ids or folded names: offsets into them are 32-bit integers."""
SONGS = ("track", "song")
"""Types of which terms with one folded name are covers of one song, shown once."""


@dataclass(frozen=True)
class Index:
    """Everything a search needs. Term i is the i-th by weight."""

    names: Trie
    words: inverted.Words
    scores: npt.NDArray[np.int32]  # (terms,) log weight in thousandths of a nat, non-increasing
    texts: npt.NDArray[np.uint8]  # display texts, UTF-8, one after another
    text_starts: npt.NDArray[np.uint32]  # (terms + 1,)
    ids: npt.NDArray[np.uint8]  # the user's ids likewise; empty when there are none
    id_starts: npt.NDArray[np.uint32]
    types: npt.NDArray[np.uint8]  # (terms,) index into type_names
    versions: npt.NDArray[np.uint16]  # (terms,) terms behind this line
    type_names: list[str]
    slots: dict[int, int]  # see folding.to_symbols
    digest: str = ""

    def __len__(self) -> int:
        return len(self.scores)

    def text(self, term: int) -> str:
        """The display text of a term."""
        return self.texts[self.text_starts[term] : self.text_starts[term + 1]].tobytes().decode()

    def id(self, term: int) -> str | None:
        """The user's id of a term, if it has any."""
        if not len(self.ids):
            return None
        return self.ids[self.id_starts[term] : self.id_starts[term + 1]].tobytes().decode() or None

    @property
    def bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in _arrays(self).values())


def build(terms: pa.Table) -> Index:
    """The index of terms (schema `records.TERMS`); equal weights keep the order of the table."""
    weights = terms["weight"].to_numpy()
    order = np.argsort(-weights, kind="stable")
    ranked = terms.take(pa.array(order))
    texts = [normal(text.strip()) for text in ranked["text"].to_pylist()]
    folded = [fold(text) for text in texts]
    types, type_names = _types(ranked["type"])
    kept, versions = _collapse(texts, folded, ranked["type"].to_pylist(), ranked["id"].to_pylist())
    texts, folded = [texts[row] for row in kept], [folded[row] for row in kept]
    scores = scores_of(weights[order][kept])
    others = [(alias, term) for term, text in enumerate(texts) for alias in aliases(text, folded[term])]
    spelled = folded + [alias for alias, _ in others]
    letters = "".join(spelled)
    _bounded(len(letters.encode()))
    keys, slots = pa.array(spelled, pa.string()), astral_slots(letters)
    owners = np.concatenate([np.arange(len(folded)), [term for _, term in others]]).astype(np.int32)
    text_bytes, text_starts = _pool(texts)
    id_bytes, id_starts = _pool([identifier or "" for identifier in ranked["id"].take(pa.array(kept)).to_pylist()])
    return _frozen(
        Index(
            build_from_text(keys, owners, slots),
            inverted.build(keys[: len(folded)], scores, slots),
            scores, text_bytes, text_starts, id_bytes, id_starts, types[kept], versions, type_names, slots,
        )
    )  # fmt: skip


def scores_of(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Log weights in thousandths of a nat; a weight of 0 stands one nat below the smallest positive one."""
    positive = weights[weights > 0]
    smallest = np.log(positive.min()) if len(positive) else 0.0
    logs = np.log(weights, out=np.full(len(weights), smallest - 1.0), where=weights > 0)
    scores: npt.NDArray[np.int32] = np.rint(logs * NAT).astype(np.int32)
    return scores


def _types(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.uint8], list[str]]:
    encoded = column.combine_chunks().fill_null("").dictionary_encode()
    names = encoded.dictionary.to_pylist()
    if len(names) > 255:
        raise BadInput(f"field 'type': {len(names):,} different types; expected at most 255")
    return encoded.indices.to_numpy().astype(np.uint8), names


def _collapse(
    texts: list[str], folded: list[str], types: list[str | None], ids: list[str | None]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
    """Rows to keep, the heaviest of each song and of each name that nothing tells apart, and how many stand behind each."""
    first: dict[tuple[str | None, str, str | None], int] = {}
    versions: list[int] = []
    kept: list[int] = []
    for row, kind in enumerate(types):
        key = (kind, folded[row], None) if kind in SONGS else (kind, texts[row], ids[row])
        at = first.setdefault(key, len(kept))
        if at == len(kept):
            kept.append(row)
            versions.append(0)
        versions[at] += 1
    return np.array(kept, np.int64), np.minimum(versions, 65_535).astype(np.uint16)


def _pool(texts: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Texts as one UTF-8 buffer and where each begins; empty when all are."""
    encoded = [text.encode() for text in texts]
    if not any(encoded):
        return np.zeros(0, np.uint8), np.zeros(0, np.uint32)
    _bounded(sum(map(len, encoded)))
    starts = np.zeros(len(encoded) + 1, np.uint32)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=starts[1:], dtype=np.uint32)
    return np.frombuffer(b"".join(encoded), np.uint8), starts


def _bounded(size: int) -> None:
    if size > MOST_BYTES:
        raise BadInput(
            f"{size:,} bytes of names; expected at most {MOST_BYTES:,} in one index: split the terms into shards"
        )


def _arrays(index: Index) -> dict[str, npt.NDArray[Any]]:
    names, words = index.names, index.words
    return {
        "names.nodes": names.nodes, "names.tails": names.tails, "words.nodes": words.trie.nodes, "words.tails": words.trie.tails,
        "words.scores": words.scores, "words.starts": words.starts, "words.postings": words.postings,
        **{name: getattr(index, name) for name in ("scores", "texts", "text_starts", "ids", "id_starts", "types", "versions")},
    }  # fmt: skip


def _frozen(index: Index) -> Index:
    """Read-only arrays, as a mapped index has: the kernels are compiled for one kind."""
    for array in _arrays(index).values():
        array.flags.writeable = False
    return index


def save(index: Index, folder: Path) -> str:
    """Write the index and return its digest. Until the manifest is renamed into place the folder holds the index it held before."""
    try:
        with locked(folder):
            files = {name: _save_array(folder, name, array) for name, array in _arrays(index).items()}
            digest = hashlib.sha256("".join([*files.values(), *index.type_names]).encode()).hexdigest()[:16]
            manifest = {
                "format": FORMAT, "digest": digest, "terms": len(index), "bytes": index.bytes, "files": files,
                "type_names": index.type_names, "slots": [[code, slot] for code, slot in index.slots.items()],
            }  # fmt: skip
            write_json(folder / "manifest.json", manifest)
            _remove_unnamed(folder, files)
    except OSError as error:
        message = f"{folder}: could not write {index.bytes:,} bytes ({error.strerror}); free some space"
        raise LinerError(message) from error
    return digest


def _save_array(folder: Path, name: str, array: npt.NDArray[Any]) -> str:
    """Write an array under the digest of its bytes, unless it lies there whole, and return the file's name."""
    path = folder / f"{name}-{_digest(array)}.npy"
    if not _is_whole(path):
        aside = folder / f".{name}.{os.getpid()}.tmp"
        with aside.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    return path.name


def _remove_unnamed(folder: Path, files: dict[str, str]) -> None:
    """Delete the arrays of replaced indexes and of killed builds; whatever no build writes is not ours to delete."""
    for name, kept in files.items():
        for path in (*folder.glob(f"{name}-{'[0-9a-f]' * 16}.npy"), *folder.glob(f".{name}.*.tmp")):
            if path.name != kept:
                path.unlink()


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()[:16]


def _is_whole(path: Path) -> bool:
    """Whether a file is there and holds the array that its name promises; reads it once."""
    try:
        return path.stem.endswith(_digest(np.load(path, allow_pickle=False)))
    except (OSError, ValueError, EOFError):
        return False


def load(folder: Path) -> Index:
    """Map a saved index, the newest if it is replaced meanwhile; BadInput when it is none, of another format, or torn."""
    path, text = folder / "manifest.json", b""
    try:
        text = path.read_bytes()
        manifest = json.loads(text)
        if manifest["format"] != FORMAT:
            raise BadInput(f"{folder}: an index of format {manifest['format']}; expected {FORMAT}; build it again")
        mapped = {name: _map(folder / file) for name, file in manifest["files"].items()}
        names = Trie(mapped.pop("names.nodes"), mapped.pop("names.tails"))
        trie = Trie(mapped.pop("words.nodes"), mapped.pop("words.tails"))
        words = inverted.Words(trie, *(mapped.pop(f"words.{part}") for part in ("scores", "starts", "postings")))
        slots = dict(map(tuple, manifest["slots"]))
        return Index(names, words, **mapped, type_names=manifest["type_names"], slots=slots, digest=manifest["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not path.exists():
            message = f"{folder}: no index here; make one with `liner autocomplete build --terms FILE --out {folder}`"
            raise BadInput(message) from error
        if isinstance(error, FileNotFoundError) and path.read_bytes() != text:
            return load(folder)
        raise BadInput(f"{folder}: a torn index ({error}); build it again") from error


def _map(path: Path) -> npt.NDArray[Any]:
    """An array of a file, mapped read-only; an empty one is read."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:
        empty: npt.NDArray[Any] = np.load(path, allow_pickle=False)
        empty.flags.writeable = False
        return empty


def verify(folder: Path) -> None:
    """BadInput unless every array has the bytes that its name promises; reads everything once."""
    load(folder)
    for file in json.loads((folder / "manifest.json").read_bytes())["files"].values():
        if not _is_whole(folder / file):
            raise BadInput(f"{folder / file}: its bytes do not have the digest in its name; build the index again")
