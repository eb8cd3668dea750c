"""The lists of one shard of users: candidates by exact top-k, assembled under the rules, each track with its reason.

A reason is not a similar-looking track but arithmetic: the score x_u·y_t is a sum with one part per recording that the user played
(`ials.explain`), and the reason is the largest part.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from discover_weekly.assembly import assemble
from discover_weekly.ials import SHARD_ROWS, Basis, Float32, Settings, explain
from discover_weekly.records import LISTS, Rules
from discover_weekly.top_k import top_k
from discover_weekly.train import VECTORS, bounds, load_basis
from discover_weekly.weights import Catalogue, played_only, read_rows
from shared.clock import DAY_MS
from shared.lake import write_shard
from shared.ports import Json

Int32 = NDArray[np.int32]


def recommend_shard(
    shard: str, folder: str, plays: str, earlier: list[str], out: str, cutoff_ms: int, settings: Json, rules: Json
) -> Json:
    """The task of one shard of users: read, rank, assemble, explain, write; returns the record of the written shard.

    folder: scratch with the catalogue, the popular recordings and the trained arrays; earlier: shards of the lists of the last weeks.
    """
    first, last = bounds(shard)
    keep = Rules(**rules)
    catalogue = load_catalogue(Path(folder))
    items = np.load(Path(folder) / VECTORS["recording_row"], mmap_mode="r")
    users = np.load(Path(folder) / VECTORS["user_row"], mmap_mode="r")[first:last]
    popular = np.load(Path(folder) / "popular.npy")[catalogue.countries[first:last]]

    heard = read_rows(plays, "user_row", first, last, len(items), cutoff_ms)
    closed = with_earlier_lists(heard, earlier, catalogue, first, last)
    pool, scores = top_k(users, items, closed, keep.pool)
    pool[
        scores <= 0
    ] = -1  # «rather not»; and 0 is what a user without plays gives everything, and a track that nobody played
    is_out = catalogue.released * DAY_MS < cutoff_ms  # int64
    lists, list_scores, from_popular = assemble(
        pool, scores, popular, closed.indptr, closed.indices, catalogue.artist_indptr, catalogue.artists, is_out, keep.length,
        keep.per_artist,
    )  # fmt: skip
    reasons, shares = explain_lists(
        played_only(heard), lists, from_popular, load_basis(Path(folder)), Settings(**settings)
    )
    table = to_table(catalogue, first, lists, list_scores, reasons, shares)
    return write_shard(out, first // SHARD_ROWS, table)._asdict()


def with_earlier_lists(
    heard: csr_matrix, earlier: list[str], catalogue: Catalogue, first: int, last: int
) -> csr_matrix:
    """What may not be listed for each user: what they heard, and what stood in their lists of the last weeks; csr, sorted."""
    rows, columns = [np.repeat(np.arange(last - first), np.diff(heard.indptr))], [heard.indices]
    low, high = catalogue.user_ids[first], catalogue.user_ids[last - 1]
    for path in earlier:
        listed = pq.read_table(
            path,
            columns=["user_id", "track_id"],
            filters=[("user_id", ">=", low), ("user_id", "<=", high)],
            partitioning=None,
        )
        users, user_known = find(catalogue.user_ids, listed["user_id"].to_numpy())
        tracks, track_known = find(catalogue.track_ids, listed["track_id"].to_numpy())
        known = user_known & track_known  # users and tracks that are gone need no memory
        rows.append(users[known] - first)
        columns.append(catalogue.recording_of[tracks[known]])
    pairs = np.concatenate(rows), np.concatenate(columns)
    closed = csr_matrix((np.ones(len(pairs[0]), np.float32), pairs), heard.shape)
    closed.sort_indices()
    return closed


def find(sorted_ids: Int32, wanted: Int32) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Positions of `wanted` in `sorted_ids`, and whether each stands there."""
    places = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return places, sorted_ids[places] == wanted


def explain_lists(
    played: csr_matrix, lists: Int32, from_popular: NDArray[np.bool_], basis: Basis, settings: Settings
) -> tuple[Int32, Float32]:
    """For each listed recording the played recording with the largest part of its score, -1 for a popular one.

    Beside it, the share of that part in all parts that speak for the track (some of a listener's plays speak against it).
    """
    reasons, shares = np.full(lists.shape, -1, np.int32), np.zeros(lists.shape, np.float32)
    for user, targets in enumerate(lists):
        explained = np.flatnonzero((targets >= 0) & ~from_popular[user])
        own = played[user]
        if len(explained) and own.nnz:
            parts = explain(own, targets[explained], basis, settings)  # [targets, n]
            reasons[user, explained] = own.indices[parts.argmax(axis=1)]
            for_it = np.maximum(parts, 0)
            shares[user, explained] = for_it.max(axis=1) / np.maximum(for_it.sum(axis=1), np.finfo(np.float32).tiny)
    return reasons, shares


def to_table(
    catalogue: Catalogue, first: int, lists: Int32, scores: Float32, reasons: Int32, shares: Float32
) -> pa.Table:
    """Lists of users first … as rows of `records.LISTS`, with the track ids that stand for the recordings."""
    user, rank = np.nonzero(lists >= 0)
    reason = reasons[user, rank]
    columns: list[Any] = [
        catalogue.user_ids[first + user],
        (rank + 1).astype(np.int8),
        catalogue.shown[lists[user, rank]],
        scores[user, rank],
        np.where(reason < 0, -1, catalogue.shown[reason]).astype(np.int32),
        shares[user, rank],
    ]
    return pa.table([pa.array(column) for column in columns], schema=LISTS)


def save_catalogue(folder: Path, catalogue: Catalogue) -> None:
    """Leave the catalogue where every worker finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.array(value) for name, value in catalogue._asdict().items()}
    np.savez(folder / "catalogue.npz", allow_pickle=False, **arrays)


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue that `save_catalogue` left."""
    with np.load(folder / "catalogue.npz") as arrays:
        return Catalogue(
            *(arrays[name] if name != "country_names" else arrays[name].tolist() for name in Catalogue._fields)
        )
