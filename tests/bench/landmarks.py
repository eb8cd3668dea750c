"""A landmark-pair matcher at audfprint's published settings, written anew from its description, as the peer of the benchmarks.

Ellis 2014, «The 2014 LabROSA audio fingerprint system»: 11,025 Hz, 512/256 STFT, log, high-pass along time (pole 0.98), peaks above a
threshold that every peak raises around itself (Gaussian, 30 bins) and that decays with time, forwards and then backwards; pairs with
|df| < 31 bins and 2 ≤ dt < 63 frames, three a peak, in 20 bits; a query is read at four sub-frame shifts; an answer needs five hashes
within ± 1 frame of one offset. The inner loops are compiled, so it runs faster than the original; the answers are the same idea's.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.signal import lfilter

RATE, WINDOW, HOP = 11_025, 512, 256
NEAREST, FURTHEST, WIDEST = 2, 63, 31
SHIFTS = 4
ENOUGH = 5


class Settings(NamedTuple):
    """Peaks a second aimed at, peaks a frame, pairs a peak, spread of a peak in bins."""

    density: float = 20.0
    per_frame: int = 5
    fan_out: int = 3
    spread: float = 30.0


PUBLISHED = Settings()
DENSER = Settings(70.0, 12, 10, 15.0)
"""A tuning for hard queries; references stay at the published settings."""


class Found(NamedTuple):
    """Reference, number of hashes on one offset, and the range of the query they span, in seconds."""

    reference: int
    count: int
    start_s: float
    end_s: float


class Index(NamedTuple):
    """Sorted hashes uint32[n], their reference int32[n] and frame int32[n]."""

    keys: np.ndarray
    reference: np.ndarray
    frame: np.ndarray


def build(references: list[np.ndarray]) -> Index:
    """The hash table of the references."""
    parts = [hashes(samples, PUBLISHED) for samples in references]
    key = np.concatenate([keys for keys, _ in parts])
    order = np.argsort(key, kind="stable")
    owner = np.repeat(np.arange(len(parts), dtype=np.int32), [keys.size for keys, _ in parts])
    return Index(key[order], owner[order], np.concatenate([frames for _, frames in parts])[order])


def query(index: Index, samples: np.ndarray, settings: Settings) -> list[Found]:
    """Every reference with enough hashes on one offset, most first."""
    shifted = [hashes(samples[shift * HOP // SHIFTS :], settings) for shift in range(SHIFTS)]
    asked = np.unique(np.concatenate([frame.astype(np.int64) << 32 | key for key, frame in shifted]))
    key, frame = (asked & 0xFFFFFFFF).astype(np.uint32), (asked >> 32).astype(np.int64)
    low, high = np.searchsorted(index.keys, key, "left"), np.searchsorted(index.keys, key, "right")
    count = high - low
    at = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
    asked_frame, asked_key = np.repeat(frame, count), np.repeat(key, count)
    reference, offset = index.reference[at], index.frame[at] - asked_frame
    return [
        found
        for name in np.unique(reference)
        if (found := _best(name, reference == name, offset, asked_frame, asked_key)) is not None
    ]


def _best(name, mine, offset, frame, key):
    offset, frame, key = offset[mine], frame[mine], key[mine]
    values, counts = np.unique(offset, return_counts=True)
    near = sum(
        np.where((at := np.searchsorted(values, values + d)) < values.size, counts[at.clip(max=values.size - 1)], 0)
        * (values[at.clip(max=values.size - 1)] == values + d)
        for d in (-1, 0, 1)
    )
    mode = values[np.argmax(near)]
    on = np.abs(offset - mode) <= 1
    distinct = np.unique(frame[on] << 32 | key[on]).size
    if distinct < ENOUGH:
        return None
    return Found(int(name), distinct, float(frame[on].min() * HOP / RATE), float(frame[on].max() * HOP / RATE))


def hashes(samples: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Keys uint32[n] and frames int32[n] of a sound, each pair once."""
    frames, bins = peaks(samples, settings)
    pairs = _pairs(frames, bins, settings.fan_out)
    if not len(pairs):
        return np.empty(0, np.uint32), np.empty(0, np.int32)
    unique = np.unique(pairs)
    return (unique & 0xFFFFF).astype(np.uint32), (unique >> 20).astype(np.int32)


def peaks(samples: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Frames and bins of the landmarks, in order of time."""
    padded = np.pad(samples, WINDOW // 2)
    if padded.size < WINDOW or not np.any(samples):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    window = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    magnitude = np.concatenate([np.abs(np.fft.rfft(cut[at : at + 4096] * window)) for at in range(0, len(cut), 4096)])
    logs = np.log(np.maximum(magnitude, magnitude.max() / 1e6))
    sharp = lfilter([1, -1], [1, -0.98], logs - logs.mean(), axis=0)[:, :-1]
    decay = 1 - 0.01 * settings.density * np.sqrt(HOP / 352.8) / 35
    found = _landmarks(np.ascontiguousarray(sharp), decay, settings.per_frame, settings.spread)
    return np.nonzero(found)


@njit(cache=True)
def _is_peak(row, b):
    return (b == 0 or row[b] >= row[b - 1]) and (b == row.size - 1 or row[b] > row[b + 1])


@njit(cache=True)
def _raise_around(threshold, bump, b, value):
    middle = threshold.size
    for k in range(threshold.size):
        threshold[k] = max(threshold[k], value * bump[middle + k - b])


@njit(cache=True)
def _landmarks(sharp, decay, per_frame, spread):
    frames, bins = sharp.shape
    bump = np.exp(-0.5 * ((np.arange(2 * bins + 1) - bins) / spread) ** 2)
    found = np.zeros((frames, bins), np.bool_)
    threshold, first = np.zeros(bins), np.zeros(bins)
    for f in range(min(10, frames)):
        first = np.maximum(first, sharp[f])
    for b in range(bins):
        if _is_peak(first, b):
            _raise_around(threshold, bump, b, first[b])
    for f in range(frames):
        above = np.array([b for b in range(bins) if sharp[f, b] > threshold[b] and _is_peak(sharp[f], b)], np.int64)
        for b in above[np.argsort(-sharp[f][above])][:per_frame]:
            _raise_around(threshold, bump, b, sharp[f, b])
            found[f, b] = True
        threshold *= decay
    threshold[:] = 0
    for b in range(bins):
        if _is_peak(sharp[-1], b):
            _raise_around(threshold, bump, b, sharp[-1, b])
    for f in range(frames - 1, -1, -1):
        at = np.nonzero(found[f])[0]
        for b in at[np.argsort(-sharp[f][at])]:
            if sharp[f, b] >= threshold[b]:
                _raise_around(threshold, bump, b, sharp[f, b])
                if f + 1 < frames:
                    found[f + 1, b] = False
            else:
                found[f, b] = False
        threshold *= decay
    return found


@njit(cache=True)
def _pairs(frames, bins, fan_out):
    """frame << 20 | bin << 12 | difference of bins << 6 | difference of frames, for each pair."""
    out = []
    for a in range(frames.size):
        made, b = 0, a + 1
        while b < frames.size and frames[b] - frames[a] < FURTHEST and made < fan_out:
            near, apart = abs(bins[b] - bins[a]) < WIDEST, frames[b] - frames[a]
            if near and apart >= NEAREST:
                out.append(frames[a] << 20 | (bins[a] & 255) << 12 | ((bins[b] - bins[a]) & 63) << 6 | apart)
                made += 1
            b += 1
    return np.array(out, np.int64) if len(out) else np.empty(0, np.int64)
