"""Voices: formant speech of made-up syllables. Source and filter (Fant 1960): a pulse train with a melody of its own and noise,
shaped frame by frame by three formants that move from sound to sound, in phrases with pauses between them.

Vowels are Peterson and Barney's (1952) averages, stretched by the length of the speaker's vocal tract. What is said means nothing.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import oaconvolve

from shared.world.rng import generator
from shared.world.sound.synth import Sound, room

Floats = NDArray[np.float64]

VOWELS = np.array([
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
    (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
], np.float64)  # fmt: skip
BANDWIDTHS = (70.0, 100.0, 150.0)
"""Of the formants, Hz."""
FRAME_S = 0.01
WINDOW_S = 0.0232


class Speaker(NamedTuple):
    """Mean pitch in Hz, its spread in semitones, vocal tract's stretch of the formants, syllables a second, breath, spectral tilt."""

    pitch: float
    spread: float
    stretch: float
    pace: float
    breath: float
    tilt: float


def speaker_of(seed: int, speaker: int) -> Speaker:
    """Traits of a speaker: half have low voices, half high ones."""
    rng = generator(seed, f"sound/speaker/{speaker}")
    low = rng.random() < 0.5
    return Speaker(
        rng.normal(115, 15) if low else rng.normal(200, 22), rng.uniform(1.5, 3.5), rng.normal(1.0 if low else 1.15, 0.04),
        rng.uniform(3.8, 5.8), rng.uniform(0.01, 0.05), rng.uniform(0.9, 1.5),
    )  # fmt: skip


def speak(seed: int, speaker: int, take: int, seconds: float, rate: int) -> Sound:
    """float32[seconds · rate]; another take says something else."""
    rng, who = generator(seed, f"sound/speech/{speaker}/{take}"), speaker_of(seed, speaker)
    frames = int(seconds / FRAME_S) + 2
    parts: list[Floats] = []
    while sum(len(part) for part in parts) < frames:
        parts.append(_phrase(rng, who))
    track = np.concatenate(parts)[:frames]  # (frames, 8): pitch, voicing, noise, noise's centre, formants 1–3, gain
    for column in (1, 4, 5, 6, 7):  # one sound glides into the next
        track[:, column] = np.convolve(track[:, column], np.hanning(7) / np.hanning(7).sum(), "same")
    return _shape(rng, who, track, int(seconds * rate), rate)


def _phrase(rng: np.random.Generator, who: Speaker) -> Floats:
    """One breath: 4 to 14 syllables and the pause after them."""
    count = int(rng.integers(4, 15))
    rows: list[Floats] = []
    for n in range(count):
        stress = rng.random() < 0.35
        height = 3 - 5 * n / count + (who.spread if stress else 0) + rng.normal(0, 0.6)  # falls towards the end
        rows += _syllable(rng, who, who.pitch * 2 ** (height / 12), 1.25 if stress else 0.9)
    pause = int(rng.lognormal(np.log(0.3), 0.6) / FRAME_S)
    rows.append(np.tile(rows[-1][-1] * [1, 0, 0, 1, 1, 1, 1, 0], (min(pause, 150), 1)))
    return np.concatenate(rows)


def _syllable(rng: np.random.Generator, who: Speaker, pitch: float, weight: float) -> list[Floats]:
    """A consonant, a vowel, sometimes a consonant again; rows of the track."""
    vowel = VOWELS[rng.integers(len(VOWELS))] * who.stretch * rng.normal(1, 0.03, 3)
    sounds = [_consonant(rng, pitch, vowel)] if rng.random() < 0.85 else []
    length = max(4, int(weight * rng.normal(0.6, 0.12) / who.pace / FRAME_S))
    bend = pitch * (1 + 0.04 * np.linspace(0, rng.normal(0, 1), length)) * (1 + 0.006 * rng.standard_normal(length))
    sung = np.tile([0, 1, who.breath, 2500, *vowel, weight], (length, 1))
    sung[:, 0] = bend
    sounds.append(sung)
    if rng.random() < 0.35:
        sounds.append(_consonant(rng, pitch, vowel))
    return sounds


def _consonant(rng: np.random.Generator, pitch: float, vowel: Floats) -> Floats:
    """Fricative, plosive or nasal, in frames."""
    kind = rng.random()
    if kind < 0.35:
        centre, voiced = rng.choice([2200, 3200, 4200, 5000]), 0.3 * (rng.random() < 0.4)
        return np.tile([pitch, voiced, 0.2, centre, *vowel, 0.5], (int(rng.integers(6, 13)), 1))
    if kind < 0.7:
        closed = np.tile([pitch, 0.05, 0.0, 1500, *vowel, 0.2], (int(rng.integers(3, 8)), 1))
        burst = np.tile([pitch, 0.1, 0.4, rng.choice([900, 1800, 3600]), *vowel, 0.9], (2, 1))
        return np.concatenate([closed, burst])
    return np.tile([pitch, 0.7, 0.01, 1000, 270, rng.uniform(900, 1600), 2200, 0.6], (int(rng.integers(4, 9)), 1))


def _shape(rng: np.random.Generator, who: Speaker, track: Floats, size: int, rate: int) -> Sound:
    """Pulses and noise, frame by frame multiplied by the vocal tract's response, overlapped and added."""
    hop = int(WINDOW_S * rate / 4)
    window = 4 * hop
    at = np.arange(0, size + window, hop)
    rows = track[np.minimum(at / rate / FRAME_S, len(track) - 1).astype(np.int64)].astype(np.float32)
    pitch = np.interp(np.arange(size + 2 * window) / (rate * FRAME_S), np.arange(len(track)), track[:, 0])
    cycles = np.cumsum(pitch / rate)
    pulses = (np.diff(np.floor(cycles), prepend=0.0) * np.sqrt(rate / pitch)).astype(np.float32)
    noise = rng.standard_normal(pulses.size, np.float32)
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    frequency = rfftfreq(window, 1 / rate).astype(np.float32)
    voiced, breathy = (rfft(sliding_window_view(source, window)[::hop][: at.size] * hann) for source in (pulses, noise))
    spectrum = voiced * (_tract(rows, frequency, who.tilt) * rows[:, 1:2])
    spectrum += breathy * (rows[:, 2:3] * np.exp(-(((frequency - rows[:, 3:4]) / (0.4 * rows[:, 3:4])) ** 2)))
    pieces = irfft(spectrum * rows[:, 7:8], window) * hann
    speech: Sound = np.zeros(at.size * hop + window, np.float32)
    for quarter in range(4):  # every fourth frame touches the next: whole rows side by side
        rest = pieces[quarter::4].ravel()
        speech[quarter * hop : quarter * hop + rest.size] += rest
    speech = oaconvolve(speech[window : window + size], room(rng, 0.3, rate))[:size]
    speech *= np.float32(0.1) / np.sqrt((speech**2).mean())
    return speech + rng.standard_normal(size, np.float32) * np.float32(2e-4)  # the recorder's noise


def _tract(rows: Sound, frequency: Sound, tilt: float) -> Sound:
    """Gain of three formants at each frequency, float32[frames, bins]; tilt as the glottis has it."""
    gain = np.maximum(frequency / 100, 1) ** np.float32(-tilt)
    for number, width in enumerate(BANDWIDTHS):
        squared = rows[:, 4 + number, None] ** 2
        gain = gain * np.minimum(
            squared / np.sqrt((squared - frequency**2) ** 2 + (np.float32(width) * frequency) ** 2), 12
        )
    return gain
