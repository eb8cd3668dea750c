import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect import verify
from copyright_detect.peaks import STEP
from copyright_detect.verify import MEMORY, Line, best_line, remember, silence, weigh
from tests.copyright_detect import oracle


def heard_of(peaks, steps):
    heard = silence()
    for step in range(steps):
        now = np.array(sorted(p for p in peaks if p[0] // STEP == step), np.int32).reshape(-1, 2)
        remember(heard, step, now[:, 0].copy(), now[:, 1].copy())
    return heard


def random_peaks(seed, frames, rate=6, bins=40):
    rng = np.random.default_rng(seed)
    return sorted({(int(rng.integers(frames)), int(rng.integers(4, bins))) for _ in range(frames * rate // 4)})


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.95, 1.0, 1.05]))
def test_evidence_is_the_best_of_all_segments(seed, tempo):
    steps = 5
    peaks = random_peaks(seed, steps * STEP)
    rng = np.random.default_rng(seed)
    same = [(int(7000 + tempo * t), f) for t, f in peaks if 20 < t < 60 and rng.random() < 0.3]
    stored = sorted({*same, *((7000 + t, f) for t, f in random_peaks(seed + 1, steps * STEP, 1))})
    frames, bins = np.array(stored, np.int64).T
    line = Line(0.0, 7000.0, tempo)
    heard = heard_of(peaks, steps)
    nats, first, last = weigh(heard, steps - 1, frames.astype(np.uint32), bins.astype(np.uint16), *line, 0)
    assert nats == pytest.approx(oracle.evidence(peaks, steps - 1, stored, line, 0))
    assert 0 <= first <= last < steps * STEP


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 94), st.integers(4, 39))
def test_chance_is_counted_around_the_frame(seed, frame, f):
    peaks = random_peaks(seed, 96)
    assert verify.chance(heard_of(peaks, 6), 5, frame, f) == pytest.approx(oracle.chance(peaks, 5, frame, f))


def test_only_the_last_seconds_are_remembered():
    peaks = random_peaks(1, 1200)
    heard = heard_of(peaks, 1200 // STEP)
    stored = [p for p in peaks if p[0] < 1200 - MEMORY]
    frames, bins = np.array(stored).T
    nats, *_ = weigh(heard, 74, frames.astype(np.uint32), bins.astype(np.uint16), 0.0, 0.0, 1.0, 0)
    assert nats < 0


def test_ends_are_where_the_likelihood_changes():
    rng = np.random.default_rng(2)
    talk = {(int(rng.integers(480)), int(rng.integers(4, 512))) for _ in range(2500)}
    stored = sorted({(t, int(rng.integers(4, 512))) for t in range(480)})
    heard = heard_of(talk | {p for p in stored if 150 <= p[0] < 330}, 30)
    frames, bins = np.array(stored).T
    nats, first, last = weigh(heard, 29, frames.astype(np.uint32), bins.astype(np.uint16), 0.0, 0.0, 1.0, 0)
    assert nats > 60
    assert abs(first - 150) < 12
    assert abs(last - 329) < 12


def test_the_first_line_stays_unless_another_is_surely_better():
    rng = np.random.default_rng(3)
    stored = sorted({(t, int(rng.integers(4, 512))) for t in range(200)})
    heard = heard_of(set(stored), 13)
    frames, bins = np.array(stored).T
    peaks = frames.astype(np.uint32), bins.astype(np.uint16)
    right, near, wrong = Line(0.0, 0.0, 1.0), Line(0.0, -0.4, 1.0), Line(0.0, 40.0, 1.0)
    assert best_line(heard, 12, peaks, [near, right], 0, 3.0)[0] == near
    assert best_line(heard, 12, peaks, [wrong, right], 0, 3.0)[0] == right


def test_a_tone_that_lasts_is_weak_evidence_and_a_rare_peak_strong():
    lasting = {(t, 100) for t in range(0, 200, 4)}
    rare = {(t, 10 + 7 * i) for i, t in enumerate(range(2, 200, 4))}
    heard = heard_of(lasting | rare, 13)

    def nats(peaks):
        frames, bins = np.array(sorted(peaks)).T
        return weigh(heard, 12, frames.astype(np.uint32), bins.astype(np.uint16), 0.0, 0.0, 1.0, 0)[0]

    assert nats(rare) > 3 * nats(lasting)
