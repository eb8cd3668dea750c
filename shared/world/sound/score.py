"""Songs on paper: tempo, key, chords, bass, melody and drum pattern of a song, as notes; `synth` plays them.

A genre belongs to one of five families. Sections (A, B, C) have a progression and a motif each, and come back, so a song is like itself, as
songs are. The groove (tempo, key, drums) of some songs comes from a pack that other songs of the family use as well: a shared loop.
Bars are drawn in order, so a shorter song is the beginning of the longer one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.world.rng import generator

Floats = NDArray[np.float64]


class Style(NamedTuple):
    """A family of genres. Seconds; `roll_off` is the power by which partials fade; drums are 16 steps a bar: kick, snare, hat."""

    tempo: tuple[int, int]
    roll_off: float
    attack: float
    held: float  # share of the sections whose chords are held, the others' are broken
    echo: float  # reverberation
    jitter: float  # of the players' timing
    loops: float  # share of the songs on a shared groove
    drums: tuple[str, ...]


STYLES = {
    "club": Style((118, 136), 1.1, 0.004, 0.5, 0.5, 0.0, 0.12, ("x...x...x...x...", "....x.......x...", "..x...x...x...x.")),
    "beat": Style((78, 104), 1.4, 0.006, 0.5, 0.4, 0.003, 0.12, ("x.....x...x.....", "....x.......x..x", "x.x.x.x.x.x.xxx.")),
    "band": Style((96, 150), 1.0, 0.004, 0.3, 0.7, 0.006, 0.0, ("x...x.x.x.....x.", "....x.......x...", "x.x.x.x.x.x.x.x.")),
    "acoustic": Style((72, 120), 1.8, 0.006, 0.2, 0.9, 0.012, 0.0, ("x.......x.......", "....x.......x...", "x...x...x...x...")),
    "strings": Style((56, 96), 1.5, 0.07, 0.6, 1.6, 0.015, 0.0, ()),
}  # fmt: skip
FAMILY = {
    "pop": "club", "hip hop": "beat", "rock": "band", "electronic": "club", "latin": "beat", "r&b": "beat", "indie": "band",
    "metal": "band", "jazz": "acoustic", "classical": "strings", "folk": "acoustic", "country": "acoustic", "reggae": "beat",
    "soul": "acoustic", "punk": "band", "ambient": "strings", "house": "club", "techno": "club", "k-pop": "club", "afrobeats": "beat",
}  # fmt: skip
PACKS = 8
"""Grooves a family shares."""
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = (
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (0, 3, 4, 4),
    (1, 4, 0, 0),
    (0, 2, 3, 4),
    (0, 6, 3, 0),
    (3, 4, 2, 5),
)
FORM = "ABABCBAB"
BARS_PER_SECTION = 8
BASS, CHORDS, MELODY, KICK, SNARE, HAT = range(6)


class Groove(NamedTuple):
    """What songs on one loop have in common: beats a minute, MIDI key, scale, drum steps bool[3, 16], and the pack or None."""

    tempo: float
    key: float
    scale: tuple[int, ...]
    steps: NDArray[np.bool_]
    pack: int | None


class Section(NamedTuple):
    """Material that comes back: a chord a bar, the melody's (eighth, length, degree), the bass's eighths, held or broken chords."""

    chords: tuple[int, ...]
    melody: list[tuple[int, int, int]]
    bass: list[int]
    held: bool


class Notes(NamedTuple):
    """Columns [notes]: start and length in seconds, MIDI pitch (drums: 0), gain, and which line plays."""

    start: Floats
    length: Floats
    pitch: Floats
    gain: Floats
    line: NDArray[np.int64]


def groove_of(seed: int, track_id: int, genre: str) -> Groove:
    """The groove of a song; its own, or one of its family's packs."""
    family = FAMILY[genre]
    rng = generator(seed, f"sound/groove/{track_id}")
    pack = int(rng.integers(PACKS)) if rng.random() < STYLES[family].loops else None
    if pack is not None:
        rng = generator(seed, f"sound/pack/{family}/{pack}")
    style = STYLES[family]
    steps = np.array([[step == "x" for step in line] for line in style.drums] or np.zeros((3, 16)), bool)
    steps ^= rng.random(steps.shape) < 0.09 * bool(style.drums)  # everybody's own pattern
    return Groove(
        rng.uniform(*style.tempo), 36 + rng.uniform(0, 12), MAJOR if rng.random() < 0.5 else MINOR, steps, pack
    )  # fmt: skip


