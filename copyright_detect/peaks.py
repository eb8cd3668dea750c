"""Landmarks: the local maxima of the spectrogram, in a box of time and frequency, loud or soft.

There is no global threshold and none that decays: a voice 15 dB above the music hides what lies under its harmonics, but between
them, in its pauses, below 150 Hz and above 4 kHz the maxima of the music are still the maxima of the mixture. The box sets the
density, and there are three, each within the one before: what a reference stores (few peaks), what an upload asks the index for
(more), and what is remembered of an upload to verify a match against (most). A maximum of a wider box is one of a narrower too, so
whatever was stored and survives is asked for, and whatever is asked for is remembered.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import scipy.fft

from copyright_detect.records import BINS, HOP, WINDOW

Powers = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Peaks(NamedTuple):
    """Local maxima, by row, then bin. Arrays of one length."""

    rows: Ints
    bins: Ints
    asked: Flags
    """Whether maximum of the wider box too: of KEY_BOX for an upload, whose keys are made of these."""
    power: Powers


class Box(NamedTuple):
    """A peak is the maximum of ± half_frames × ± half_bins around it."""

    half_frames: int
    half_bins: int


REFERENCE_BOX = Box(9, 9)
"""About 44 peaks a second are stored."""
KEY_BOX = Box(4, 5)
"""About 140 a second of an upload are asked for."""
UPLOAD_BOX = Box(3, 3)
"""About 250 a second are remembered, for verification."""
LOWEST = 4
"""Below 43 Hz lie hum and wind."""
STEP = 16
"""Frames that are judged at once: 0.37 s."""
MOST_STEPS = 32

HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
FLOOR = np.float32(1e-9)
"""Below this power (about 140 dB under full scale) lies the rounding of decoders, not music."""
RANGE = np.float32(1e-9)
"""Nor is a maximum 90 dB under the loudest bin of its frame: that is where float32 ends."""


def powers(samples: npt.NDArray[np.float32]) -> Powers:
    """Power spectrogram (frames, BINS) of samples; frame i covers samples [i·HOP, i·HOP + WINDOW). Frames: a multiple of 16.

    In full groups the FFT computes each frame by the same instructions, wherever it stands: chunks change no bit.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = scipy.fft.rfft(frames * HANN, axis=1, overwrite_x=True)
    power: Powers = _power(spectrum)
    return power


@numba.njit(cache=True, nogil=True)
def _power(spectrum: npt.NDArray[np.complex64]) -> Powers:
    out = np.empty((len(spectrum), BINS), np.float32)
    for frame in range(len(spectrum)):
        for f in range(BINS):
            value = spectrum[frame, f]
            out[frame, f] = value.real * value.real + value.imag * value.imag
    return out


@numba.njit(cache=True, nogil=True)
def local_maxima(power: Powers, box: Box, wider: Box) -> Peaks:
    """The maxima of a box, and which of them are maxima of a wider one.

    Only rows with the whole wider box inside `power` are judged. In time a maximum must be greater than what came before, so a
    steady tone, and silence, has none.
    """
    rows, bins, asked = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024, np.bool_)
    levels, count = np.empty(1024, np.float32), 0
    for t in range(wider.half_frames, len(power) - wider.half_frames):
        row = power[t]
        floor = max(FLOOR, RANGE * row.max())
        for f in range(LOWEST, BINS - 1):
            here = row[f]
            if here < row[f - 1] or here <= row[f + 1] or here < floor:
                continue
            if _is_maximum(power, t, f, box):
                if count == len(rows):
                    rows, bins = np.append(rows, rows), np.append(bins, bins)
                    asked, levels = np.append(asked, asked), np.append(levels, levels)
                rows[count], bins[count], levels[count] = t, f, here
                asked[count] = _is_maximum(power, t, f, wider)
                count += 1
    return Peaks(rows[:count], bins[:count], asked[:count], levels[:count])


@numba.njit(cache=True, nogil=True)
def _is_maximum(power: Powers, t: int, f: int, box: Box) -> bool:
    here = power[t, f]
    begin, end = max(f - box.half_bins, 0), min(f + box.half_bins + 1, BINS)
    for other in range(begin, end):
        if power[t, other] > here:
            return False
    for distance in range(1, box.half_frames + 1):
        for other in range(begin, end):
            if power[t - distance, other] >= here or power[t + distance, other] > here:
                return False
    return True


class Landmarks:
    """The peaks of a stream of samples, in whole steps; any chunking gives the same ones."""

    def __init__(self, box: Box, wider: Box) -> None:
        self.box, self.wider = box, wider
        self.samples = np.zeros(0, np.float32)  # not yet in a frame of their own
        self.power = np.zeros((2 * wider.half_frames, BINS), np.float32)  # rows that later maxima look back at
        self.rows = 0  # judged so far; row r is frame r − wider.half_frames

    def push(self, samples: npt.NDArray[np.float32]) -> Iterator[Peaks]:
        """What can be judged now, some steps at a time."""
        self.samples = np.concatenate([self.samples, samples])
        while (steps := min((len(self.samples) - WINDOW + HOP) // (HOP * STEP), MOST_STEPS)) > 0:
            used = steps * STEP * HOP
            power = np.concatenate([self.power, powers(self.samples[: used + WINDOW - HOP])])
            peaks = local_maxima(power, self.box, self.wider)
            shift = np.int32(self.rows - self.wider.half_frames)
            self.power, self.samples = power[steps * STEP :], self.samples[used:]
            self.rows += steps * STEP
            yield peaks._replace(rows=peaks.rows + shift)

    def finish(self) -> Iterator[Peaks]:
        """What is left when the stream ends: silence follows."""
        yield from self.push(np.zeros(WINDOW + (STEP + self.wider.half_frames) * HOP, np.float32))
