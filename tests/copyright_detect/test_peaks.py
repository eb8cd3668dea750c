import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect.peaks import KEY_BOX, REFERENCE_BOX, UPLOAD_BOX, Box, Landmarks, local_maxima, powers
from copyright_detect.records import BINS, HOP, SAMPLE_RATE, WINDOW
from tests.copyright_detect import oracle


@pytest.mark.parametrize("box", [Box(1, 1), Box(3, 3), Box(4, 5), Box(2, 12)])
def test_maxima_are_those_of_every_neighbour_compared(box):
    power = np.random.default_rng(3).exponential(size=(24, BINS)).astype(np.float32)
    found = local_maxima(power, box, box)
    assert set(zip(found.rows.tolist(), found.bins.tolist(), strict=True)) == oracle.maxima(power, box)
    assert found.asked.all()
    assert (found.power == power[found.rows, found.bins]).all()


def test_maxima_of_a_wider_box_are_among_those_of_the_narrow_one():
    power = np.random.default_rng(4).exponential(size=(40, BINS)).astype(np.float32)
    found = local_maxima(power, UPLOAD_BOX, KEY_BOX)
    wide = {(t, f) for t, f, w in zip(found.rows.tolist(), found.bins.tolist(), found.asked, strict=True) if w}
    assert wide == oracle.maxima(power, KEY_BOX)


def test_equal_powers_in_time_give_one_peak_at_most():
    power = np.ones((40, BINS), np.float32)
    power[10:30, 100] = 2.0
    found = local_maxima(power, UPLOAD_BOX, KEY_BOX)
    assert found.rows.tolist() == [10]
    assert found.bins.tolist() == [100]


def test_powers_find_a_tone_in_its_bin():
    seconds = np.arange((16 - 1) * HOP + WINDOW) / SAMPLE_RATE
    power = powers(np.sin(2 * np.pi * 100 * SAMPLE_RATE / WINDOW * seconds).astype(np.float32))
    assert power.shape == (16, BINS)
    assert (power.argmax(axis=1) == 100).all()


def landmarks_of(samples, cuts, box=UPLOAD_BOX, wider=KEY_BOX):
    heard, found = Landmarks(box, wider), []
    for part in np.split(samples, cuts):
        found += heard.push(part)
    found += heard.finish()
    return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=12))
def test_chunks_change_no_peak(cuts):
    samples = np.random.default_rng(5).normal(size=30_000).astype(np.float32)
    whole, parts = landmarks_of(samples, []), landmarks_of(samples, sorted(cuts))
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_more_peaks_are_asked_for_than_stored():
    samples = np.random.default_rng(6).normal(size=10 * SAMPLE_RATE).astype(np.float32)
    stored = len(landmarks_of(samples, [], REFERENCE_BOX, REFERENCE_BOX)[0])
    _, _, wide, _ = landmarks_of(samples, [])
    assert stored * 2 < wide.sum() < len(wide) / 1.5


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_silence_and_direct_current_have_no_peak_that_lasts(value):
    rows, *_ = landmarks_of(np.full(5 * SAMPLE_RATE, value, np.float32), [])
    inside = (rows > 20) & (rows < 5 * SAMPLE_RATE // HOP - 20)
    assert not inside.any()
