import json
import threading

import numpy as np
import pytest

from copyright_detect import index as index_module
from copyright_detect.index import MOST_POSTINGS, add_references, audible, open_index, remove_reference
from copyright_detect.keys import REFERENCE_FAN, UPLOAD_FAN, triplets
from copyright_detect.records import SAMPLE_RATE
from shared.errors import BadInput, NotFound
from tests.copyright_detect.uploads import heard_whole, index_songs


def noise(seed, seconds=4.0):
    """Every noise is a recording of its own."""
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    add_references(tmp_path / "db", [("a", noise(1)), ("b", noise(2)), ("c", noise(3))], sources={"b": "/music/b.ogg"})
    return tmp_path / "db"


def found(index, name, fan=UPLOAD_FAN):
    """Hits that agree that an upload of exactly these peaks is this reference from its beginning."""
    frames, bins = index.peaks(name)
    keys, anchors, _ = triplets(frames, bins, fan, 0)
    which, catalogue = index.find(keys)
    return int((catalogue - anchors[which] == index.reference(name).first).sum())


def test_postings_are_those_of_a_dictionary(folder):
    index = open_index(folder)
    table = {}
    for name in index.references:
        first = index.reference(name).first
        for key, anchor in zip(*triplets(*index.peaks(name), REFERENCE_FAN, 0)[:2], strict=True):
            table.setdefault(int(key), []).append(first + int(anchor))
    asked = np.array([*table, 1, 2, 3], np.uint32)
    which, catalogue = index.find(asked)
    expected = sorted(
        (i, frame) for i, key in enumerate(asked.tolist()) for frame in table.get(key, ())[:MOST_POSTINGS]
    )
    assert sorted(zip(which.tolist(), catalogue.tolist(), strict=True)) == expected


def test_the_line_of_the_catalogue_goes_on_beyond_31_bits(tmp_path, db, podcast, events):
    far = tmp_path / "far"
    far.mkdir()
    beyond = {"format": index_module.FORMAT, "next": 1 << 31, "segments": [], "removed": []}
    (far / "manifest.json").write_text(json.dumps(beyond))
    index_songs(far, db)
    assert open_index(far).reference("song 1").first > 1 << 31
    assert heard_whole(far, podcast) == events


def test_what_was_indexed_is_named_placed_and_found(folder):
    index = open_index(folder)
    assert index.references == ["a", "b", "c"]
    assert index.reference("b").samples == 4 * SAMPLE_RATE
    assert (index.reference("a").source, index.reference("b").source) == (None, "/music/b.ogg")
    assert all(found(index, name) > 500 for name in "abc")
    reference = index.reference("b")
    assert index.at(reference.first) == index.at(reference.first + reference.frames - 1) == reference
    assert index.at(reference.first - 1) is None
    frames, bins = index.peaks("b")
    assert frames.min() >= 0
    assert frames.max() < reference.frames
    assert len(bins) == len(frames)


def test_additions_and_removals_are_seen_on_refresh_and_not_before(folder):
    index = open_index(folder)
    before = index.version
    add_references(folder, [("d", noise(4))])
    remove_reference(folder, "a")
    assert index.references == ["a", "b", "c"]
    assert index.version == before
    assert index.refresh()
    assert index.references == ["b", "c", "d"]
    assert index.version != before
    assert not index.refresh()
    assert index.at(0) is None
    assert found(index, "d") > 500
    with pytest.raises(NotFound, match="no reference 'a'"):
        index.reference("a")


def test_a_name_indexed_again_is_the_new_recording(folder):
    add_references(folder, [("a", noise(9, 5.0))])
    index = open_index(folder)
    assert index.references == ["a", "b", "c"]
    assert index.reference("a").samples == 5 * SAMPLE_RATE
    assert index.reference("a").first > index.reference("c").first


def test_the_same_recordings_indexed_again_stay_where_they_are(folder):
    before, places = open_index(folder), [open_index(folder).reference(name).first for name in "abc"]
    again = [("a", noise(1)), ("b", noise(2)), ("c", noise(3))]
    add_references(folder, again, sources={"b": "/music/b.ogg"})
    assert open_index(folder).version == before.version
    add_references(folder, [*again[:2], ("c", noise(8))], sources={"b": "/music/b.ogg"})  # of the same length
    after = open_index(folder)
    assert [after.reference(name).first for name in "ab"] == places[:2]
    assert after.reference("c").first > places[2]
    assert after.reference("c").recording != before.reference("c").recording
    add_references(folder, [("d", noise(2))])
    assert open_index(folder).reference("d").recording == before.reference("b").recording


def test_of_a_name_that_comes_twice_the_last_counts(tmp_path):
    add_references(tmp_path / "db", [("x", noise(1)), ("y", noise(2)), ("x", noise(3, 5.0))])
    index = open_index(tmp_path / "db")
    assert index.reference("x").samples == 5 * SAMPLE_RATE
    for name in "xy":
        assert index.at(index.reference(name).first) == index.reference(name)
        assert found(index, name) > 500


