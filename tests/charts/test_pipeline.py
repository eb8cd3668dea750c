"""Exactly once, whatever happens on the way: redelivery, poison, zombies, rebalances, lost disks; and weeks that close in event time."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from charts import close, cluster, pipeline, views
from charts.close import GLOBAL, cut, difference, published, weekly_counts
from charts.pipeline import Consumer, Run, replay, send, stream_clock
from charts.records import CHART, COUNTS, Verdict, country_code
from charts.recount import recount, streamed
from charts.rules import HOUR_MS, Rules, parse_week, week_name, week_of
from charts.step import step
from charts.store import PartitionStore, restore
from charts.views import Views, open_stores
from charts.why import why
from shared.batches import encode
from shared.bootstrap import Engines
from shared.clock import DAY_MS, WEEK_MS
from shared.errors import BadInput, Conflict, LinerError
from shared.lake import Lake
from shared.ports import partition_of, partitions_of
from shared.settings import Settings
from tests.charts.conftest import FRIDAY, as_batch, make_play, random_plays

RULES = Rules(daily_cap=2)


@pytest.fixture
def engines(tmp_path, clock):
    opened = Engines(Settings(home=tmp_path), clock)
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path):
    return Run("t", tmp_path)


def consumer_of(engines, run, partitions=1):
    engines.log.create(run.topic, partitions)
    consumer = Consumer(engines.log, run, RULES, engines.clock)
    consumer.assign(range(partitions))
    return consumer


def everything(engines, run, partition=0):
    return engines.log.read(run.topic, partition, 0, 1 << 30, 0)


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


def test_a_closer_that_slept_publishes_nothing_old(engines, run, monkeypatch):
    """Another closes while one is in the middle of a cut: it is sent away, and what is newest stays newest."""
    consumer, other = consumer_of(engines, run), []
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 3 * WEEK_MS)]), 1, RULES)
    plain = close.cut

    def slow(*arguments):
        other.append(cluster.close_all(engines, run, RULES))
        return plain(*arguments)

    monkeypatch.setattr(close, "cut", slow)
    revisions = consumer.drain(engines)
    assert [revision.number for revision in revisions] == [1] * len(revisions)
    assert len(revisions) >= 2
    assert other == [[]] * len(other)
    assert cluster.close_all(engines, run, RULES) == []


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


def test_the_owner_of_partition_0_closes_what_another_member_counted(engines, run):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    consumer.take(0, everything(engines, run))
    consumer.revoke([0])
    assert published(engines.lake, run.dataset, week_of(FRIDAY)) is None
    rounds = iter([False, True])
    cluster.work(engines, run, RULES, lambda: next(rounds))
    assert published(engines.lake, run.dataset, week_of(FRIDAY)).details["revision"] == 1


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


def test_a_restored_file_withdraws_nothing_and_rebuilt_in_other_batches_stops_no_correction(engines, run, tmp_path):
    def play(event, user, at):
        send(engines.log, run, as_batch([make_play(event, user_id=user, started_at=at)]), 2, RULES)
        return [revision.number for revision in consumer.drain(engines) if revision.week == week_of(FRIDAY)]

    consumer = consumer_of(engines, run, 2)
    one, other = (next(user for user in range(99) if partition_of(user, 2) == partition) for partition in (0, 1))
    assert play(1, one, FRIDAY) == []
    assert play(2, one, FRIDAY + 2 * WEEK_MS) == [1]
    consumer.owned[0].store.snapshot(run.snapshots / consumer.owned[0].store.path.name)
    assert play(3, one, FRIDAY + 1) == [2]
    assert play(4, one, FRIDAY + 2 * WEEK_MS + 1) == []
    consumer.revoke([0])
    for file in run.folder.glob("partition-0000*"):
        file.unlink()
    consumer.assign([0])
    assert consumer.publish_due(engines) == []  # the file has not yet counted play 3
    assert play(5, other, FRIDAY + 2) == [3]  # plays 3 and 4 came in one batch now
    assert published(engines.lake, run.dataset, week_of(FRIDAY)).table()["plays"].to_pylist()[0] == 3


def test_a_correction_whose_chart_a_killed_closer_left_out_is_not_shown(engines, run, monkeypatch):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    consumer.drain(engines)
    send(engines.log, run, as_batch([make_play(3, started_at=FRIDAY + 1)]), 1, RULES)
    put, killed = Lake.publish_table, []

    def dying(lake, name, *rest):
        if "/charts/" in name:
            raise InterruptedError
        killed.append(name)
        return put(lake, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "publish_table", dying)
        with pytest.raises(InterruptedError):
            consumer.drain(engines)
    views = Views(engines, run, RULES, [consumer.owned[0].store])
    assert killed
    assert views.corrections(week_of(FRIDAY)) == []
    consumer.drain(engines)
    assert [shown["revision"] for shown in views.corrections(week_of(FRIDAY))] == [2]


def test_a_chart_and_the_revision_that_it_names_are_of_one_moment(engines, run, monkeypatch):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    consumer.drain(engines)
    late = as_batch([make_play(3, started_at=FRIDAY + 1)])
    view, look = Views(engines, run, RULES, [consumer.owned[0].store]), views.published

    def looked_at_while_a_correction_comes(*asked):
        found = look(*asked)
        if not sent:
            sent.append(send(engines.log, run, late, 1, RULES))
            assert consumer.drain(engines)
        return found

    sent = []
    monkeypatch.setattr(views, "published", looked_at_while_a_correction_comes)
    first, second = (view.chart(GLOBAL, week_of(FRIDAY)) for _ in range(2))
    assert [(chart["revision"], chart["rows"][0]["plays"]) for chart in (first, second)] == [(1, 1), (2, 2)]


def test_what_became_due_before_a_kill_is_published_after_it(engines, run, monkeypatch):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 300, weeks=4)), 1, RULES)
    with monkeypatch.context() as patch:
        patch.setattr(Consumer, "publish_due", lambda *_: [])  # killed behind the commit
        consumer.drain(engines)
    assert consumer.drain(engines)  # nothing is behind, and all messages were sent


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


@pytest.mark.parametrize("after", [-1, 0])
def test_a_week_is_final_48_hours_after_its_end_to_the_millisecond(engines, run, after):
    closing = FRIDAY + WEEK_MS + 48 * HOUR_MS + after
    revisions = replay(engines, run, [as_batch([make_play(1), make_play(2, started_at=closing)])], 1, RULES)
    assert [(week_name(r.week), r.number) for r in revisions] == ([("2026-11-13", 1)] if after == 0 else [])


def test_corrections_are_numbered_and_end_in_the_recount(engines, run):
    later = make_play(10**6, started_at=FRIDAY + 3 * WEEK_MS)
    batches = [
        [*random_plays(1, 300, weeks=1), later],
        random_plays(2, 100, weeks=1),
        [make_play(10**7)],
        [make_play(10**7)],
    ]
    revisions = replay(engines, run, [as_batch(plays) for plays in batches], 2, RULES)
    first_week = [r for r in revisions if r.week == week_of(FRIDAY)]
    assert [r.number for r in first_week] == [1, 2, 3]  # the repeated play is no correction
    chart = CHART.empty_table()
    for revision in first_week:
        assert difference(chart, revision.chart).equals(revision.diff)
        chart = revision.chart
    stores = open_stores(run)
    assert cut(weekly_counts(stores, week_of(FRIDAY)), RULES).equals(chart)
    views = Views(engines, run, RULES, stores)
    assert [c["revision"] for c in views.corrections(week_of(FRIDAY))] == [2, 3]
    assert published(engines.lake, run.dataset, week_of(FRIDAY), 1).table().equals(first_week[0].chart)
    assert streamed(run, engines, RULES) == recount(engines, run, RULES)


def test_an_idle_partition_does_not_hold_the_chart_and_a_lagging_one_does(engines, run):
    consumer = consumer_of(engines, run, partitions=2)
    users = [next(u for u in range(99) if partition_of(u, 2) == p) for p in range(2)]
    send(engines.log, run, as_batch([make_play(1, user_id=users[0])]), 2, RULES)
    consumer.drain(engines)
    stores = [own.store for own in consumer.owned.values()]
    assert stream_clock(engines.log, run, stores) == FRIDAY
    send(engines.log, run, as_batch([make_play(2, user_id=users[1], started_at=FRIDAY - DAY_MS)]), 2, RULES)
    assert stream_clock(engines.log, run, stores) == 0


def test_the_week_is_the_sum_of_its_days_and_quiet_weeks_are_charts(engines, run):
    plays = [make_play(i, user_id=i, started_at=FRIDAY + i * DAY_MS % WEEK_MS, tier=i % 3) for i in range(50)]
    replay(engines, run, [as_batch([*plays, make_play(99, started_at=FRIDAY + 3 * WEEK_MS)])], 2, RULES)
    views = Views(engines, run, RULES, open_stores(run))
    assert [views.state(week)["state"] for week in views.weeks()] == ["final", "final", "provisional", "provisional"]
    week = parse_week("2026-11-13")
    (row,) = views.chart(GLOBAL, week)["rows"]
    days = views.days(week)
    assert (row["units"], row["plays"]) == (sum(d["units"] for d in days), sum(d["plays"] for d in days)) == (218, 50)
    assert len(days) == 7
    quiet = views.chart(GLOBAL, week + 1)
    assert (quiet["rows"], quiet["revision"]) == ([], 1)
    assert views.chart(GLOBAL, week + 3)["rows"][0]["status"] == "re-entry"


def test_charts_are_ordered_by_units_then_plays_then_artist():
    rows = [("SE", 3, 12, 2), ("SE", 2, 12, 3), ("SE", 9, 18, 3), ("SE", 1, 12, 2), ("--", 7, 30, 5), ("AX", 5, 1, 1)]
    columns = list(zip(*[(0, country_code(c), a, u, p) for c, a, u, p in sorted(rows)], strict=True))
    counts = pa.RecordBatch.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, COUNTS, strict=True)], schema=COUNTS
    )
    charts = [(r["scope"], r["rank"], r["artist_id"]) for r in cut(counts, Rules(places=4)).to_pylist()]
    assert charts[:4] == [("global", 1, 7), ("global", 2, 9), ("global", 3, 2), ("global", 4, 1)]
    assert charts[4:] == [("AX", 1, 5), ("SE", 1, 9), ("SE", 2, 2), ("SE", 3, 1), ("SE", 4, 3)]


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


def test_what_came_late_is_no_part_of_a_revision_that_did_not_count_it(engines, run):
    """A rebuilt batch begins where that of the lost file began, and takes more with it."""
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 3 * WEEK_MS)]), 1, RULES)
    consumer.drain(engines)
    store = consumer.owned[0].store
    store.snapshot(run.snapshots / store.path.name)
    send(engines.log, run, as_batch([make_play(3, user_id=3)]), 1, RULES)
    assert [revision.number for revision in consumer.drain(engines)] == [2]
    send(engines.log, run, as_batch([make_play(4, user_id=4)]), 1, RULES)
    consumer.revoke([0])
    for file in run.folder.glob("partition-0000*"):
        file.unlink()
    consumer.assign([0])
    assert [(revision.number, revision.chart["plays"][0].as_py()) for revision in consumer.drain(engines)] == [(3, 3)]


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
