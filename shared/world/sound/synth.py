"""Notes to sound: wavetable instruments whose bright half dies first, drums from noise, a room, a limiter.

Every note is one table look-up a sample and an envelope, added into its place; a minute of music takes a fraction of a second.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, oaconvolve

from shared.world.rng import generator
from shared.world.sound.score import BASS, CHORDS, FAMILY, HAT, KICK, MELODY, SNARE, STYLES, Notes, Style, groove_of

Sound = NDArray[np.float32]

TABLE = 2048
"""Samples of one period; below 0.1 % error without interpolation."""
LEVELS = {BASS: 0.5, CHORDS: 0.28, MELODY: 0.34, KICK: 0.9, SNARE: 0.5, HAT: 0.22}
TAKES = 4
"""How many different hits a drum has when it is played by hand."""


def play(seed: int, track_id: int, genre: str, notes: Notes, seconds: float, rate: int) -> Sound:
    """float32[seconds · rate], about −1 to 1."""
    rng, style = generator(seed, f"sound/play/{track_id}"), STYLES[FAMILY[genre]]
    pack = groove_of(seed, track_id, genre).pack
    kit_rng = rng if pack is None else generator(seed, f"sound/kit/{FAMILY[genre]}/{pack}")
    kit = {
        drum: [_hit(kit_rng, drum, rate) for _ in range(TAKES if pack is None else 1)] for drum in (KICK, SNARE, HAT)
    }
    tables = {line: _instrument(rng, style) for line in (BASS, CHORDS, MELODY)}
    hall = room(rng, style.echo, rate)
    size, tone = int(seconds * rate), rng.uniform(0.4, 0.65)  # the desk's tone: less and less above a kilohertz
    dry = np.zeros(size + 4 * rate, np.float32)
    takes = (notes.gain * 1000).astype(np.int64)  # the strength of a stroke chooses how it sounds
    at = np.rint(notes.start * rate).astype(np.int64)
    for n, line in enumerate(notes.line.tolist()):
        if line in kit:
            sound = kit[line][takes[n] % len(kit[line])]
        else:
            sound = _tone(tables[line], style, line, notes.pitch[n], notes.length[n], rate)
        dry[at[n] : at[n] + sound.size] += np.float32(notes.gain[n] * LEVELS[line]) * sound
    wet = oaconvolve(lfilter([1 - tone], [1, -tone], dry[:size]).astype(np.float32), hall)[:size]
    hiss = rng.standard_normal(size, np.float32) * np.float32(3e-4)  # drawn last: as long as the song
    mastered: Sound = np.tanh(np.float32(1.4) * wet + hiss)
    return mastered


def _instrument(rng: np.random.Generator, style: Style) -> NDArray[np.float32]:
    """Partials of an instrument, the same 40 for every note, drawn about the roll-off: amplitudes float32[40]."""
    partials = np.arange(1, 41)
    amplitudes = partials ** -(style.roll_off * rng.uniform(0.75, 1.3)) * np.exp(0.6 * rng.standard_normal(40))
    amplitudes[1::2] *= rng.uniform(0.2, 1.0)  # between a clarinet's missing even partials and a string's
    loudness = np.sqrt((amplitudes**2).sum())
    return np.asarray(amplitudes / loudness, np.float32)


def _tone(amplitudes: NDArray[np.float32], style: Style, line: int, pitch: float, length: float, rate: int) -> Sound:
    """One note; the melody has vibrato, held notes stay, struck ones fade, and the upper partials fade first."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    samples = int((length + 0.08) * rate)
    t = np.arange(samples, dtype=np.float32) / np.float32(rate)
    cycles = np.float32(frequency) * t
    if line == MELODY:
        rising = np.minimum(t / 0.3, 1)
        cycles += np.float32(frequency * 0.004 / 5.5) * rising * np.sin(np.float32(2 * np.pi * 5.5) * t)
    index = (cycles * TABLE).astype(np.int64) & (TABLE - 1)
    top = max(1, min(amplitudes.size, int(0.47 * rate / frequency)))
    dark, bright = _periods(amplitudes[:top].tobytes())
    fade = 1.2 if length > 0.6 or style.attack > 0.02 else 0.35
    envelope = np.minimum(t / np.float32(style.attack), 1) * np.exp(-t / np.float32(fade))
    envelope *= np.clip((np.float32(samples / rate) - t) / np.float32(0.06), 0, 1)
    sound: Sound = envelope * (dark[index] + bright[index] * np.exp(-t / np.float32(fade / 3)))
    return sound


@lru_cache(maxsize=512)
def _periods(amplitudes: bytes) -> tuple[Sound, Sound]:
    """One period of the lower and of the upper partials; float32[TABLE] each."""
    spectrum = np.zeros(TABLE // 2 + 1, np.complex64)
    partials = np.frombuffer(amplitudes, np.float32)
    spectrum[1 : partials.size + 1] = partials * np.exp(2j * np.pi * np.arange(partials.size) ** 2 / 80) * TABLE / 2
    lower = spectrum.copy()
    lower[6:] = 0
    return tuple(np.fft.irfft(part, TABLE).astype(np.float32) for part in (lower, spectrum - lower))  # type: ignore[return-value]


def _hit(rng: np.random.Generator, drum: int, rate: int) -> Sound:
    """One hit of a drum."""
    t = np.arange(int(0.35 * rate)) / rate
    noise = rng.standard_normal(t.size)
    if drum == KICK:
        sweep = np.cumsum(rng.uniform(42, 60) + rng.uniform(60, 140) * np.exp(-t / 0.03)) / rate
        hit = np.sin(2 * np.pi * sweep) * np.exp(-t / rng.uniform(0.08, 0.16)) + 0.25 * noise * np.exp(-t / 0.004)
    elif drum == SNARE:
        body = np.sin(2 * np.pi * rng.uniform(160, 230) * t) * np.exp(-t / 0.06)
        hit = 0.7 * body + 0.6 * noise * np.exp(-t / rng.uniform(0.06, 0.14))
    else:
        hit = lfilter([1, -0.97], [1.0], noise) * np.exp(-t / rng.choice([0.02, 0.035, 0.09]))
    return np.asarray(hit, np.float32)


def room(rng: np.random.Generator, echo: float, rate: int) -> Sound:
    """Impulse response: the direct sound, and noise that fades by 60 dB in `echo` seconds."""
    t = np.arange(int(echo * rate)) / rate
    tail = rng.standard_normal(t.size) * 10 ** (-3 * t / echo)
    response = 0.35 * tail / np.sqrt((tail**2).sum())
    response[0] += 1
    return np.asarray(response, np.float32)
