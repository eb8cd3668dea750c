"""Exactly once, whatever happens on the way: redelivery, poison, zombies, rebalances, lost disks."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from charts import cluster, pipeline
from charts.close import published
from charts.pipeline import Consumer, Run, replay, send, stream_clock
from charts.records import Verdict
from charts.recount import recount, streamed
from charts.rules import week_of
from charts.step import step
from charts.store import PartitionStore, restore
from charts.why import why
from shared.batches import encode
from shared.clock import DAY_MS, WEEK_MS
from shared.errors import BadInput, Conflict, LinerError
from shared.ports import partition_of, partitions_of
from tests.charts.conftest import FRIDAY, RULES, as_batch, consumer_of, everything, make_play, random_plays


def test_partitions_of_an_array_are_the_ports():
    keys = np.array([0, 1, -1, 2**62, -(2**63), 77])
    assert partitions_of(keys, 7).tolist() == [partition_of(key, 7) for key in keys.tolist()]


def test_a_redelivered_batch_changes_nothing(engines, run):
    consumer = consumer_of(engines, run)
    for seed in range(3):
        send(engines.log, run, as_batch(random_plays(seed, 100)), 1, RULES)
    messages = everything(engines, run)
    consumer.take(0, messages[:2])
    consumer.take(0, messages[:1])
    consumer.take(0, messages)
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_a_gap_is_read_from_the_log(engines, run):
    consumer = consumer_of(engines, run)
    for seed in range(3):
        send(engines.log, run, as_batch(random_plays(seed, 100)), 1, RULES)
    consumer.take(0, everything(engines, run)[-1:])
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_poison_goes_to_the_dead_letters_with_its_offset_and_the_rest_goes_on(engines, run):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1)]), 1, RULES)
    (foreign,) = encode(pa.table({"event_id": [1]}))
    engines.log.append(run.topic, 0, [b"", foreign, b"x" * 100_000])
    send(engines.log, run, as_batch([make_play(2)]), 1, RULES)
    consumer.drain(engines)
    letters = consumer.owned[0].store.dead_letters()
    assert [letter.offset for letter in letters] == [1, 2, 3]
    assert len(letters[2].message) < 100_000
    assert all("message of" in letter.reason for letter in letters)
    assert consumer.owned[0].store.position().tallies[Verdict.COUNTED] == 2


def test_a_zombie_cannot_commit_and_catches_up(engines, run):
    zombie, heir = consumer_of(engines, run), consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 200)), 1, RULES)
    send(engines.log, run, as_batch(random_plays(2, 200)), 1, RULES)
    messages = everything(engines, run)
    zombie.take(0, messages[:1])
    heir.take(0, messages)
    zombie.take(0, messages[1:])
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)
    store = heir.owned[0].store
    with pytest.raises(Conflict, match="another consumer was here"):
        store.commit(0, 1, None, [], RULES)


def test_what_a_failing_step_left_in_memory_is_forgotten(engines, run, monkeypatch):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 200)), 1, RULES)

    def half(segments, *arguments):
        step(segments, *arguments)
        raise MemoryError

    monkeypatch.setattr(pipeline, "step", half)
    with pytest.raises(MemoryError):
        consumer.take(0, everything(engines, run))
    monkeypatch.undo()
    consumer.take(0, everything(engines, run))
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_a_group_shares_partitions_and_hands_them_over(engines, run):
    engines.log.create(run.topic, 4)
    members = []
    for seed in range(6):
        send(engines.log, run, as_batch(random_plays(seed, 150)), 4, RULES)
        if seed in (0, 2):
            consumer = Consumer(engines.log, run, RULES, engines.clock)
            members.append((consumer, engines.log.subscribe(run.topic, "charts", consumer.assign, consumer.revoke)))
        if seed == 4:
            members.pop(0)[1].close()
        for _ in range(4):
            for consumer, subscription in members:
                for partition, messages in subscription.poll(0).items():
                    consumer.take(partition, messages)
    for _, subscription in members:
        subscription.close()
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_a_member_of_a_group_leaves_snapshots_and_charts(engines, run):
    engines.log.create(run.topic, 1)
    send(
        engines.log, run, as_batch([*random_plays(1, 200), make_play(10**6, started_at=FRIDAY + 4 * WEEK_MS)]), 1, RULES
    )
    cluster.work(engines, run, RULES, lambda: cluster.all_counted(engines, run))
    store = PartitionStore(run.snapshots, 0)
    assert store.position().next_offset == engines.log.end(run.topic, 0)
    store.close()
    assert published(engines.lake, run.dataset, week_of(FRIDAY)).details["revision"] >= 1
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_a_lost_disk_is_rebuilt_from_the_snapshot_and_the_log(engines, run, tmp_path):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 300)), 1, RULES)
    consumer.drain(engines)
    consumer.owned[0].store.snapshot(tmp_path / "snapshots" / consumer.owned[0].store.path.name)
    send(engines.log, run, as_batch(random_plays(2, 300)), 1, RULES)
    consumer.drain(engines)
    expected = streamed(run, engines, RULES)
    consumer.revoke([0])
    for file in run.folder.glob("partition-*"):
        file.unlink()
    for beside in ("-wal", "-shm"):
        (run.folder / f"partition-0000.sqlite{beside}").write_bytes(b"of the file that is gone")
    store = restore(run.folder, 0, tmp_path / "snapshots")
    assert 0 < store.position().next_offset < engines.log.end(run.topic, 0)
    store.close()
    consumer.assign([0])
    consumer.drain(engines)
    assert streamed(run, engines, RULES) == expected


def test_memory_is_rebuilt_from_blobs_and_final_weeks_leave_it(engines, run):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, played_ms=1)]), 1, RULES)
    consumer.drain(engines)
    assert list(consumer.owned[0].segments) == [week_of(FRIDAY)]
    send(engines.log, run, as_batch([make_play(3, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    send(engines.log, run, as_batch([make_play(4, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    consumer.drain(engines)
    assert list(consumer.owned[0].segments) == [week_of(FRIDAY) + 2]
    send(engines.log, run, as_batch([make_play(1), make_play(2, played_ms=1)]), 1, RULES)
    consumer.drain(engines)
    assert consumer.owned[0].store.position().tallies[Verdict.DUPLICATE] == 2


def test_segments_too_old_for_corrections_are_dropped_and_counts_stay(engines, run):
    consumer = consumer_of(engines, run)
    for at in (FRIDAY - 60 * WEEK_MS, FRIDAY, FRIDAY - 60 * WEEK_MS + 1):
        send(engines.log, run, as_batch([make_play(at, started_at=at)]), 1, RULES)
    consumer.drain(engines)
    store = consumer.owned[0].store
    assert store.position().tallies[Verdict.TOO_LATE] == 1
    assert not store.segment(week_of(FRIDAY) - 60, RULES).used.any()
    assert list(store.weeks()) == [week_of(FRIDAY) - 60, week_of(FRIDAY)]
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_deltas_are_folded_and_the_sum_stays(engines, run):
    consumer = consumer_of(engines, run)
    for i in range(40):
        send(engines.log, run, as_batch([make_play(i, user_id=i, artist_ids=[i % 3])]), 1, RULES)
        consumer.drain(engines)
    store = consumer.owned[0].store
    assert sum(row["plays"] for row in store.counts(week_of(FRIDAY)).to_pylist()) == 40
    (blobs,) = store._connection.execute("select count(*) from counts").fetchone()
    assert blobs < 16


def test_an_idle_partition_does_not_hold_the_chart_and_a_lagging_one_does(engines, run):
    consumer = consumer_of(engines, run, partitions=2)
    users = [next(u for u in range(99) if partition_of(u, 2) == p) for p in range(2)]
    send(engines.log, run, as_batch([make_play(1, user_id=users[0])]), 2, RULES)
    consumer.drain(engines)
    stores = [own.store for own in consumer.owned.values()]
    assert stream_clock(engines.log, run, stores) == FRIDAY
    send(engines.log, run, as_batch([make_play(2, user_id=users[1], started_at=FRIDAY - DAY_MS)]), 2, RULES)
    assert stream_clock(engines.log, run, stores) == 0


def test_why_explains_each_arrival(engines, run):
    ten = [make_play(10 + i, started_at=FRIDAY + 10 + i) for i in range(3)]
    plays = [
        *ten,
        make_play(5, started_at=FRIDAY),
        make_play(5, started_at=FRIDAY),
        make_play(5, started_at=FRIDAY - 1, track_id=9),
    ]
    replay(engines, run, [as_batch([*plays, make_play(6, country="ZZ"), make_play(7, played_ms=1)])], 2, RULES)
    verdicts = {event: [a["verdict"] for a in why(engines, run, event, RULES)] for event in (10, 11, 12, 5, 6, 7)}
    assert verdicts == {
        10: ["counted"],
        11: ["over_daily_cap"],
        12: ["over_daily_cap"],
        5: ["counted", "duplicate", "counted"],
        6: ["unknown_country"],
        7: ["too_short"],
    }


def test_an_interrupted_run_goes_on_where_it_stopped(engines, run):
    batches = [as_batch(random_plays(seed, 200, weeks=4)) for seed in range(4)]

    def breaks():
        yield from batches[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(engines, run, breaks(), 2, RULES)
    replay(engines, run, batches, 2, RULES)
    again = Run("unbroken", run.home)
    replay(engines, again, batches, 2, RULES)
    assert streamed(run, engines, RULES) == streamed(again, engines, RULES) == recount(engines, run, RULES)


def test_a_full_disk_leaves_the_state_as_it_was(engines, run):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 200)), 1, RULES)
    consumer.drain(engines)
    store = consumer.owned[0].store
    before = streamed(run, engines, RULES)
    (pages,) = store._connection.execute("pragma page_count").fetchone()
    store._connection.execute(f"pragma max_page_count = {pages}")
    send(engines.log, run, as_batch(random_plays(2, 5000)), 1, RULES)
    with pytest.raises(LinerError, match="full; what was committed before still stands"):
        consumer.drain(engines)
    assert streamed(run, engines, RULES) == before
    store._connection.execute("pragma max_page_count = 1000000")
    consumer.drain(engines)
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_a_torn_file_is_one_line(tmp_path):
    (tmp_path / "partition-0000.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(BadInput, match="the log makes it again"):
        PartitionStore(tmp_path, 0)


def test_a_snapshot_is_on_disk_before_it_replaces_the_last_and_two_do_not_meet(tmp_path, monkeypatch):
    """A zombie copies while the owner does: each has a file of its own."""
    store, synced, path = PartitionStore(tmp_path, 0), set(), tmp_path / "snapshots" / "partition-0000.sqlite"
    plain, rename = os.fsync, Path.rename
    others = [PartitionStore(tmp_path, 0)]

    def fsync(file):
        synced.add(os.fstat(file).st_ino)
        plain(file)

    def meanwhile(source, target):
        if others:
            others.pop().snapshot(path)
        assert source.stat().st_ino in synced
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", meanwhile)
    store.snapshot(path)
    assert path.parent.stat().st_ino in synced
    assert [file.name for file in path.parent.iterdir()] == [path.name]
