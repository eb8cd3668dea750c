"""The log: torn anywhere it loses only what nobody was told; damaged in its middle it is refused; a full disk acknowledges nothing."""

import errno
import os

import pytest
from msgspec import msgpack

from jam_recs import log as log_module
from jam_recs import records as r
from jam_recs.log import MAGIC, Log, LogFull, history, records, recover, replay, state_hash
from jam_recs.room import Rooms
from shared.cli import main
from shared.errors import BadInput, Conflict


def op(number, room="a"):
    return r.Op(room, 1, 1, number, 0, r.Add(r.Track(number, "t")) if number else r.Create(r.Profile("Ann")))


def write(path, numbers, room="a", batch=1):
    log = Log(path)
    numbers = list(numbers)
    for first in range(0, len(numbers), batch):
        for number in numbers[first : first + batch]:
            log.append_op(op(number, room))
        log.write(log.take())
    log.close()


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "rooms.log"
    write(path, range(5))
    write(path, range(2), "b")
    found = recover(path)
    assert {name: [one.seq for one in tail] for name, tail in found.tails.items()} == {
        "a": [0, 1, 2, 3, 4],
        "b": [0, 1],
    }
    assert (found.epoch, found.torn) == (2, 0)
    rooms, ops, snapshots = replay(path)
    assert (rooms["a"].version, rooms["b"].version, ops, snapshots) == (5, 2, 7, 0)


def test_torn_at_every_byte_of_the_last_batch(tmp_path):
    path = tmp_path / "rooms.log"
    write(path, range(4))
    whole = path.read_bytes()
    *_, before, last = [record.end for record in records(path)]
    for end in range(before, last):
        path.write_bytes(whole[:end])
        log = Log(path)
        assert [one.seq for one in log.recovered.tails["a"]] == [0, 1, 2]
        assert log.recovered.torn == end - before
        log.append_op(op(3))
        log.write(log.take())
        log.close()
        assert replay(path)[0]["a"].version == 4


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"\xff" * 100, b"x" * 7])
def test_garbage_at_the_end_is_a_torn_tail(tmp_path, garbage):
    path = tmp_path / "rooms.log"
    write(path, range(3))
    with path.open("ab") as file:
        file.write(garbage)
    assert [one.seq for one in recover(path).tails["a"]] == [0, 1, 2]


def test_a_hole_in_the_middle_is_refused(tmp_path, capsys):
    path = tmp_path / "rooms.log"
    write(path, range(6))
    data = bytearray(path.read_bytes())
    second = [record.end for record in records(path)][1]
    data[second + 14] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=f"byte {second}: the record is damaged and batch"):
        Log(path)
    assert path.read_bytes() == data
    assert main(["jam-recs", "replay", str(path)]) == 2
    assert "restore the file from a copy" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"hello", b"liner jam log 2\nxxxxxxxxxxxxxxxxxx", b"\0" * 64])
def test_another_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "rooms.log"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="expected"):
        Log(path)
    assert path.read_bytes() == content


def test_a_log_torn_at_birth_begins_anew(tmp_path):
    path = tmp_path / "rooms.log"
    for length in range(len(MAGIC)):
        path.write_bytes(MAGIC[:length])
        Log(path).close()
        assert recover(path).epoch == 1


def test_one_writer_at_a_time(tmp_path):
    log = Log(tmp_path / "rooms.log")
    with pytest.raises(Conflict, match="another server writes this log"):
        Log(tmp_path / "rooms.log")
    log.close()


def test_snapshots_shorten_recovery_and_equal_the_replay(tmp_path, monkeypatch):
    monkeypatch.setattr("jam_recs.room.SNAPSHOT_EVERY", 10)
    log = Log(tmp_path / "rooms.log")
    rooms = Rooms(log, log.recovered)
    for number in range(25):
        rooms.submit("a", 1, number, op(number).body, 0)
        batch = rooms.take()
        log.write(batch.records)
        rooms.publish(batch)
    durable = rooms.rooms["a"].durable
    log.close()
    found = recover(tmp_path / "rooms.log")
    assert [one.seq for one in found.tails["a"]] == [20, 21, 22, 23, 24]
    log = Log(tmp_path / "rooms.log")
    assert state_hash(Rooms(log, log.recovered).rooms["a"].state) == state_hash(durable)
    log.close()
    states, ops, snapshots = replay(tmp_path / "rooms.log")
    assert (state_hash(states["a"]), ops, snapshots) == (state_hash(durable), 25, 2)


def commit(log, rooms):
    batch = rooms.take()
    log.write(batch.records)
    rooms.publish(batch)


def test_a_compacted_log_holds_the_same_rooms_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("jam_recs.log.COMPACT_AT", 500)
    path = tmp_path / "rooms.log"
    log = Log(path)
    rooms = Rooms(log, log.recovered)
    for number in range(120):
        body = op(number).body if number < 5 else r.Vote(2 + number % 3, 1 - number % 3)
        rooms.submit("a", 1, number, body, 0)
        commit(log, rooms)
        if log.grown:
            log.compact([rooms.rooms["a"].durable])
            path.with_suffix(".new").write_bytes(b"the next one died")
    durable = rooms.rooms["a"].durable
    rooms.submit("a", 1, 120, r.Vote(2, 1), 0)  # not durable: it is in none of the files
    log.close()
    states, ops, snapshots = replay(path)
    assert (state_hash(states["a"]), snapshots) == (state_hash(durable), 1)
    assert state_hash(list(history(path, "a"))[-1][1]) == state_hash(durable)
    assert ops < 120
    log = Log(path)
    again = Rooms(log, log.recovered)
    assert (state_hash(again.rooms["a"].state), log.epoch) == (state_hash(durable), 2)
    again.submit("a", 1, 119, r.Vote(2 + 119 % 3, 1 - 119 % 3), 0)  # a retry of what only the snapshot remembers
    assert again.rooms["a"].state.version == durable.version
    log.close()


