"""Uploads through the log: any order, batches, repeats and restarts give the tables that one quiet run gives."""

import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect import pipeline
from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import encode, seal
from copyright_detect.evidence import matched
from copyright_detect.index import add_references, remove_reference
from copyright_detect.ordering import WINDOW
from copyright_detect.rights import ELSEWHERE, Decision
from copyright_detect.store import Upload
from copyright_detect.views import upload_report
from copyright_detect.worker import SKEW_MS, send, tick
from shared.errors import Conflict
from shared.ports import Message
from shared.world.sound import RATE, song
from tests.copyright_detect.uploads import (
    RELEASES,
    RIGHTS,
    Desk,
    cut_all,
    heard_whole,
    in_parts,
    index_songs,
    make_podcast,
    shuffled,
    write_rights,
)


def verdict_of(events):
    """The row that a match's events should leave, by match."""
    rows = {}
    for event in events:
        first = rows.get(event.match_id, {"alarm_s": event.at_s})["alarm_s"]
        rows[event.match_id] = {
            "match_id": event.match_id, "kind": event.kind, "alarm_s": first, "at_s": event.at_s, **event.match._asdict(),
            "recording": event.recording,
        }  # fmt: skip
    return list(rows.values())


def without_upload(rows):
    return [{name: value for name, value in row.items() if name != "upload"} for row in rows]


def altered(chunk, **change):
    """A chunk with something else in it, sealed anew."""
    chunk = msgspec.structs.replace(chunk, **change)
    return msgspec.structs.replace(chunk, digest=seal(chunk.samples, chunk.last))


def test_the_alarm_is_there_while_the_upload_runs(desk, podcast, events):
    raised = []
    for chunk in cut_all(podcast):
        send(desk.log, desk.run, [chunk])
        desk.worker.drain()
        raised.append([(row["kind"], row["reference"]) for row in desk.store.verdicts()])
    alarm = next(number for number, rows in enumerate(raised) if rows)
    assert 10 <= alarm < 25  # the music plays from 10 s to 25 s
    assert raised[alarm] == [("provisional", "song 1")]
    assert raised[-1] == [("closed", "song 1")]
    assert without_upload(desk.store.verdicts()) == verdict_of(events)
    upload = desk.store.upload("u")
    assert (upload.status, upload.samples) == ("complete", podcast.size)


def test_the_owners_decide_by_territory(desk, podcast):
    send(desk.log, desk.run, cut_all(podcast) + cut_all(podcast, "v", "licensed"))
    desk.worker.drain()
    found = {(row["upload"], row["territory"]): row["action"] for row in desk.store.decisions()}
    assert found == {
        ("u", "US"): "monetise", ("u", ELSEWHERE): "block", ("v", "US"): "monetise", ("v", ELSEWHERE): "monetise",
    }  # fmt: skip
    (why,) = [row["because"] for row in desk.store.decisions("u") if row["territory"] == "US"]
    assert "Eastside asks monetise from 0.0 s (row 3)" in why


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_any_order_batches_repeats_and_restarts(seed, db, podcast, events, tmp_path_factory):
    rng = np.random.default_rng(seed)
    desk = Desk(tmp_path_factory.mktemp("desk"), db, partitions=2)
    chunks = cut_all(podcast) + cut_all(podcast[: 20 * 11_025], "v")
    chunks = shuffled(chunks + [chunks[at] for at in rng.integers(0, len(chunks), 20)], rng, reach=30)
    for part in in_parts(chunks, rng):
        send(desk.log, desk.run, part)
        desk.worker.drain()
        if rng.random() < 0.2:
            desk.restart()
    verdicts = [row for verdicts, _ in desk.tables() for row in verdicts]
    assert without_upload([row for row in verdicts if row["upload"] == "u"]) == verdict_of(events)
    short = heard_whole(db, podcast[: 20 * 11_025])
    assert without_upload([row for row in verdicts if row["upload"] == "v"]) == verdict_of(short)
    tallies = [each.store.tallies() for each in desk.worker.owned.values()]
    assert sum(each.get("taken", 0) for each in tallies) == len(set(map(encode, chunks)))
    assert sum(each.get("repeated", 0) for each in tallies) == len(chunks) - len(set(map(encode, chunks)))
    desk.close()


