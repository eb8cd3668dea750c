import math

import numpy as np
import pytest

from copyright_detect import evaluate
from copyright_detect.evaluate import CLEAN, duck, make_clip, wilson
from copyright_detect.records import SAMPLE_RATE
from copyright_detect.transforms import TRANSFORMS
from shared.errors import BadInput
from shared.world.sound import song, voice
from tests.copyright_detect.uploads import RELEASES


@pytest.fixture(scope="module")
def music():
    return {release.title: song(1, release) for release in RELEASES}


@pytest.fixture(scope="module")
def speech():
    return [voice(1, speaker, 8.0) for speaker in range(5)]


def test_the_report_counts_recall_bounds_and_false_alarms_from_one_seed(music, speech):
    cells = [("plain", 0.0), ("tempo +5 %", CLEAN)]
    report = evaluate.evaluate(music, speech, {}, clips=4, hours=4 / 120, seed=3, cells=cells)
    assert [(cell["clips"], cell["recall"], cell["wrong"]) for cell in report["cells"]] == [(4, 1.0, 0)] * 2
    assert report["cells"][0]["both_ends_within_1s"] >= 3
    assert report["cells"][0]["alarm_median_s"] < 3
    assert sum(clips for _, clips in report["tracks"].values()) == 4
    false = report["false_alarms"]
    assert (false["hours"], false["count"], false["matches"]) == (0.033, 0, [])
    assert [row["seen"] for row in false["calibration"]] == sorted(row["seen"] for row in false["calibration"])
    assert report == evaluate.evaluate(music, speech, {}, clips=4, hours=4 / 120, seed=3, cells=cells)


def test_material_that_cannot_be_judged_is_named(music, speech):
    for wrong, filler, says in (
        ({"song 1": music["song 1"]}, {}, "1 tracks of music; expected at least 4"),
        ({**music, "short": music["song 1"][: 9 * SAMPLE_RATE]}, {}, "short: 9.0 s"),
        ({**music, "still": np.zeros(30 * SAMPLE_RATE, np.float32)}, {}, "still: 30.0 s, RMS 0"),
        (music, {"song 2": music["song 2"]}, "song 2: in the music and in the filler"),
    ):
        with pytest.raises(BadInput, match=says):
            evaluate.evaluate(wrong, speech, filler, clips=4, hours=0.1)


@pytest.mark.parametrize("level", [0.0, -10.0])
def test_the_level_is_the_rms_over_the_overlap(music, speech, level):
    with_music = make_clip(np.random.default_rng(1), music, speech, "plain", level).samples
    alone = make_clip(np.random.default_rng(1), music, [np.copy(s) for s in speech], "plain", -200.0).samples
    overlap = slice(5 * SAMPLE_RATE, 15 * SAMPLE_RATE)
    added = np.square(with_music[overlap] - alone[overlap]).mean() / np.square(alone[overlap]).mean()
    assert 10 * math.log10(added) == pytest.approx(level, abs=0.05)
    assert np.abs(with_music[: 5 * SAMPLE_RATE] - alone[: 5 * SAMPLE_RATE]).max() < 1e-6


@pytest.mark.parametrize("name", [name for name, (change, _) in TRANSFORMS.items() if change])
def test_transforms_keep_the_sound_and_state_their_tempo(name):
    sound = song(1, RELEASES[1])[: 5 * SAMPLE_RATE]
    change, stretch = TRANSFORMS[name]
    changed = change(sound)
    assert changed.dtype == np.float32
    assert len(changed) == pytest.approx(len(sound) / stretch, rel=0.03)
    assert 0.05 < np.square(changed).mean() / np.square(sound).mean() < 1.5


def test_ducking_lowers_the_music_where_somebody_speaks():
    speech = np.zeros(6 * SAMPLE_RATE, np.float32)
    speech[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] = voice(1, 1, 2.0)
    ducked = np.square(duck(np.ones_like(speech), speech))
    assert ducked[:SAMPLE_RATE].mean() == pytest.approx(1.0)
    assert 10 * math.log10(ducked[int(2.5 * SAMPLE_RATE) : int(3.5 * SAMPLE_RATE)].mean()) < -9


@pytest.mark.parametrize(
    ("found", "n", "low", "high"), [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (95, 100, 0.8882, 0.9785)]
)
def test_wilson_interval_as_printed_in_tables(found, n, low, high):
    assert wilson(found, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