def test_a_segment_from_before_recordings_were_kept_names_places(folder):
    (segment,) = folder.glob("segment-*")
    rows = json.loads((segment / "references.json").read_text())
    (segment / "references.json").write_text(
        json.dumps([{k: v for k, v in r.items() if k != "recording"} for r in rows])
    )
    old = {name: open_index(folder).reference(name).recording for name in "abc"}
    assert len(set(old.values())) == 3
    add_references(folder, [("d", noise(4, 12.0))])  # merges
    assert {name: open_index(folder).reference(name).recording for name in "abc"} == old


def test_segments_stay_few_and_no_reference_moves(folder):
    places = {name: open_index(folder).reference(name).first for name in "abc"}
    for number in range(20):
        add_references(folder, [(f"new {number}", noise(100 + number, 3.0))])
        places[f"new {number}"] = open_index(folder).reference(f"new {number}").first
    index = open_index(folder)
    assert len(index.segments) <= 5
    assert {name: index.reference(name).first for name in index.references} == places
    assert all(found(index, name) > 300 for name in index.references)
    assert len(list(folder.glob("segment-*"))) == len(index.segments)


def test_what_was_removed_leaves_the_segments_when_they_merge(folder):
    for name in "abc":
        remove_reference(folder, name)
    assert open_index(folder).frames == 0
    add_references(folder, [("d", noise(4, 12.0)), ("e", noise(5, 3.0))])
    index = open_index(folder)
    assert [r.name for segment in index.segments for r in segment.references] == ["d", "e"]
    assert json.loads((folder / "manifest.json").read_text())["removed"] == []


def test_readers_see_whole_versions_while_writers_write(folder):
    stop, wrong = threading.Event(), []

    def read():
        index = open_index(folder)
        while not stop.is_set():
            index.refresh()
            names = index.references
            if names[:3] != ["a", "b", "c"] or any(found(index, name) < 300 for name in names):
                wrong.append(names)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(6):
        add_references(folder, [(f"x{number}", noise(200 + number, 3.0))])
        if number % 2:
            remove_reference(folder, f"x{number - 1}")
    stop.set()
    reader.join()
    assert not wrong
    assert open_index(folder).references == ["a", "b", "c", "x1", "x3", "x5"]


def test_a_writer_that_died_leaves_the_index_as_it_was(folder, monkeypatch):
    version = open_index(folder).version

    def die(path):
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(index_module.os, "fsync", die)
        with pytest.raises(OSError, match="killed"):
            add_references(folder, [("d", noise(4))])
    assert open_index(folder).version == version
    add_references(folder, [("d", noise(4))])
    assert open_index(folder).references == ["a", "b", "c", "d"]


def test_the_same_audio_gives_the_same_index_whatever_the_blocks(tmp_path):
    sound = noise(7, 10.0)
    add_references(tmp_path / "whole", [("x", sound)])
    add_references(tmp_path / "parts", [("x", iter(np.split(sound, [5, 3000, 3001, 77_000])))])
    assert open_index(tmp_path / "whole").version == open_index(tmp_path / "parts").version


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (noise(1, 2.9), "2.9 s; a reference has at least 3 s"),
        (np.zeros(0, np.float32), "0.0 s; a reference has at least 3 s"),
        (np.zeros(5 * SAMPLE_RATE, np.float32), "silent, or one steady tone"),
    ],
)
def test_what_cannot_be_a_reference_is_refused_and_the_rest_is_indexed(tmp_path, sound, reason):
    refused = add_references(tmp_path / "db", [("bad", sound), ("good", noise(2))])
    assert len(refused) == 1
    assert refused[0].startswith("bad: ")
    assert reason in refused[0]
    assert open_index(tmp_path / "db").references == ["good"]


def test_a_loop_that_repeats_keeps_a_bounded_number_of_postings_a_key(tmp_path):
    add_references(tmp_path / "db", [("loop", np.tile(noise(1, 256 * 40 / SAMPLE_RATE), 100))])
    index = open_index(tmp_path / "db")
    keys, *_ = triplets(*index.peaks("loop"), REFERENCE_FAN, 0)
    most = np.unique(keys, return_counts=True)[1].max()
    which, _ = index.find(np.unique(keys))
    assert most > MOST_POSTINGS
    assert np.bincount(which).max() == MOST_POSTINGS


def test_no_index_and_a_foreign_one_are_named(tmp_path):
    with pytest.raises(NotFound, match="no index here; make one with"):
        open_index(tmp_path)
    with pytest.raises(NotFound, match="no index here"):
        remove_reference(tmp_path / "none", "x")
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(BadInput, match="another format; index the references again"):
        open_index(tmp_path)


def test_noise_between_sounds_is_not_audible():
    rows = np.arange(0, 1000, 10, dtype=np.int32)
    bins = np.full(100, 100, np.int32)
    power = np.where(rows == 500, 1.0, 1e-6).astype(np.float32)
    kept = audible(rows, bins, power)
    assert rows[kept & (rows > 215) & (rows < 860)].tolist() == [500]
    assert kept[rows >= 860].all()  # far from any loud sound, the soft ones count