def compose(seed: int, track_id: int, genre: str, seconds: float) -> Notes:
    """The notes of a song that begin before `seconds`."""
    rng, style = generator(seed, f"sound/score/{track_id}"), STYLES[FAMILY[genre]]
    groove = groove_of(seed, track_id, genre)
    sections = {name: _section(rng, style) for name in sorted(set(FORM))}
    bar_s, blocks = 240 / groove.tempo, []
    for bar in range(int(seconds / bar_s) + 1):
        rows = np.array(_bar(rng, sections[FORM[bar // BARS_PER_SECTION % len(FORM)]], groove, bar))
        rows[:, :2] *= bar_s
        rows[:, 0] += (
            style.jitter * rng.standard_normal(len(rows)) * (rows[:, 4] < KICK if groove.pack is not None else 1)
        )
        blocks.append(rows)
    start, length, pitch, gain, line = np.concatenate(blocks).T
    kept = (start >= 0) & (start < seconds)
    return Notes(start[kept], length[kept], pitch[kept], gain[kept], line[kept].astype(np.int64))


def _section(rng: np.random.Generator, style: Style) -> Section:
    melody, step, degree = [], int(rng.integers(0, 3)), int(rng.integers(0, 7))
    while step < 4 * 8:  # four bars of eighths
        length = int(rng.choice([1, 1, 2, 2, 3, 4]))
        if rng.random() < 0.85:
            melody.append((step, length, degree))
        step, degree = step + length, int(np.clip(degree + rng.integers(-3, 4), -4, 11))
    bass = [0, *(step for step in range(1, 8) if rng.random() < 0.4)]
    return Section(PROGRESSIONS[rng.integers(len(PROGRESSIONS))], melody, bass, rng.random() < style.held)


def _bar(rng: np.random.Generator, section: Section, groove: Groove, bar: int) -> list[tuple[float, ...]]:
    """Notes of one bar as (start, length, pitch, gain, line), times in bars."""
    root = section.chords[bar % 4]
    chord = [root, root + 2, root + 4, *([root + 6] if rng.random() < 0.3 else [])]
    loud = rng.uniform(0.6, 1.0, 64)  # how hard each note is played; more than a bar has
    rows: list[tuple[float, ...]] = [
        (bar + step / 8, 0.115, _pitch(groove, root), loud[step], BASS) for step in section.bass
    ]
    if section.held:
        for n, degree in enumerate(chord):
            rows.append((bar, 0.97, 24 + _pitch(groove, degree), loud[8 + n] * 0.6, CHORDS))
    else:
        for n, k in enumerate(rng.integers(0, len(chord), 8)):
            rows.append((bar + n / 8, 0.2, 24 + _pitch(groove, chord[k]), loud[8 + n] * 0.8, CHORDS))
    for step, length, degree in section.melody:
        if step // 8 == bar % 4:
            varied = degree + int(rng.integers(-2, 3)) * (rng.random() < 0.2)
            rows.append((bar + step % 8 / 8, length / 8, 36 + _pitch(groove, varied), loud[16 + step], MELODY))
    before_the_next = bar % BARS_PER_SECTION == BARS_PER_SECTION - 1  # the kick drum waits
    for drum, step in np.argwhere(groove.steps):
        if not (before_the_next and drum == 0 and step >= 8):
            rows.append((bar + step / 16, 0.3, 0.0, 0.85 if groove.pack is not None else loud[48 + step], KICK + drum))
    return rows


def _pitch(groove: Groove, degree: int) -> float:
    """MIDI pitch of a degree of the song's scale; fractions of a semitone are the song's own tuning."""
    return groove.key + groove.scale[degree % 7] + 12 * (degree // 7)
