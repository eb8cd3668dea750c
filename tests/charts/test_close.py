"""Weeks that close in event time: what is final, what corrects it, and what a kill or a lost file may not do to either."""

import pyarrow as pa
import pytest

from charts import close, cluster
from charts.close import GLOBAL, cut, difference, published, weekly_counts
from charts.pipeline import Consumer, replay, send
from charts.records import CHART, COUNTS, country_code
from charts.recount import recount, streamed
from charts.rules import HOUR_MS, Rules, parse_week, week_name, week_of
from charts.views import Views, open_stores
from shared.clock import DAY_MS, WEEK_MS
from shared.lake import Lake
from shared.ports import partition_of
from tests.charts.conftest import FRIDAY, RULES, as_batch, consumer_of, everything, make_play, random_plays


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


def test_the_owner_of_partition_0_closes_what_another_member_counted(engines, run):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch([make_play(1), make_play(2, started_at=FRIDAY + 2 * WEEK_MS)]), 1, RULES)
    consumer.take(0, everything(engines, run))
    consumer.revoke([0])
    assert published(engines.lake, run.dataset, week_of(FRIDAY)) is None
    rounds = iter([False, True])
    cluster.work(engines, run, RULES, lambda: next(rounds))
    assert published(engines.lake, run.dataset, week_of(FRIDAY)).details["revision"] == 1


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
    view, look = Views(engines, run, RULES, [consumer.owned[0].store]), published

    def looked_at_while_a_correction_comes(*asked):
        found = look(*asked)
        if not sent:
            sent.append(send(engines.log, run, late, 1, RULES))
            assert consumer.drain(engines)
        return found

    sent = []
    monkeypatch.setattr("charts.views.published", looked_at_while_a_correction_comes)
    first, second = (view.chart(GLOBAL, week_of(FRIDAY)) for _ in range(2))
    assert [(chart["revision"], chart["rows"][0]["plays"]) for chart in (first, second)] == [(1, 1), (2, 2)]


def test_what_became_due_before_a_kill_is_published_after_it(engines, run, monkeypatch):
    consumer = consumer_of(engines, run)
    send(engines.log, run, as_batch(random_plays(1, 300, weeks=4)), 1, RULES)
    with monkeypatch.context() as patch:
        patch.setattr(Consumer, "publish_due", lambda *_: [])  # killed behind the commit
        consumer.drain(engines)
    assert consumer.drain(engines)  # nothing is behind, and all messages were sent


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
