"""Nobody is told before the disk has it; every seat hears 1, 2, 3; a slow one loses his queue, not his order, and holds up nobody."""

import asyncio

import pytest

from jam_recs import records as r
from jam_recs.follow import follow, read_frame
from jam_recs.log import Log
from jam_recs.room import KEPT_FRAMES, LEASE_MS, RESET, RESYNC, SEAT_BYTES, SILENT_MS, Rooms, Seat
from jam_recs.service import _flush
from jam_recs.state import view
from jam_recs.tokens import LIFE_MS


@pytest.fixture
def rooms(tmp_path):
    log = Log(tmp_path / "rooms.log")
    rooms = Rooms(log, log.recovered)
    rooms.log = log
    rooms.submit("a", 1, 0, r.Create(r.Profile("Ann")), 0)
    commit(rooms)
    yield rooms
    log.close()


def commit(rooms):
    batch = rooms.take()
    rooms.log.write(batch.records)
    return rooms.publish(batch)


def add(rooms, number, tell=None):
    return rooms.submit("a", 1, number, r.Add(r.Track(number, "t" * 100)), 0, tell)


def sit(rooms, member=1, version=0):
    seat = Seat(member)
    rooms.rooms["a"].catch_up(seat, version)
    rooms.rooms["a"].seats.append(seat)
    return seat


def drain(rooms, seat):
    return seat.take(rooms.rooms["a"].durable)


def test_nothing_is_heard_before_it_is_durable(rooms):
    seat, told = sit(rooms), []
    drain(rooms, seat)
    add(rooms, 1, told.append)
    batch = rooms.take()
    rooms.log.write(batch.records)
    assert (drain(rooms, seat), told, rooms.rooms["a"].durable.version) == ([], [], 1)
    assert rooms.publish(batch) == {"a": {"add"}}
    (frame,) = drain(rooms, seat)
    assert told == [frame]
    assert read_frame(frame).version == 2


def test_a_retry_waits_for_the_disk_with_its_original(rooms):
    told = []
    add(rooms, 1)
    add(rooms, 1, told.append)
    assert told == []
    commit(rooms)
    assert (read_frame(told[0]).kind, read_frame(told[0]).version) == ("again", 2)


@pytest.mark.parametrize("version", range(1, 9))
def test_catch_up_from_every_version(rooms, version):
    first = sit(rooms)
    for number in range(1, 8):
        add(rooms, number)
        commit(rooms)
    seen = None
    for frame in drain(rooms, first):
        seen = follow(seen, read_frame(frame))
        if seen.version == version:
            break
    frames = drain(rooms, sit(rooms, version=version))
    assert [read_frame(frame).version for frame in frames] == list(range(version + 1, 9))
    for frame in frames:
        seen = follow(seen, read_frame(frame))
    assert seen == view(rooms.rooms["a"].durable)


def test_too_far_behind_or_ahead_gets_the_room_whole(rooms):
    for number in range(KEPT_FRAMES + 5):
        rooms.submit("a", 1, number + 1, r.Add(r.Track(number % 5, "t")) if number < 5 else r.Vote(2, number % 2), 0)
        if number % 100 == 0:
            commit(rooms)
    commit(rooms)
    newest = rooms.rooms["a"].durable.version
    (frame,) = drain(rooms, sit(rooms, version=newest - KEPT_FRAMES - 1))
    assert read_frame(frame) == view(rooms.rooms["a"].durable)
    assert len(drain(rooms, sit(rooms, version=newest - KEPT_FRAMES))) == KEPT_FRAMES
    frames = drain(rooms, sit(rooms, version=newest + 1))
    assert (frames[0], read_frame(frames[1]).version) == (RESET, newest)
    assert drain(rooms, sit(rooms, version=newest)) == []
    assert read_frame(drain(rooms, sit(rooms, version=-3))[0]).version == newest


def test_a_slow_member_is_told_to_resync_and_the_others_hear_all(rooms):
    slow, quick = sit(rooms), sit(rooms)
    drain(rooms, slow)
    heard = drain(rooms, quick)
    number = 0
    while not slow.behind:
        number += 1
        rooms.submit(
            "a", 1, number, r.Add(r.Track(number, "t" * 2_000)) if number < 9 else r.Vote(3, number % 3 - 1), 0
        )
        commit(rooms)
        heard += drain(rooms, quick)
        assert slow.waiting <= SEAT_BYTES + 10_000
    assert len(slow.frames) == slow.waiting == 0
    versions = [read_frame(frame).version for frame in heard]
    assert versions == list(range(1, len(versions) + 1))
    assert drain(rooms, slow)[:1] == [RESYNC]
    rooms.submit("a", 1, number + 1, r.Vote(3, 1), 0)
    commit(rooms)
    drain(rooms, slow)
    assert not slow.behind


