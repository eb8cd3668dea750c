import pytest

from copyright_detect import score
from copyright_detect.records import FRAMES_PER_SECOND

TWO_HOURS = round(7200 * FRAMES_PER_SECOND)


@pytest.mark.parametrize("frames", [1000, TWO_HOURS, 10**9])
def test_needed_is_where_the_expected_false_alarms_are_tolerated(frames):
    assert score.expected_false_alarms(score.needed(frames), frames) == pytest.approx(score.TOLERATED)
    assert score.expected_false_alarms(score.needed(frames, 0.01), frames) == pytest.approx(0.01)


def test_bits_and_expected_false_alarms_say_the_same():
    expected = TWO_HOURS * score.PER_FRAMES * 2 ** -score.bits(25.0)
    assert score.expected_false_alarms(25.0, TWO_HOURS) == pytest.approx(expected)


def test_a_larger_catalogue_needs_more_evidence():
    assert score.needed(100 * TWO_HOURS) - score.needed(TWO_HOURS) == pytest.approx(4.605, abs=0.001)


def test_overwhelming_evidence_is_still_a_number():
    assert 0 < score.expected_false_alarms(5000.0, TWO_HOURS) < 1e-200
