"""The world as sound, on demand and from its seed: songs of the catalogue, voices, and both at a stated level.

    from shared.world.sound import catalogue, mix, song, voice
    releases = catalogue(lake, 50)                       # the first tracks of the world's `tracks`
    upload = mix(voice(1, speaker=7, seconds=60), song(1, releases[0], seconds=15), level_db=-6, at=20)

Nothing is stored: the same arguments give the same samples (to float rounding on another class of CPU), a shorter song is the beginning
of the longer one, and the datasets of the world have no byte of it. Rate 11,025 Hz unless another is asked for.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import lfilter

from shared.world.rng import generator
from shared.world.sound.score import FAMILY, compose, groove_of
from shared.world.sound.synth import Sound, play
from shared.world.sound.voice import speak

if TYPE_CHECKING:
    from shared.lake import Lake

RATE = 11_025


class Release(NamedTuple):
    """A track as sound: its id, title, genre, length, and the track whose recording it repeats (itself, mostly)."""

    track_id: int
    title: str
    genre: str
    seconds: float
    original: int


def catalogue(lake: "Lake", count: int) -> list[Release]:
    """The first `count` tracks of a world; a recording that came before under another id is a near-duplicate release of it."""
    table = lake.dataset("tracks").table(["track_id", "recording", "title", "genre", "duration_ms"]).slice(0, count)
    first: dict[str, int] = {}
    return [
        Release(row["track_id"], row["title"], row["genre"], row["duration_ms"] / 1000, first.setdefault(row["recording"], row["track_id"]))
        for row in table.to_pylist()
    ]  # fmt: skip


def song(seed: int, release: Release, seconds: float | None = None, rate: int = RATE) -> Sound:
    """float32[seconds · rate] of a release, the whole of it unless seconds are given. A near-duplicate is the original, remastered:
    another equaliser, a harder limiter, a start up to two seconds later."""
    seconds = release.seconds if seconds is None else min(seconds, release.seconds)
    if release.original == release.track_id:
        notes = compose(seed, release.track_id, release.genre, seconds)
        return play(seed, release.track_id, release.genre, notes, seconds, rate)
    rng = generator(seed, f"sound/release/{release.track_id}")
    late = int(rng.uniform(0, 2) * rate)
    original = release._replace(track_id=release.original, seconds=math.inf)
    sound = song(seed, original, seconds + 2, rate)[late : late + int(seconds * rate)]
    shelf = rng.uniform(-0.5, 0.5)
    return np.asarray(np.tanh(lfilter([1.0, shelf], [1.0], sound) * rng.uniform(0.8, 1.6)), np.float32)


def loop_of(seed: int, release: Release) -> tuple[str, int] | None:
    """Truth: the shared groove a song stands on, or None. Two songs on one groove have the same drums."""
    pack = groove_of(seed, release.original, release.genre).pack
    return None if pack is None else (FAMILY[release.genre], pack)


def voice(seed: int, speaker: int, seconds: float, take: int = 0, rate: int = RATE) -> Sound:
    """float32[seconds · rate] of a speaker talking, RMS 0.1; another take says something else."""
    return speak(seed, speaker, take, seconds, rate)


def mix(speech: Sound, music: Sound, level_db: float, at: float = 0.0, rate: int = RATE) -> Sound:
    """The speech with the music under it from `at` seconds on, 20 ms of fade at both ends.

    level_db is the RMS of the music against that of the speech over the overlap, pauses included; math.inf puts the music, as loud as the
    speech was, in its place. Scaled down as a whole where it would clip.
    """
    mixed = speech.astype(np.float32)
    overlap = slice(int(at * rate), min(int(at * rate) + music.size, speech.size))
    under = music[: overlap.stop - overlap.start].astype(np.float32)
    fade = np.clip(np.arange(under.size) / (0.02 * rate), 0, 1).astype(np.float32)
    loudness = rms(speech[overlap]) / max(rms(under), 1e-9) * (1 if math.isinf(level_db) else 10 ** (level_db / 20))
    under = under * fade * fade[::-1] * np.float32(loudness)
    mixed[overlap] = under if math.isinf(level_db) else mixed[overlap] + under
    return mixed * np.float32(min(1.0, 0.98 / max(float(np.abs(mixed).max()), 1e-9)))


def rms(sound: Sound) -> float:
    """Root of the mean square; 0 for nothing."""
    return float(np.sqrt((sound.astype(np.float64) ** 2).mean())) if sound.size else 0.0