def test_few_detectors_in_memory_are_enough(desk, podcast, events, monkeypatch):
    monkeypatch.setattr(pipeline, "MOST_DETECTORS", 1)
    uploads = [cut_all(podcast, f"u{number}") for number in range(3)]
    for chunks in zip(*uploads, strict=True):
        send(desk.log, desk.run, chunks)
        desk.worker.drain()
        assert len(desk.worker.owned[0].detectors) <= 1
    for number in range(3):
        assert without_upload(desk.store.verdicts(f"u{number}")) == verdict_of(events)


def test_the_first_of_two_that_contradict_counts(desk, podcast, events):
    chunks = cut_all(podcast)
    other = altered(chunks[3], samples=bytes(len(chunks[3].samples)))
    ends_early = altered(chunks[5], number=6, last=True)
    elsewhere = altered(chunks[8], show="another")
    send(desk.log, desk.run, [*chunks[:4], other, *chunks[4:6], chunks[9], ends_early, elsewhere, *chunks[6:]])
    beyond = altered(chunks[5], number=len(chunks))
    send(desk.log, desk.run, [beyond, chunks[0]])
    desk.worker.drain()
    assert without_upload(desk.store.verdicts()) == verdict_of(events)
    assert [reason.split(":")[0] for _, reason in desk.store.dead_letters()] == [
        "chunk 3 came before with other samples, which count",
        "chunk 6 says it is the last, but chunk 9 came before it",
        "show 'another'; the upload began as 's'",
        "the upload is complete; send it again under a new id",
    ]
    assert desk.store.tallies() == {"conflicting": 3, "late": 1, "repeated": 2, "taken": len(chunks)}


def test_a_gap_is_waited_for_within_bounds_and_ends_by_timeout(desk):
    chunks = cut_all(make_podcast(90.0))
    send(desk.log, desk.run, [chunk for chunk in chunks if chunk.number != 20])
    desk.worker.drain()
    upload = desk.store.upload("u")
    assert (upload.status, upload.next_number, desk.waiting()) == ("running", 20, WINDOW - 1)
    assert desk.store.tallies()["early"] == len(chunks) - 20 - WINDOW
    tick(desk.log, desk.run, upload.last_ms + pipeline.TIMEOUT_MS)
    desk.worker.drain()
    assert desk.store.upload("u").status == "running"  # not a moment too early
    tick(desk.log, desk.run, upload.last_ms + pipeline.TIMEOUT_MS + 1)
    desk.worker.drain()
    upload = desk.store.upload("u")
    assert (upload.status, upload.samples, desk.waiting()) == ("timed out", 20 * 11_025, 0)
    assert [row["kind"] for row in desk.store.verdicts()] == [
        "closed"
    ]  # up to the gap the music had played for ten seconds
    send(desk.log, desk.run, [chunks[20]])
    desk.worker.drain()
    assert desk.store.dead_letters()[-1][1] == "the upload is timed out; send it again under a new id"


@pytest.mark.parametrize("part", [1, 1000])
def test_an_upload_runs_out_by_event_time_whatever_the_batches(desk, podcast, part):
    chunks = cut_all(podcast)
    late = [msgspec.structs.replace(chunk, sent_ms=chunk.sent_ms + pipeline.TIMEOUT_MS + 1) for chunk in chunks[20:]]
    sent = [*chunks[:20], *late]
    for begin in range(0, len(sent), part):
        send(desk.log, desk.run, sent[begin : begin + part])
        desk.worker.drain()
    assert desk.store.upload("u").status == "timed out"
    assert desk.store.tallies() == {"late": len(late), "taken": 20}


