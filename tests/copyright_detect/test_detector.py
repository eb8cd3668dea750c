import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect import transforms
from copyright_detect.checkpoint import Checkpoint, load, save
from copyright_detect.detector import CANDIDATES, Detector
from copyright_detect.index import add_references, open_index, remove_reference
from copyright_detect.records import SAMPLE_RATE
from shared.errors import BadInput
from shared.world.sound import RATE, mix, song, voice
from tests.copyright_detect.uploads import RELEASES

assert RATE == SAMPLE_RATE


def hear(index, samples, cuts=()):
    detector = Detector(index)
    return [e for part in np.split(samples, cuts) for e in detector.push(part)] + detector.finish()


def closed(events):
    return [event.match for event in events if event.kind == "closed"]


def music(number, begin, seconds):
    return song(1, RELEASES[number])[int(begin * RATE) : int((begin + seconds) * RATE)]


def under_speech(number=1, begin=5.0, seconds=10.0, level=0.0, speaker=3, around=5.0):
    return mix(voice(1, speaker, seconds + 2 * around), music(number, begin, seconds), level, around)


@pytest.fixture(scope="module")
def index(db):
    return open_index(db)


@pytest.fixture(scope="module")
def upload():
    """Two songs under speech, 24 s."""
    return mix(mix(voice(1, 4, 24.0), music(1, 8.0, 7.0), -3.0, 3.0), music(3, 2.0, 6.0), 0.0, 14.0)


@pytest.mark.parametrize("level", [0.0, -6.0, -12.0])
def test_music_under_speech_is_found_with_both_ends(index, level):
    (match,) = closed(hear(index, under_speech(level=level)))
    assert match.reference == "song 1"
    assert match.start_s == pytest.approx(5.0, abs=1.0)
    assert match.end_s == pytest.approx(15.0, abs=1.0)
    assert match.ref_start_s - match.start_s == pytest.approx(0.0, abs=0.1)
    assert match.ref_end_s - match.ref_start_s == pytest.approx(match.end_s - match.start_s, abs=0.1)
    assert match.tempo == pytest.approx(1.0, abs=0.003)
    assert match.expected_false_alarms_per_1000h < 1e-3


def test_speech_and_music_that_is_not_indexed_match_nothing(index):
    stranger = song(1, RELEASES[0]._replace(track_id=77, original=77))
    assert hear(index, voice(1, 5, 30.0)) == []
    assert hear(index, mix(voice(1, 6, 30.0), stranger, 0.0)) == []


def test_events_of_a_match_come_in_order_and_the_alarm_early(index, upload):
    events = hear(index, upload)
    assert [m.reference for m in closed(events)] == ["song 1", "song 3"]
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)
    for number, begin in ((0, 3.0), (1, 14.0)):
        kinds = [e.kind for e in events if e.match_id == number]
        assert kinds == ["provisional", *["extended"] * (len(kinds) - 2), "closed"]
        assert next(e.at_s for e in events if e.match_id == number) < begin + 3.0
        ends = [e.match.end_s for e in events if e.match_id == number]
        assert ends == sorted(ends)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 24 * RATE), max_size=30))
def test_chunks_change_no_bit_of_an_event(index, upload, cuts):
    assert hear(index, upload, sorted(cuts)) == hear(index, upload)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 24 * RATE), min_size=1, max_size=4))
def test_a_checkpoint_goes_on_bit_for_bit(index, upload, cuts):
    detector, events = Detector(index), []
    for part in np.split(upload, sorted(cuts)):
        events += detector.push(part)
        state = save(detector)
        detector = load(index, state)
        assert save(detector) == state
        assert len(state) < 200_000
    assert events + detector.finish() == hear(index, upload)


def test_a_torn_or_foreign_checkpoint_is_refused(index, upload):
    detector = Detector(index)
    detector.push(upload[: 5 * RATE])
    state = save(detector)
    for wrong in (b"", b"nonsense", state[:-10], state[:100]):
        with pytest.raises(BadInput, match="the log makes it again"):
            load(index, wrong)
    assert "format" in Checkpoint.__struct_fields__


@pytest.mark.parametrize("tempo", [0.95, 1.05])
def test_another_tempo_is_one_match_that_names_it(index, tempo):
    fast = transforms.filtered(music(1, 5.0, 10.0), f"atempo={tempo}")
    (match,) = closed(hear(index, np.concatenate([voice(1, 3, 4.0), fast, voice(1, 4, 4.0)])))
    assert match.tempo == pytest.approx(tempo, abs=0.005)
    assert match.start_s == pytest.approx(4.0, abs=0.7)
    assert match.end_s == pytest.approx(4.0 + len(fast) / RATE, abs=0.7)
    assert match.ref_end_s - match.ref_start_s == pytest.approx(10.0, abs=1.0)


