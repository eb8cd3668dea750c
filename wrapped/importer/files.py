"""What may be opened: a folder, a zip or one file, each bounded before a byte of it is decoded.

A zip is somebody else's program for our memory and disk, so it is held to a number of members, a size for each and for all, and
members are never written under names of their own: they get a number in a folder that goes away. Links in a folder are not followed.
"""

import lzma
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple

from shared.errors import BadInput

MOST_FILES = 5_000
MOST_FILE_BYTES = 1 << 28
MOST_BYTES = 4 << 30
MOST_RATIO = 200
SMALL_BYTES = 50_000_000
"""A member that is larger than this, and more than MOST_RATIO times what it was packed into, is a bomb."""
KINDS = (
    ("video", re.compile(r"streaming_?history_?video.*\.json$", re.I)),
    ("podcast", re.compile(r"streaming_?history_?podcast.*\.json$", re.I)),
    ("audiobook", re.compile(r"streaming_?history_?audiobook.*\.json$", re.I)),
    ("export", re.compile(r"(streaming_?history|endsong).*\.json$", re.I)),
    ("csv", re.compile(r".*\.csv$", re.I)),
    ("jsonl", re.compile(r".*\.(jsonl|ndjson)$", re.I)),
)
"""What a file is, by its name; the first that fits. A single file of another name is taken for an export when it ends in .json."""
EXPECTED = "Streaming_History_Audio_*.json, endsong_*.json, StreamingHistory_music_*.json, *.csv or *.jsonl"


class Found(NamedTuple):
    """A file to read: where it lies (or will, once it is unpacked), its name as messages print it, and its kind in KINDS."""

    path: Path
    name: str
    kind: str
    archive: zipfile.ZipFile | None = None
    member: zipfile.ZipInfo | None = None


class Problem(NamedTuple):
    """What could not be read: file, index of the row in it (-1: the file itself), field, and what was wrong. Never the value."""

    file: str
    row: int
    field: str
    problem: str


@contextmanager
def opened(path: Path) -> Iterator[list[Found]]:
    """The files of an export, in the order of their names; what is unpacked of a zip goes away with the block."""
    if not (path.is_dir() or path.is_file()):
        raise BadInput(
            f"{path}: no such file or folder; expected an export as zip or folder, or a .json, .csv or .jsonl file"
        )
    with TemporaryDirectory(prefix="liner-import-") as folder, ExitStack() as stack:
        if path.is_dir():
            found = _in_folder(path, stack, Path(folder))
        elif zipfile.is_zipfile(path):
            found = _in_zip(path, stack, Path(folder))
        else:
            found = [Found(path, _printable(path.name), kind_of(path.name) or _only_choice(path))]
        if not found:
            raise BadInput(f"{path}: nothing to read; expected {EXPECTED}")
        sizes = [file.member.file_size if file.member else file.path.stat().st_size for file in found]
        for what, count, most in (
            ("files", len(sizes), MOST_FILES),
            ("bytes in one file", max(sizes), MOST_FILE_BYTES),
            ("bytes", sum(sizes), MOST_BYTES),
        ):
            if count > most:
                raise BadInput(f"{path}: {count:,} {what}, at most {most:,} are read; import it in parts")
        yield sorted(found, key=lambda file: file.name)


@contextmanager
def unpacked(file: Found) -> Iterator[Path | None]:
    """Where the file can be read inside the block; None when its member is torn, encrypted or larger than it says."""
    if file.archive is None or file.member is None:
        yield file.path
        return
    try:
        with file.archive.open(file.member) as source, file.path.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # a full disk; bz2 calls torn data an OSError without a number
            raise
        file.path.unlink(missing_ok=True)
        yield None
        return
    yield file.path
    file.path.unlink()


def kind_of(name: str) -> str | None:
    """The kind of a file by its name, None when it is not one to read."""
    return next((kind for kind, pattern in KINDS if pattern.search(name) and not name.startswith(".")), None)


def _only_choice(path: Path) -> str:
    if path.suffix.lower() == ".zip":
        raise BadInput(f"{path}: not a whole zip; download the export again")
    if path.suffix.lower() != ".json":
        raise BadInput(f"{path}: not a zip, and not named .json, .csv or .jsonl; give the export as it was downloaded")
    return "export"


def _in_folder(path: Path, stack: ExitStack, unpack: Path) -> list[Found]:
    found = []
    for folder, _, names in os.walk(path, followlinks=False):
        for name in names:
            file, kind = Path(folder) / name, kind_of(name)
            if file.is_symlink() or not file.is_file():
                continue
            if file.suffix.lower() == ".zip" and zipfile.is_zipfile(file):
                found += _in_zip(file, stack, Path(mkdtemp(dir=unpack)))
            elif kind or file.suffix.lower() == ".zip":
                found.append(Found(file, _printable(name), kind or _only_choice(file)))
    return found


def _in_zip(path: Path, stack: ExitStack, folder: Path) -> list[Found]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError) as error:
        raise BadInput(f"{path}: not a readable zip ({error}); download the export again") from error
    found = []
    if len(archive.infolist()) > MOST_FILES:
        raise BadInput(
            f"{path}: {len(archive.infolist()):,} files, at most {MOST_FILES:,} are read; import it in parts"
        )
    for number, member in enumerate(archive.infolist()):
        kind = kind_of(PurePosixPath(member.filename).name)
        if kind and not member.is_dir():
            if member.file_size > max(SMALL_BYTES, MOST_RATIO * member.compress_size):
                raise BadInput(
                    f"{path}: a member of {member.file_size:,} bytes is packed into {member.compress_size:,}; no export does that"
                )
            found.append(
                Found(folder / f"{number:05d}", _printable(PurePosixPath(member.filename).name), kind, archive, member)
            )
    return found


def _printable(name: str) -> str:
    """A file's own name for a message, without its folders (which may name a person) and without control characters."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)[:200]