def test_poison_is_set_aside_and_the_rest_goes_on(desk, podcast, events):
    chunks = cut_all(podcast)
    future = msgspec.structs.replace(chunks[0], upload="w", sent_ms=desk.engines.clock() + SKEW_MS + 1)
    torn = encode(chunks[7])[:-1]
    damaged = encode(msgspec.structs.replace(chunks[7], samples=bytes(len(chunks[7].samples))))
    desk.log.append(desk.run.topic, 0, [b"", b"{}", encode(future), *map(encode, chunks[:7]), torn, damaged])
    send(desk.log, desk.run, chunks[7:])
    desk.worker.drain()
    assert without_upload(desk.store.verdicts()) == verdict_of(events)
    assert [offset for offset, _ in desk.store.dead_letters()] == [0, 1, 2, 10, 11]
    assert desk.store.tallies() == {"poison": 5, "taken": len(chunks)}
    assert [row["upload"] for row in desk.store.uploads()] == ["u"]


def test_an_empty_upload_is_complete(desk):
    send(desk.log, desk.run, cut_all(np.zeros(0, np.float32)))
    desk.worker.drain()
    assert desk.store.upload("u").status == "complete"
    assert desk.store.verdicts() == []


def test_a_zombie_finds_that_somebody_was_here_and_reads_the_state_again(desk, podcast, events):
    chunks = cut_all(podcast)
    send(desk.log, desk.run, chunks[:15])
    zombie = desk.hire()
    zombie.drain()
    send(desk.log, desk.run, chunks[15:])
    received = desk.log.read(desk.run.topic, 0, 0, 1 << 30, 0)
    desk.worker.take(0, received[:18])
    zombie.take(0, received[15:30])  # its offset is 15, the file's is 18
    desk.worker.take(0, received[30:])  # there is a gap before it
    zombie.take(0, received)
    assert without_upload(desk.store.verdicts()) == verdict_of(events)
    assert desk.store.tallies() == {"taken": len(chunks)}
    with pytest.raises(Conflict, match="another consumer was here"), desk.store.transaction(3, 4):
        pass
    zombie.revoke([0])


