"""From any file to mono float32 at one rate, block by block, so that ten hours need no more memory than ten seconds.

libsndfile reads WAV, FLAC, OGG, MP3 and more at 300 times real time; what it refuses goes through an ffmpeg pipe, which knows
every other container, video too. Bytes and decoded seconds are counted while they flow: a file that lies about its length, or
a few kilobytes that unpack to days, stop at the limit. Stereo that cancels in mono (one channel inverted) is heard as L − R.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from copyright_detect.records import SAMPLE_RATE
from shared.errors import BadInput

Samples = npt.NDArray[np.float32]
MAX_SECONDS = 12 * 3600.0
MAX_BYTES = 8 << 30
LOUDEST = 1e6
"""Samples beyond are noise of a broken encoder; full scale is 1."""
CANCELS = 0.01
"""Mono is replaced by L − R when less than this share of the channels' power is left in it."""
RATES = (2_000, 768_000)
BLOCK = 1 << 18
"""Samples of all channels that are decoded at once."""
FFMPEG_SECONDS = 1800
"""Of processor time; twelve hours of MP3 need some minutes."""
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,ogg,tta,wav,w64,wv"
)
"""What ffmpeg may open: media, no playlists, which would make it read other files."""


def decode(path: str | Path, max_seconds: float = MAX_SECONDS, max_bytes: int = MAX_BYTES) -> Iterator[Samples]:
    """Blocks of mono float32 at SAMPLE_RATE.

    BadInput, in one line, when it is empty, no audio, or passes a limit; the blocks before the limit were yielded.
    """
    path = Path(path)
    _check_file(path, max_bytes)
    heard = 0
    for block in _blocks(path):
        heard += len(block)
        if heard > max_seconds * SAMPLE_RATE:
            raise BadInput(f"{show(path)}: longer than {max_seconds:,.0f} s; cut it into pieces")
        yield block
    if not heard:
        raise BadInput(f"{show(path)}: holds no audio; expected at least one sample")


def decode_all(path: str | Path) -> Samples:
    """The whole of a (short) recording."""
    return np.concatenate(list(decode(path)))


def show(path: str | Path) -> str:
    """A path as text that any output takes, whatever bytes its name holds."""
    return os.fsencode(path).decode(errors="replace")


def _check_file(path: Path, max_bytes: int) -> None:
    if not path.is_file():
        raise BadInput(f"{show(path)}: no such file; expected an audio file")
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{show(path)}: is empty; expected an audio file")
    if size > max_bytes:
        raise BadInput(f"{show(path)}: {size:,} bytes; expected at most {max_bytes:,}")


def _blocks(path: Path) -> Iterator[Samples]:
    """Mono blocks at SAMPLE_RATE by the first decoder that opens the file."""
    try:
        # by descriptor: libsndfile then goes by the content, not by a name that may lie or not be UTF-8
        opened = soundfile.SoundFile(os.open(path, os.O_RDONLY), closefd=True)
    except (soundfile.LibsndfileError, TypeError):
        yield from _ffmpeg(path)
        return
    with opened as file:
        if not RATES[0] <= file.samplerate <= RATES[1]:
            raise BadInput(f"{show(path)}: {file.samplerate:,} Hz; expected {RATES[0]:,} to {RATES[1]:,} Hz")
        resample = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        for block in _read(file):
            yield resample.resample_chunk(mono(block))
        yield resample.resample_chunk(np.zeros(0, np.float32), last=True)


def _read(file: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks (n, channels); a torn file ends where it is torn."""
    frames = max(BLOCK // file.channels, 256)
    with suppress(soundfile.LibsndfileError):
        while len(block := file.read(frames, dtype="float32", always_2d=True)):
            yield block


def mono(block: npt.NDArray[np.float32]) -> Samples:
    """(n, channels) → (n,): the mean, or half of L − R where the mean cancels; no NaN, no infinity."""
    if not np.isfinite(block).all():
        block = np.where(np.isfinite(block), block, np.float32(0))
    block = np.clip(block, -LOUDEST, LOUDEST)
    middle: Samples = block.mean(axis=1, dtype=np.float32)
    if block.shape[1] >= 2 and np.square(middle).mean() < CANCELS * np.square(block[:, :2]).mean():
        return (block[:, 0] - block[:, 1]) * np.float32(0.5)
    return middle


def _ffmpeg(path: Path) -> Iterator[Samples]:
    """The first audio stream of whatever ffmpeg opens, as stereo, then mono; BadInput with its last words when it opens nothing."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise BadInput(f"{show(path)}: no WAV, FLAC, OGG or MP3; install ffmpeg to read other formats, or convert it")
    bounds = f"-timelimit {FFMPEG_SECONDS} -format_whitelist {FORMATS} -protocol_whitelist file"
    options = ["-v", "error", "-nostdin", *bounds.split()]
    output = ["-map", "0:a:0", "-ac", "2", "-ar", str(SAMPLE_RATE), "-f", "f32le", "pipe:1"]
    with tempfile.TemporaryFile() as words:
        command = [program, *options, "-i", f"file:{path}", *output]
        process, heard = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words), False
        assert process.stdout is not None
        try:
            while data := process.stdout.read(BLOCK * 4):
                heard = True
                yield mono(np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2))
            process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if not heard:
            words.seek(0)
            said = words.read()[-400:].decode(errors="replace").strip().splitlines() or ["nothing decoded"]
            raise BadInput(f"{show(path)}: no audio in it ({said[-1].split('] ')[-1][:120]})")
