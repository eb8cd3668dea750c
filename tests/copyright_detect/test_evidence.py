"""Evidence: the record names what was heard, its hash is that of the bytes in the log, and the picture shows both sides."""

import io
import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
import soundfile
from PIL import Image

from copyright_detect.chunks import Tick, encode, to_float
from copyright_detect.evidence import collect, reference_samples, upload_samples, write_evidence
from copyright_detect.index import add_references, open_index, remove_reference
from copyright_detect.picture import LEFT, PANEL, TOP, WIDTH, clock, decibels, plain
from copyright_detect.records import SAMPLE_RATE
from copyright_detect.store import Upload
from copyright_detect.worker import send
from shared.errors import BadInput, NotFound
from tests.copyright_detect.uploads import Desk, cut_all, make_podcast, shuffled


@pytest.fixture(scope="module")
def heard(tmp_path_factory, db, podcast):
    """A desk that has heard the podcast, out of order."""
    desk = Desk(tmp_path_factory.mktemp("desk"), db)
    send(desk.log, desk.run, shuffled(cut_all(podcast), np.random.default_rng(5)))
    desk.worker.drain()
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def evidence(heard):
    (row,) = heard.store.verdicts("u")
    return collect(heard.log, heard.run.topic, heard.store, heard.worker.catalogue.index, row)


def test_the_sound_comes_back_from_the_log_as_it_was_heard(heard, podcast):
    for begin_s, end_s in ((0.0, 1.0), (3.25, 7.5), (39.5, 50.0)):
        found = to_float(upload_samples(heard.log, heard.run.topic, heard.store, "u", begin_s, end_s))
        assert np.array_equal(found, podcast[round(begin_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)])
    with pytest.raises(NotFound, match=r"nothing was heard between 41.0 s and 42.0 s"):
        upload_samples(heard.log, heard.run.topic, heard.store, "v", 41.0, 42.0)


def test_a_log_that_is_not_the_one_is_refused(heard, podcast):
    heard.log.create("other", 1)
    heard.log.append("other", 0, [b"x"] * 40)
    with pytest.raises(BadInput, match="not a chunk"):
        upload_samples(heard.log, "other", heard.store, "u", 0.0, 1.0)
    heard.log.append("other", 0, [encode(Tick(heard.engines.clock()))])
    with heard.store.transaction(40, 41) as batch:  # as if it had been heard from there
        batch.put(Upload("elsewhere", "s"))
        batch.keep(cut_all(podcast[:100], "elsewhere")[0], 40)
        batch.next_samples(Upload("elsewhere", "s"))
    with pytest.raises(NotFound, match="offset 40: no chunk of elsewhere; the log lost it"):
        upload_samples(heard.log, "other", heard.store, "elsewhere", 0.0, 1.0)


def test_the_record(evidence, podcast, heard):
    record = evidence.record
    match = record["match"]
    assert match["reference"] == "song 1"
    assert abs(match["start_s"] - 10) < 1
    assert abs(match["end_s"] - 25) < 1
    assert abs(match["ref_start_s"] - (match["start_s"] - 5)) < 0.3
    pcm = upload_samples(heard.log, heard.run.topic, heard.store, "u", match["start_s"], match["end_s"])
    assert record["audio"]["sha256"] == sha256(pcm).hexdigest()
    assert record["audio"]["bytes"] == len(pcm)
    assert record["picture_sha256"] == sha256(evidence.png).hexdigest()
    assert record["peaks"]["found"] > 0.4 * record["peaks"]["stored"] > 0
    assert {row["territory"]: row["action"] for row in record["decisions"]} == {"US": "monetise", "elsewhere": "block"}
    assert record["rights_version"] == heard.worker.catalogue.rights.version
    assert record["index_version"] == str(heard.worker.catalogue.index.version)


def test_what_is_found_is_more_than_chance(heard, evidence):
    """The same peaks looked for five seconds beside the match."""
    (row,) = heard.store.verdicts("u")
    index = heard.worker.catalogue.index
    aside = {**row, "ref_start_s": row["ref_start_s"] + 5, "ref_end_s": row["ref_end_s"] + 5}
    wrong = collect(heard.log, heard.run.topic, heard.store, index, aside).record["peaks"]
    right = evidence.record["peaks"]
    assert right["found"] / right["stored"] > 1.5 * wrong["found"] / wrong["stored"]


