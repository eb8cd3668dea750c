"""Two spectrograms, one under the other, at one pace, and the peaks that both should have.

Read in a glance: the reference is drawn at the tempo that was found, straight under the upload, with the peaks that the index
stored ringed in it; in the upload the ring is bright where the same peak was found, and dim where a voice or a codec took it.
"""

import io
from typing import NamedTuple
from unicodedata import combining, normalize

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.fft import rfft
from scipy.ndimage import maximum_filter

from copyright_detect.records import BINS, FRAMES_PER_SECOND, HOP, SAMPLE_RATE, WINDOW, Match

WIDTH, LEFT, RIGHT, TOP, PANEL, BETWEEN, BOTTOM = 1120, 64, 16, 92, BINS // 2, 58, 34
RANGE_DB = 70.0
PALETTE = ((10, 10, 22), (70, 22, 108), (170, 52, 106), (240, 124, 70), (252, 232, 170))
INK, QUIET, FOUND, LOST, SPAN = (236, 234, 229), (165, 168, 174), (120, 240, 190), (122, 122, 140), (255, 255, 255)


class Side(NamedTuple):
    """What is drawn of a file: dB float32[frames, BINS], the time of its first frame, and seconds of it per second of upload."""

    name: str
    decibels: NDArray[np.float32]
    from_s: float
    pace: float


def decibels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """dB under the loudest bin, float32[frames, BINS]; frame i is centred on sample i · HOP."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    frames = sliding_window_view(padded, WINDOW)[: max(samples.size, 1) : HOP]
    spectrum = np.abs(rfft(frames * np.hanning(WINDOW + 1)[:-1].astype(np.float32), axis=1)[:, :BINS])
    return np.asarray(20 * np.log10(np.maximum(spectrum / max(float(spectrum.max()), 1e-3), 1e-5)), np.float32)


def found_peaks(upload: Side, match: Match, peaks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[n]: whether a local maximum of the upload lies within a frame and a bin of each peak (seconds of reference, bin)."""
    maxima = (upload.decibels >= maximum_filter(upload.decibels, (7, 7))) & (upload.decibels > -99)
    near = np.pad(maximum_filter(maxima, (3, 3)), 1)
    seconds = match.start_s + (peaks[0] - match.ref_start_s) / match.tempo - upload.from_s
    at = np.clip(np.rint(seconds * FRAMES_PER_SECOND).astype(int) + 1, 0, len(near) - 1)
    return np.asarray(near[at, peaks[1].astype(int) + 1])


def draw(
    upload: Side, reference: Side, match: Match, peaks: NDArray[np.float64], found: NDArray[np.bool_], drawn_s: float
) -> bytes:
    """The PNG. peaks: float64[2, n], seconds of the reference and bin; found: bool[n]."""
    height = TOP + 2 * PANEL + BETWEEN + BOTTOM
    image = Image.new("RGB", (WIDTH, height), (21, 23, 26))
    pen = ImageDraw.Draw(image)
    shown_s = upload.decibels.shape[0] / FRAMES_PER_SECOND
    scale = (WIDTH - LEFT - RIGHT) / shown_s  # pixels a second of upload
    _heading(pen, match, found, drawn_s)
    begin, end = ((at - upload.from_s) * scale + LEFT for at in (match.start_s, match.start_s + drawn_s))
    for side, top in ((upload, TOP), (reference, TOP + PANEL + BETWEEN)):
        image.paste(_panel(side, shown_s), (LEFT, top))
        _axes(pen, side, top, shown_s, scale)
        pen.line([(begin, top + PANEL), (begin, top - 6), (end, top - 6), (end, top + PANEL)], fill=SPAN, width=2)
    xs = begin + (peaks[0] - match.ref_start_s) / reference.pace * scale
    ys = PANEL - 1 - peaks[1] / 2
    for x, y, here in zip(xs.tolist(), ys.tolist(), found.tolist(), strict=True):
        for top, colour in ((TOP, FOUND if here else LOST), (TOP + PANEL + BETWEEN, FOUND)):
            pen.ellipse([(x - 3, top + y - 3), (x + 3, top + y + 3)], outline=colour)
    out = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _panel(side: Side, shown_s: float) -> Image.Image:
    """A spectrogram as wide as the upload's, low notes at the bottom, two bins a row."""
    pixels = WIDTH - LEFT - RIGHT
    columns = (np.arange(pixels) + 0.5) / pixels * shown_s * side.pace * FRAMES_PER_SECOND
    columns = np.minimum(columns.astype(int), len(side.decibels) - 1)
    level = side.decibels.reshape(len(side.decibels), PANEL, 2).max(axis=2)[columns].T[::-1]
    share = np.clip(1 + level / RANGE_DB, 0, 1)
    steps = np.linspace(0, 1, len(PALETTE))
    rgb = [np.interp(share, steps, [colour[channel] for colour in PALETTE]) for channel in range(3)]
    return Image.fromarray(np.stack(rgb, axis=2).astype(np.uint8))


def _heading(pen: ImageDraw.ImageDraw, match: Match, found: NDArray[np.bool_], drawn_s: float) -> None:
    begin, end, ref_begin, ref_end = map(clock, match[1:5])
    rate = f"{match.expected_false_alarms_per_1000h:.1g} false alarms expected in 1,000 hours"
    peaks = f"{int(found.sum())} of {found.size} stored peaks found in {drawn_s:.0f} s"
    span = f"upload {begin} to {end}  =  reference {ref_begin} to {ref_end}   at {match.tempo:.3f} times the tempo"
    lines = ((match.reference[:80], 20, 8), (span, 15, 36), (f"score {match.score:.0f} bits: {rate}; {peaks}", 15, 58))
    for text, size, y in lines:
        pen.text((LEFT, y), plain(text), fill=INK, font=ImageFont.load_default(size))


def _axes(pen: ImageDraw.ImageDraw, side: Side, top: int, shown_s: float, scale: float) -> None:
    font, floor = ImageFont.load_default(12), top + PANEL
    pen.text((LEFT, floor + 18), side.name, fill=QUIET, font=font)
    for kilohertz in range(1, 6):
        y = floor - kilohertz * 1000 / (SAMPLE_RATE / 2) * PANEL
        pen.text((LEFT - 8, y), f"{kilohertz} kHz", fill=QUIET, font=font, anchor="rm")
    step = 5 if shown_s > 12 else 1
    for second in range(-(-max(int(side.from_s + 1), 0) // step) * step, int(side.from_s + shown_s * side.pace), step):
        x = LEFT + (second - side.from_s) / side.pace * scale
        pen.line([(x, floor), (x, floor + 4)], fill=QUIET)
        pen.text((x, floor + 5), clock(second, digits=0), fill=QUIET, font=font, anchor="mt")


def plain(text: str) -> str:
    """The text in the letters that the picture's font has; the record and the page show it whole."""
    letters = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return letters.encode("ascii", "replace").decode()


def clock(seconds: float, digits: int = 1) -> str:
    """`75.25` → `1:15.3`."""
    rounded = round(seconds, digits)
    minutes, rest = divmod(rounded, 60)
    return f"{int(minutes)}:{rest:0{3 + digits if digits else 2}.{digits}f}"
