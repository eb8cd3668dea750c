"""The same half sweeps, by shards: how iALS trains where no one process holds the plays.

Two arrays on the shared disk, `user_vectors.npy` and `recording_vectors.npy`, are all the state. For each half sweep the caller sums the
Grams of the fixed side in shard order and rotates it into their eigenbasis; then every shard of SHARD_ROWS rows is one task that reads
its own plays, solves its rows exactly and writes them into its own place in the array. No task sees another's rows, so a process pool and
a Spark cluster leave the same bytes, whatever the number of workers.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from discover_weekly.ials import SHARD_ROWS, Basis, Factors, Float32, Settings, diagonalise, grams, solve_rows
from discover_weekly.weights import Counts, played_only, read_rows
from shared.output import progress
from shared.ports import Engine, Json

SIDES = {"user_row": "recording_row", "recording_row": "user_row"}
VECTORS = {"user_row": "user_vectors.npy", "recording_row": "recording_vectors.npy"}  # solved for the rows of a side


def shards_of(rows: int) -> list[str]:
    """Row ranges `first:last` of at most SHARD_ROWS rows."""
    return [f"{first}:{min(first + SHARD_ROWS, rows)}" for first in range(0, rows, SHARD_ROWS)]


def bounds(shard: str) -> tuple[int, int]:
    """The rows that `first:last` names."""
    first, last = shard.split(":")
    return int(first), int(last)


def train(
    engine: Engine, counts: Counts, shape: tuple[int, int], folder: Path, settings: Settings, cutoff_ms: int, seed: int
) -> Factors:
    """Train on counts of shape (users, recordings); `folder` is scratch space that every worker sees.

    The last half sweep solves the users once more, against the final recordings: a user's vector is then exactly what fold-in of
    their history gives, and the parts of an explanation add up to the score.
    """
    start = np.random.default_rng(seed).standard_normal((shape[1], settings.factors), np.float32)
    factors = {
        "recording_row": _create(folder / VECTORS["recording_row"], start * np.float32(0.1 / settings.factors**0.5)),
        "user_row": _create(folder / VECTORS["user_row"], np.zeros((shape[0], settings.factors), np.float32)),
    }
    paths = {"user_row": counts.by_user.paths[0], "recording_row": counts.by_recording.paths[0]}
    order = [side for _ in range(settings.sweeps) for side in SIDES] + ["user_row"]
    for side in progress(order, "training"):
        fixed = factors[SIDES[side]]
        save_basis(folder, fixed)
        arguments: Json = {
            "side": side,
            "columns": len(fixed),
            "plays": paths[side],
            "folder": str(folder),
            "cutoff_ms": cutoff_ms,
        }
        engine.map_shards(
            "discover_weekly.train:solve_shard",
            shards_of(len(factors[side])),
            arguments | {"settings": asdict(settings)},
        )
        factors[side] = _open(folder / VECTORS[side])
    return Factors(factors["user_row"], factors["recording_row"])


def solve_shard(shard: str, side: str, columns: int, plays: str, folder: str, cutoff_ms: int, settings: Json) -> Json:
    """The task of one shard: solve its rows against the saved basis, in place."""
    first, last = bounds(shard)
    rows = played_only(read_rows(plays, side, first, last, columns, cutoff_ms))
    place = np.load(Path(folder) / VECTORS[side], mmap_mode="r+")
    place[first:last] = solve_rows(rows, load_basis(Path(folder)), Settings(**settings))
    place.flush()
    return {"rows": last - first}


def save_basis(folder: Path, fixed: Float32) -> None:
    """Diagonalise the fixed side once, for all shards."""
    basis = diagonalise(grams(fixed), fixed)
    for name, array in basis._asdict().items():
        np.save(folder / f"basis_{name}.npy", array)


def load_basis(folder: Path) -> Basis:
    """The basis that `save_basis` left; the large part is mapped, not read."""
    return Basis(*(np.load(folder / f"basis_{name}.npy", mmap_mode="r") for name in Basis._fields))


def _create(path: Path, array: Float32) -> Float32:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return _open(path)


def _open(path: Path) -> Float32:
    array: Float32 = np.load(path, mmap_mode="r")
    return array