def test_the_picture_shows_both_sides_aligned(evidence):
    image = Image.open(io.BytesIO(evidence.png)).convert("RGB")
    assert image.width == WIDTH
    upper = np.asarray(image.crop((LEFT, TOP, WIDTH - 16, TOP + PANEL)), float).sum(axis=2)
    lower = np.asarray(image.crop((LEFT, TOP + PANEL + 58, WIDTH - 16, TOP + 2 * PANEL + 58)), float).sum(axis=2)
    span = slice(300, 800)
    aligned = np.corrcoef(upper[:, span].ravel(), lower[:, span].ravel())[0, 1]
    shifted = [
        np.corrcoef(upper[:, span].ravel(), np.roll(lower, by, 1)[:, span].ravel())[0, 1] for by in (-60, 60, 140)
    ]
    assert aligned > max(shifted) + 0.05


def test_a_loop_is_drawn_by_the_alignment_it_began_with(heard, evidence):
    """The span of the reference is shorter than that of the upload, or none: nothing is drawn beyond it."""
    (row,) = heard.store.verdicts("u")
    index = heard.worker.catalogue.index
    stored = []
    for seconds in (4.0, 0.0):
        loop = {**row, "ref_end_s": row["ref_start_s"] + seconds}
        stored.append(collect(heard.log, heard.run.topic, heard.store, index, loop).record["peaks"]["stored"])
    assert evidence.record["peaks"]["stored"] > 2 * stored[0] > 2 * stored[1]


def test_without_the_file_of_the_reference_its_peaks_are_drawn(heard):
    """`song 2` was indexed from samples, not from a file: the lower half is dark but for the rings."""
    index = heard.worker.catalogue.index
    assert reference_samples(index.reference("song 1"), 0.0, 1.0).size == SAMPLE_RATE
    assert reference_samples(index.reference("song 2"), 0.0, 1.0) is None
    (row,) = heard.store.verdicts("u")
    other = {**row, "reference": "song 2", "recording": index.reference("song 2").recording}
    found = collect(heard.log, heard.run.topic, heard.store, index, other)
    image = Image.open(io.BytesIO(found.png)).convert("RGB")
    lower = np.asarray(image.crop((LEFT, TOP + PANEL + 58, WIDTH - 16, TOP + 2 * PANEL + 58)), float)
    assert 0.001 < (lower[..., 1] > 200).mean() < 0.2
    assert (lower.max(axis=2) < 40).mean() > 0.5


def test_a_file_that_holds_the_recording_no_more_is_not_shown(heard, tmp_path):
    song = heard.worker.catalogue.index.reference("song 1")
    copy = tmp_path / "song.wav"
    moved = song._replace(source=str(shutil.copy(song.source, copy)))
    assert np.array_equal(reference_samples(moved, 1.0, 2.0), reference_samples(song, 1.0, 2.0))
    soundfile.write(copy, make_podcast(30.0, music=2), SAMPLE_RATE)
    assert reference_samples(moved, 1.0, 2.0) is None
    copy.write_text("no sound any more")
    assert reference_samples(moved, 1.0, 2.0) is None


def test_a_stretch_of_a_reference_may_begin_before_it(heard):
    song = heard.worker.catalogue.index.reference("song 1")
    early = reference_samples(song, -1.0, 2.0)
    assert not early[:SAMPLE_RATE].any()
    assert np.array_equal(early[SAMPLE_RATE:], reference_samples(song, 0.0, 2.0))


def test_of_a_reference_that_was_removed_or_replaced_the_uploads_side_is_left(heard, evidence, tmp_path):
    db = shutil.copytree(heard.db, tmp_path / "db")
    (row,) = heard.store.verdicts("u")
    for recording in ([], [("song 1", make_podcast(20.0, music=2))]):  # another under its name
        remove_reference(db, "song 1")
        add_references(db, recording)
        found = collect(heard.log, heard.run.topic, heard.store, open_index(db), row)
        assert found.record["reference_indexed"] is False
        assert found.record["peaks"] == {"stored": 0, "found": 0}
        assert all(found.record[name] == evidence.record[name] for name in ("match", "audio", "decisions"))
        assert Image.open(io.BytesIO(found.png)).width == WIDTH
        add_references(db, [("song 1", make_podcast(20.0, music=3))])
    assert evidence.record["reference_indexed"] is True


def test_evidence_is_written_as_two_files(evidence, tmp_path):
    picture, record = write_evidence(evidence, tmp_path / "evidence", "u-0")
    assert picture.read_bytes() == evidence.png
    assert json.loads(record.read_text()) == evidence.record


def test_a_tone_lies_at_its_frequency():
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert decibels(tone)[20].argmax() == round(1000 / (SAMPLE_RATE / 1024))
    assert decibels(np.zeros(10, np.float32)).max() == -100


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.0"), (75.25, "1:15.2"), (59.96, "1:00.0"), (3600, "60:00.0")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_names_in_any_script_can_be_drawn():
    assert plain("Träume – 夜") == "Traume ? ?"
