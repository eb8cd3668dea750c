"""Datasets by name and version: Parquet shards beside one manifest, published atomically.

    ROOT/<name>/manifest.json                     the truth: every version with its schema, shards and digests
    ROOT/<name>/<version>/part-00003-<digest>.parquet

A writer puts shards aside under names that contain their digest, fsyncs them, and only then renames the manifest into place.
A crash before the rename leaves the previous versions untouched, and some files that no manifest names; the next publish of
the same version removes them. Publishing the same bytes again changes nothing. History is kept: every version stays readable by its name.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from shared.errors import BadInput, Conflict, LinerError, NotFound

FORMAT = 1
ROW_GROUP_ROWS = 131_072
OURS = re.compile(r"part-\d{5,}-[0-9a-f]{16}\.parquet|\.part-\d{5,}\.\d+\.tmp")


class Shard(NamedTuple):
    """One Parquet file of a dataset: its absolute path, size, and the first 16 hex digits of its SHA-256."""

    path: str
    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class Dataset:
    """One published version: shards in order, all of one schema. `details` is what the writer noted (JSON)."""

    name: str
    version: str
    schema: pa.Schema
    shards: tuple[Shard, ...]
    details: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def digest(self) -> str:
        """One digest over the shards' digests, in order: equal digests, equal bytes."""
        return hashlib.sha256("".join(shard.digest for shard in self.shards).encode()).hexdigest()[:16]

    @property
    def paths(self) -> list[str]:
        """The shards' files, in order."""
        return [shard.path for shard in self.shards]

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, in shard order; only for datasets that fit in memory."""
        tables = [read_shard(path, columns) for path in self.paths]
        return pa.concat_tables(tables) if tables else self.schema.empty_table()


def read_shard(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one shard; the reader of embedded mode and of every Spark worker."""
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{path}: not a readable Parquet file ({_first_line(error)}); make the dataset again") from error


def write_shard(folder: str | Path, index: int, table: pa.Table) -> Shard:
    """Write one shard aside, durably, and return its record; the file name contains the digest of its bytes."""
    return write_batches(folder, index, table.schema, table.to_batches())


