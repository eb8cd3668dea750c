"""What happens to audio on its way: codecs, telephones, filters, another tempo. Each by ffmpeg, from and to mono float32."""

import shutil
import subprocess
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from copyright_detect.records import SAMPLE_RATE
from shared.errors import BadInput

Samples = npt.NDArray[np.float32]
RAW = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1"]


def _ffmpeg(samples: bytes, arguments: list[str]) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise BadInput("no ffmpeg on this machine; install it to make codecs, telephones and tempo")
    command = [program, "-v", "error", "-nostdin", *arguments]
    return subprocess.run(command, input=samples, stdout=subprocess.PIPE, check=True).stdout


def filtered(samples: Samples, filters: str) -> Samples:
    """Through a chain of ffmpeg's filters."""
    arguments = [*RAW, "-i", "pipe:0", "-af", filters, *RAW, "pipe:1"]
    return np.frombuffer(_ffmpeg(samples.tobytes(), arguments), np.float32)


def coded(samples: Samples, encode: list[str]) -> Samples:
    """Encoded and decoded again."""
    data = _ffmpeg(samples.tobytes(), [*RAW, "-i", "pipe:0", *encode, "pipe:1"])
    return np.frombuffer(_ffmpeg(data, ["-i", "pipe:0", *RAW, "pipe:1"]), np.float32)


MP3 = ["-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"]
PHONE = ["-af", "highpass=f=300,lowpass=f=3400", "-ar", "8000", "-c:a", "pcm_mulaw", "-f", "wav"]

TRANSFORMS: dict[str, tuple[Callable[[Samples], Samples] | None, float]] = {
    "mp3 64k": (partial(coded, encode=MP3), 1.0),
    "telephone": (partial(coded, encode=PHONE), 1.0),
    "low-pass 2 kHz": (partial(filtered, filters="lowpass=f=2000,lowpass=f=2000"), 1.0),
    "ducking": (None, 1.0),
    "tempo +5 %": (partial(filtered, filters="atempo=1.05"), 1.05),
    "tempo -5 %": (partial(filtered, filters="atempo=0.95"), 0.95),
}
"""Name → (what it does, how many times faster it plays). Ducking is done where the mix is made."""