def test_a_log_that_could_not_be_made_can_be_opened_when_there_is_room_again(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for failing, error in (("_replace", OSError), ("_sync", LogFull)):
        with monkeypatch.context() as patch:
            patch.setattr(f"jam_recs.log.{failing}", full)
            with pytest.raises(error):
                Log(tmp_path / "rooms.log")
        (tmp_path / "rooms.log").unlink(missing_ok=True)
    Log(tmp_path / "rooms.log").close()


def test_a_log_that_cannot_be_compacted_stays_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "rooms.log"
    write(path, range(5))
    log, before = Log(path), path.read_bytes()
    state = replay(path)[0]["a"]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jam_recs.log.durable_rename", full)
        with pytest.raises(LogFull, match="was not compacted"):
            log.compact([state])
    assert path.read_bytes()[: len(before)] == before
    log.append_op(op(5))
    log.write(log.take())
    log.close()
    assert replay(path)[0]["a"].version == 6


def test_a_compaction_that_fails_behind_its_rename_is_trusted_no_more(tmp_path, monkeypatch):
    path = tmp_path / "rooms.log"
    write(path, range(5))
    log, state = Log(path), replay(path)[0]["a"]

    def half(source, target):
        source.rename(target)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("jam_recs.log.durable_rename", half)
    with pytest.raises(LogFull, match="was not compacted"):
        log.compact([state])
    log.append_op(op(5))
    with pytest.raises(LogFull, match="until a restart"):
        log.write(log.take())
    log.close()
    assert replay(path)[0]["a"].version == 5


def test_a_snapshot_that_its_ops_do_not_lead_to_is_refused(tmp_path):
    path = tmp_path / "rooms.log"
    write(path, range(3))
    log = Log(path)
    log.append("S", msgpack.encode(list(history(path, "a"))[1][1]))
    log.write(log.take())
    log.close()
    with pytest.raises(BadInput, match="the snapshot of room a is not what its ops lead to"):
        replay(path)


class FullDisk:
    """A disk that takes `room` more bytes."""

    def __init__(self, room):
        self.room = room

    def __call__(self, file, data, offset):
        taken = min(len(data), self.room)
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= taken
        return os.pwritev(file, [data[:taken]], offset)


@pytest.mark.parametrize("space", [0, 1, 40, 100])
def test_a_full_disk_acknowledges_nothing_and_recovers(tmp_path, monkeypatch, space):
    log = Log(tmp_path / "rooms.log")
    rooms, told = Rooms(log, log.recovered), []
    rooms.submit("a", 1, 0, op(0).body, 0)
    batch = rooms.take()
    log.write(batch.records)
    rooms.publish(batch)
    size = log.path.stat().st_size
    for number in (1, 2, 3):
        rooms.submit("a", 1, number, op(number).body, 0, told.append)
    batch = rooms.take()
    with monkeypatch.context() as patch:
        patch.setattr(log_module.os, "pwrite", FullDisk(space))
        with pytest.raises(LogFull, match=r"rooms.log: No space left on device; 3 records refused; free some space"):
            log.write(batch.records)
    rooms.undo(batch)
    assert (log.path.stat().st_size, rooms.rooms["a"].state.version) == (size, 1)
    assert all(b'"code":"log_full"' in frame for frame in told)
    assert len(told) == 3
    rooms.submit("a", 1, 1, op(1).body, 0, told.append)  # the same id, sent again, is taken
    batch = rooms.take()
    log.write(batch.records)
    rooms.publish(batch)
    assert b'"version":2' in told[-1]
    log.close()
    assert replay(tmp_path / "rooms.log")[0]["a"].version == 2


def test_after_a_failed_sync_nothing_is_trusted(tmp_path, monkeypatch):
    log = Log(tmp_path / "rooms.log")

    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    log.append_op(op(0))
    with monkeypatch.context() as patch:
        patch.setattr(log_module, "_sync", broken)
        with pytest.raises(LogFull, match="until a restart"):
            log.write(log.take())
    log.append_op(op(0))
    with pytest.raises(LogFull, match="until a restart"):
        log.write(log.take())
    log.close()


def test_the_replay_verb(tmp_path, capsys):
    path = tmp_path / "rooms.log"
    write(path, range(3))
    state = replay(path)[0]["a"]
    assert main(["jam-recs", "replay", str(path)]) == 0
    assert state_hash(state) in capsys.readouterr().out
    assert main(["jam-recs", "replay", str(path), "--json"]) == 0
    assert f'"hash": "{state_hash(state)}"' in capsys.readouterr().out
    assert main(["jam-recs", "replay", str(tmp_path / "absent.log")]) == 2
    assert "No such file" in capsys.readouterr().err