def test_a_reference_that_repeats_itself_is_reported_once(tmp_path):
    bar = music(1, 5.0, 4.0)
    add_references(tmp_path / "db", [("A A A A", np.tile(bar, 4)), ("other", music(2, 0, 10))])
    index = open_index(tmp_path / "db")
    (match,) = closed(hear(index, np.concatenate([voice(1, 3, 5.0), np.tile(bar, 4), voice(1, 4, 5.0)])))
    assert (match.start_s, match.end_s) == (pytest.approx(5.0, abs=0.5), pytest.approx(21.0, abs=0.5))
    longer = closed(hear(index, np.concatenate([voice(1, 3, 5.0), np.tile(bar, 7), voice(1, 4, 5.0)])))
    assert [m.reference for m in longer] == ["A A A A"]
    assert (longer[0].start_s, longer[0].end_s) == (pytest.approx(5.0, abs=0.5), pytest.approx(33.0, abs=0.5))


def test_two_references_of_one_recording_are_both_reported(tmp_path):
    recording = music(1, 0.0, 20.0)
    album = np.concatenate([np.zeros(777, np.float32), 0.5 * recording])
    add_references(tmp_path / "db", [("single", recording), ("album", album)])
    matches = closed(hear(open_index(tmp_path / "db"), under_speech()))
    assert sorted(m.reference for m in matches) == ["album", "single"]


def test_the_same_song_twice_with_a_pause_is_two_matches(index):
    upload = mix(mix(voice(1, 4, 40.0), music(1, 2.0, 8.0), 0.0, 4.0), music(1, 2.0, 8.0), 0.0, 24.0)
    assert [round(m.start_s) for m in closed(hear(index, upload))] == [4, 24]


def test_a_cut_inside_the_song_is_one_contiguous_span(index):
    cut = np.concatenate([music(1, 2.0, 7.0), music(1, 17.0, 7.0)])
    (match,) = closed(hear(index, mix(voice(1, 4, 24.0), cut, 0.0, 5.0)))
    assert (match.start_s, match.end_s) == (pytest.approx(5.0, abs=1.0), pytest.approx(19.0, abs=1.0))
    assert (match.ref_start_s, match.ref_end_s) == (pytest.approx(2.0, abs=1.0), pytest.approx(24.0, abs=1.0))


def test_a_loop_that_goes_back_says_how_far_the_reference_was_heard(index):
    loop = np.concatenate([music(1, 20.0, 10.0), music(1, 0.0, 8.0)])
    (match,) = closed(hear(index, np.concatenate([voice(1, 3, 4.0), loop, voice(1, 4, 4.0)])))
    assert (match.start_s, match.end_s) == (pytest.approx(4.0, abs=0.7), pytest.approx(22.0, abs=0.7))
    assert (match.ref_start_s, match.ref_end_s) == (pytest.approx(20.0, abs=0.7), pytest.approx(30.0, abs=0.7))


def test_a_jingle_beside_a_song_in_the_index_is_found_while_the_song_plays(tmp_path):
    add_references(tmp_path / "db", [("song", music(1, 0.0, 20.0)), ("jingle", music(2, 5.0, 6.0))])
    upload = mix(mix(voice(1, 3, 20.0), music(1, 2.0, 16.0), 0.0, 2.0), music(2, 5.0, 6.0), 0.0, 8.0)
    assert {m.reference for m in closed(hear(open_index(tmp_path / "db"), upload))} == {"song", "jingle"}


def test_additions_and_removals_count_from_the_next_push_on(tmp_path):
    add_references(tmp_path / "db", [("song 2", music(2, 0.0, 25.0))])
    index = open_index(tmp_path / "db")
    upload = mix(voice(1, 4, 30.0), music(1, 0.0, 25.0), 0.0, 3.0)
    detector = Detector(index)
    assert detector.push(upload[: 10 * RATE]) == []
    add_references(tmp_path / "db", [("song 1", song(1, RELEASES[1]))])
    index.refresh()
    assert {e.match.reference for e in detector.push(upload[10 * RATE : 20 * RATE])} == {"song 1"}
    remove_reference(tmp_path / "db", "song 1")
    index.refresh()
    (event,) = detector.push(upload[20 * RATE :]) + detector.finish()
    assert (event.kind, event.match.reference) == ("closed", "song 1")


def test_memory_does_not_grow(index):
    detector, sizes = Detector(index), []
    minute = under_speech(seconds=20.0, around=5.0)
    for _ in range(12):
        detector.push(minute)
        sizes.append(len(save(detector)))
    assert max(sizes[6:]) < 1.2 * max(sizes[:6])
    assert len(detector.closed) <= 4


def test_many_references_of_one_recording_stay_within_bounds(tmp_path):
    recording = music(1, 5.0, 6.0)
    add_references(tmp_path / "db", [(f"copy {n:02}", recording) for n in range(CANDIDATES + 10)])
    matches = closed(hear(open_index(tmp_path / "db"), np.concatenate([voice(1, 3, 3.0), recording, voice(1, 3, 3.0)])))
    assert len({m.reference for m in matches}) == len(matches)
    assert len(matches) >= CANDIDATES


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.zeros(10 * RATE, np.float32),
        np.full(10 * RATE, 0.7, np.float32),
        np.sign(np.sin(np.arange(10 * RATE) * 0.3)).astype(np.float32),
        np.sin(np.arange(10 * RATE) * 0.3).astype(np.float32),
        np.full(10 * RATE, 1e6, np.float32),
    ],
    ids=["nothing", "one sample", "silence", "DC", "square", "tone", "absurdly loud"],
)
def test_what_is_no_music_matches_nothing(index, samples):
    assert hear(index, samples) == []