def test_a_room_larger_than_a_queue_reaches_a_slow_member_whole(rooms):
    for number in range(1, 141):
        rooms.submit("a", 1, number, r.Add(r.Track(number, "t" * 2_000)), 0)
    commit(rooms)
    seat = sit(rooms)
    assert seat.behind  # the room alone is more than may wait
    frames = drain(rooms, seat)
    assert (frames[0], len(frames), len(frames[1]) > SEAT_BYTES) == (RESYNC, 2, True)
    assert read_frame(frames[1]) == view(rooms.rooms["a"].durable)


def test_after_a_restart_the_room_and_its_last_events_are_there(rooms, tmp_path):
    for number in range(1, 6):
        add(rooms, number)
    commit(rooms)
    durable = rooms.rooms["a"].durable
    rooms.log.close()
    rooms.log = Log(tmp_path / "rooms.log")
    again = Rooms(rooms.log, rooms.log.recovered)
    assert (again.rooms["a"].state, again.rooms["a"].durable) == (durable, durable)
    seat = Seat(1)
    again.rooms["a"].catch_up(seat, 3)
    assert [read_frame(frame).version for frame in seat.frames] == [4, 5, 6]
    again.submit("a", 1, 6, r.Vote(3, 1), 0)
    assert again.rooms["a"].state.epoch == 2


def test_leases_run_on_the_clock_that_is_passed_in(rooms):
    room = rooms.rooms["a"]
    assert room.lapsed(1_000) == []  # never heard of: his lease begins now
    assert room.lapsed(1_000 + LEASE_MS) == []
    assert room.lapsed(1_001 + LEASE_MS) == [1]
    room.seen_ms[1] = 1_000 + LEASE_MS
    assert room.lapsed(1_001 + LEASE_MS) == []


def test_whoever_is_connected_may_be_silent_for_longer(rooms):
    """A browser lets a hidden page speak once a minute."""
    sit(rooms)
    room = rooms.rooms["a"]
    room.seen_ms[1] = 0
    assert room.lapsed(SILENT_MS) == []
    assert room.lapsed(SILENT_MS + 1) == [1]


def test_a_room_is_over_when_nobody_is_there_and_no_token_can_bring_anybody_back(rooms):
    room = rooms.rooms["a"]
    assert not room.over(3 * LIFE_MS)  # Ann is there
    rooms.submit("a", 0, 0, r.Lapse(1), 0)
    assert not room.over(3 * LIFE_MS)  # and goes, but the disk does not have it yet
    commit(rooms)
    assert not room.over(2 * LIFE_MS)
    assert room.over(2 * LIFE_MS + 1)


def test_a_room_whose_creation_the_disk_refused_never_was(rooms):
    rooms.submit("b", 1, 0, r.Create(r.Profile("Ben")), 0)
    rooms.undo(rooms.take())
    assert list(rooms.rooms) == ["a"]


class StalledLine:
    """A connection that takes nothing until it is told to."""

    def __init__(self):
        self.writable, self.written = asyncio.Event(), []

    def write(self, frames):
        self.written.append(list(frames))


def test_a_line_that_takes_nothing_is_written_to_when_it_does(rooms):
    room, line, seat = rooms.rooms["a"], StalledLine(), sit(rooms)
    for number in range(1, 4):
        add(rooms, number)
        commit(rooms)
        _flush(line, room, seat)
    assert line.written == []
    line.writable.set()
    _flush(line, room, seat)
    _flush(line, room, seat)  # woken again with nothing to say
    (frames,) = line.written
    assert [read_frame(frame).version for frame in frames] == [1, 2, 3, 4]


def test_a_line_that_takes_nothing_for_too_long_is_told_to_resync(rooms):
    room, line, seat = rooms.rooms["a"], StalledLine(), sit(rooms)
    for number in range(1, 141):
        rooms.submit("a", 1, number, r.Add(r.Track(number, "t" * 2_000)), 0)
        commit(rooms)
        _flush(line, room, seat)
    line.writable.set()
    _flush(line, room, seat)
    ((first, whole),) = line.written
    assert (first, read_frame(whole)) == (RESYNC, view(room.durable))