def test_an_error_inside_a_batch_leaves_nothing_of_it(desk, podcast, events):
    chunks = cut_all(podcast)
    send(desk.log, desk.run, chunks[:20])
    desk.worker.drain()
    before = desk.tables()
    broken = replace(desk.worker, clock=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        broken.take(0, [Message(20, encode(chunks[20]))])
    assert desk.tables() == before
    assert desk.worker.owned[0].detectors == {}
    send(desk.log, desk.run, chunks[20:])
    desk.worker.drain()
    assert without_upload(desk.store.verdicts()) == verdict_of(events)


def test_new_rights_count_from_the_next_batch_on(tmp_path, db, podcast):
    desk = Desk(tmp_path, shutil.copytree(db, tmp_path / "db"))
    chunks = cut_all(podcast)
    send(desk.log, desk.run, chunks[:24])
    desk.worker.drain()
    assert {row["action"] for row in desk.store.decisions()} == {"block", "monetise"}
    write_rights(desk.db, RIGHTS.replace("block", "track"))
    desk.worker.drain()
    assert {row["action"] for row in desk.store.decisions()} == {"block", "monetise"}  # nothing new was heard
    send(desk.log, desk.run, chunks[24:])
    desk.worker.drain()
    assert {row["action"] for row in desk.store.decisions()} == {"monetise"}
    assert desk.store.upload("u").rights_version == desk.worker.catalogue.rights.version
    assert all(desk.worker.catalogue.rights.version in row["because"] for row in desk.store.decisions())
    desk.close()


def test_a_reference_that_is_removed_closes_its_match(tmp_path, db, podcast):
    desk = Desk(tmp_path, shutil.copytree(db, tmp_path / "db"))
    chunks = cut_all(podcast)
    send(desk.log, desk.run, chunks[:18])
    desk.worker.drain()
    assert [row["kind"] for row in desk.store.verdicts()] != ["closed"]
    remove_reference(desk.db, "song 1")
    send(desk.log, desk.run, chunks[18:])
    desk.worker.drain()
    (row,) = desk.store.verdicts()
    assert row["kind"] == "closed"
    assert row["end_s"] < 20
    desk.close()


@pytest.mark.parametrize("names", [("another",), ("song 1",)])
def test_in_another_index_an_open_match_closes_and_uploads_go_on(tmp_path, db, podcast, names):
    desk = Desk(tmp_path, db)
    play = RELEASES[1]
    add_references(tmp_path / "one", [("song 1", song(1, play))])  # both begin at the first frame
    add_references(tmp_path / "two", [(name, song(1, RELEASES[2])[: int(play.seconds * RATE)]) for name in names])
    desk.db = tmp_path / "one"
    desk.restart()
    send(desk.log, desk.run, cut_all(podcast)[:18])
    desk.worker.drain()
    assert [row["kind"] for row in desk.store.verdicts()] in (["provisional"], ["extended"])
    heard = desk.store.upload("u").index_version
    desk.db = tmp_path / "two"
    desk.restart()
    tick(desk.log, desk.run, desk.store.upload("u").last_ms + pipeline.TIMEOUT_MS + 1)
    desk.worker.drain()
    (row,) = desk.store.verdicts()
    assert (row["kind"], row["reference"]) == ("closed", "song 1")
    assert matched(desk.worker.catalogue.index, row) is None  # another recording, even of this name at this place
    assert matched(Catalogue(tmp_path / "one").index, row).name == "song 1"
    assert (desk.store.upload("u").status, desk.store.upload("u").index_version) == ("timed out", heard)
    desk.close()


def test_the_folder_indexed_again_changes_no_open_match(tmp_path, db, podcast, events):
    desk = Desk(tmp_path, shutil.copytree(db, tmp_path / "db"))
    chunks = cut_all(podcast)
    send(desk.log, desk.run, chunks[:18])
    desk.worker.drain()
    index_songs(desk.db, db)
    send(desk.log, desk.run, chunks[18:])
    desk.worker.drain()
    assert without_upload(desk.store.verdicts()) == verdict_of(events)
    desk.close()


def test_where_an_upload_lies_in_the_log_and_how_loud_it_is(desk, podcast):
    chunks = cut_all(podcast)
    send(desk.log, desk.run, shuffled(chunks, np.random.default_rng(3)))
    desk.worker.drain()
    places = desk.store.places("u", 5 * 11_025, 7 * 11_025)
    assert [sample for _, sample in places] == [5 * 11_025, 6 * 11_025]
    loudness = np.frombuffer(desk.store.loudness("u"), np.uint8)
    assert loudness.size == 160
    assert loudness.max() == int(np.abs(podcast).max() * 32767) >> 7


def test_full_scale_is_loud_on_either_side_of_zero(desk):
    loudest = np.array([-32768] * 11_025, "<i2").tobytes()
    (chunk,) = cut_all(np.zeros(11_025, np.float32))
    send(desk.log, desk.run, [altered(chunk, samples=loudest)])
    desk.worker.drain()
    assert desk.store.loudness("u") == b"\xff" * 4


def test_a_territory_that_one_reference_names_has_the_strictest_of_all(desk):
    decisions = [
        Decision("a", "DE", "track", "N", ""), Decision("a", ELSEWHERE, "none", "", ""),
        Decision("b", ELSEWHERE, "block", "E", ""), Decision("b", "US", "monetise", "E", ""),
    ]  # fmt: skip
    with desk.store.transaction(0, 1) as batch:
        batch.put(Upload("u", "s"))
        batch.decide("u", decisions)
    assert upload_report(desk.store, "u")["actions"] == {"DE": "block", "US": "monetise", ELSEWHERE: "block"}