def write_batches(folder: str | Path, index: int, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Shard:
    """`write_shard` for rows that need not fit in memory; equal rows give equal bytes, however they were batched."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".part-{index:05d}.{os.getpid()}.tmp"
    rows = 0
    try:
        with pq.ParquetWriter(aside, schema, compression="zstd", compression_level=1) as writer:
            for group in _row_groups(schema, batches):
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                rows += group.num_rows
        digest = _sha256(aside)
        final = folder / f"part-{index:05d}-{digest}.parquet"
        durable_rename(aside, final)
    except FileNotFoundError as error:
        raise Conflict(f"{folder}: somebody else published this version meanwhile; run again") from error
    except OSError as error:
        raise LinerError(
            f"{folder}: could not write shard {index} ({error.strerror or error}); free some space"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return Shard(str(final.absolute()), rows, final.stat().st_size, digest)


def _row_groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in tables of ROW_GROUP_ROWS, the last one smaller, each in one chunk: so pages fall alike."""
    held = schema.empty_table()
    for batch in batches:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while held.num_rows >= ROW_GROUP_ROWS:
            yield held.slice(0, ROW_GROUP_ROWS).combine_chunks()
            held = held.slice(ROW_GROUP_ROWS)
    if held.num_rows:
        yield held.combine_chunks()


class Lake:
    """All datasets under one folder."""

    def __init__(self, root: str | Path) -> None:
        """root: the folder; it need not exist yet."""
        self.root = Path(root).absolute()

    def folder(self, name: str, version: str) -> Path:
        """Where the shards of a version lie; hand it to `write_shard`."""
        for part in (*name.split("/"), version):
            if not part or part.startswith(".") or "/" in part or "\\" in part or "\0" in part:
                raise BadInput(f"dataset {name!r} version {version!r}: names are plain words joined by '/'")
        return self.root / name / version

    def versions(self, name: str) -> list[str]:
        """The versions of a dataset, oldest publication first; [] when it was never published."""
        return [entry["version"] for entry in self._entries(name)]

    def dataset(self, name: str, version: str | None = None) -> Dataset:
        """A published version (default: the newest); NotFound when there is none."""
        entries = [entry for entry in self._entries(name) if version in (None, entry["version"])]
        if not entries:
            known = ", ".join(self.versions(name)) or "none"
            raise NotFound(f"{self.root}: no dataset {name!r} version {version or 'any'} (published: {known})")
        entry = entries[-1]
        folder = self.folder(name, entry["version"])
        shards = tuple(Shard(str(folder / s["file"]), s["rows"], s["bytes"], s["digest"]) for s in entry["shards"])
        schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(entry["schema"])))
        return Dataset(name, entry["version"], schema, shards, entry["details"])

    def publish(
        self, name: str, version: str, schema: pa.Schema, shards: Sequence[Shard], details: dict[str, Any] | None = None
    ) -> Dataset:
        """Make these shards the content of `name` at `version`, in one rename; replaces an earlier content of that version."""
        entry = {
            "version": version,
            "schema": schema.serialize().to_pybytes().hex(),
            "shards": [{**_shard_record(shard), "file": Path(shard.path).name} for shard in shards],
            "details": details or {},
        }
        folder = self.folder(name, version)
        with locked(self.root / name):
            if not all(Path(shard.path).is_file() for shard in shards):
                raise Conflict(f"{folder}: somebody else published this version meanwhile; run again")
            kept = [other for other in self._entries(name) if other["version"] != version]
            write_json(self.root / name / "manifest.json", {"format": FORMAT, "versions": [*kept, entry]})
            _remove_unnamed(folder, {Path(shard.path).name for shard in shards})
        return self.dataset(name, version)

    def publish_table(self, name: str, version: str, table: pa.Table, details: dict[str, Any] | None = None) -> Dataset:
        """Publish a table that fits in memory as a dataset of one shard."""
        shard = write_shard(self.folder(name, version), 0, table)
        return self.publish(name, version, table.schema, [shard], details)

    @contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """A scratch folder that one process at a time may have; empty at first, gone at the end; Conflict while another has it."""
        folder = self.folder(*name.rsplit("/", 1))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f".{folder.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"{folder}: another run works here; wait for it to end, or stop it") from None
            rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                rmtree(folder, ignore_errors=True)

    def _entries(self, name: str) -> list[dict[str, Any]]:
        path = self.root / name / "manifest.json"
        try:
            manifest = json.loads(path.read_text())
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise BadInput(f"{path}: not a manifest ({_first_line(error)}); make the dataset again") from error
        if manifest.get("format") != FORMAT:
            raise BadInput(
                f"{path}: format {manifest.get('format')!r}, this version reads {FORMAT}; make the dataset again"
            )
        entries: list[dict[str, Any]] = manifest["versions"]
        return entries


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time in a folder, others wait; the lock falls with the process that held it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _shard_record(shard: Shard) -> dict[str, Any]:
    """A shard's record without its path, as the manifest holds it."""
    return {"rows": shard.rows, "bytes": shard.bytes, "digest": shard.digest}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file durably and atomically: aside, fsync, rename."""
    aside = path.with_suffix(".tmp")
    try:
        aside.write_text(json.dumps(value, indent=1))
        durable_rename(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise LinerError(
            f"{path}: could not be written ({error.strerror}); what was published before still stands"
        ) from error


def durable_rename(source: Path, target: Path) -> None:
    """Rename after the bytes are on disk, and make the rename itself durable."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_unnamed(folder: Path, named: set[str]) -> None:
    """Delete what an interrupted or replaced publish left behind; whatever a lake does not write is not its to delete."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if OURS.fullmatch(path.name) and path.name not in named:
            path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
