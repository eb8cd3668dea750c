"""What people feed a program: each gives one line with the place and the remedy, or is left out and counted."""

import subprocess
import sys
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from discover_weekly.demo import run_files
from discover_weekly.pipeline import NAME
from discover_weekly.store import get_list
from shared.bootstrap import Engines
from shared.cli import main
from shared.errors import BadInput, CheckFailed, Conflict, NotFound
from shared.lake import Lake
from shared.settings import Settings
from tests.discover_weekly.by_hand import HEALTHY, play


def run(paths, out, week="2026-W48"):
    return run_files(*map(str, paths), week, str(out), 1)


def listed(out, user=None):
    rows = Lake(out / "lake").dataset(NAME).table().to_pylist()
    return {row["track_id"] for row in rows if user in (None, row["user_id"])}


def arguments(paths, out):
    names = ("--plays", "--catalogue", "--users")
    flags = [part for pair in zip(names, map(str, paths), strict=True) for part in pair]
    return ["discover-weekly", "run", *flags, "--week", "2026-W48", "--out", str(out)]


def test_a_healthy_week(files, tmp_path):
    report = run(files(HEALTHY), tmp_path / "out")
    assert report["lists"] == 6
    assert report["lake"] == str(tmp_path / "out" / "lake")
    assert report["plays_read"] == len(HEALTHY)
    assert report["users_without_a_list"] == 0


def test_duplicate_events_change_nothing(files, tmp_path):
    once = run(files(HEALTHY), tmp_path / "once")
    twice = run(files(HEALTHY + HEALTHY), tmp_path / "twice")
    assert once["digest"] == twice["digest"]


def test_broken_plays_are_left_out_and_counted(files, tmp_path):
    broken = [
        play(0, 30, -60),  # an hour after the cut-off
        play(0, 31, 60, -5),
        play(0, 31, 60, 90_000_000),
        play(0, 999),
        play(77, 1),
        {"user_id": None, "track_id": 1, "started_at": None, "played_ms": 1},
    ]
    clean = run(files(HEALTHY), tmp_path / "clean")
    report = run(files(HEALTHY + broken), tmp_path / "broken")
    assert report["digest"] == clean["digest"]
    assert report["plays_read"] == len(HEALTHY) + 6
    assert report["after_the_week_began"] == 1
    assert report["impossible_length"] == 2
    assert report["unknown_track"] == 1
    assert report["unknown_user"] == 1
    assert report["incomplete"] == 1


def test_a_catalogue_of_the_future_is_not_published(files, tmp_path):
    def unreleased(rows):
        for row in rows:
            row["released"] = date(2027, 1, 1)

    with pytest.raises(CheckFailed, match="6 of 6 users without a list"):
        run(files(HEALTHY, spoil_tracks=unreleased), tmp_path / "out")
    assert Lake(tmp_path / "out" / "lake").versions(NAME) == []


def test_a_very_long_text_does_not_widen_every_other(files, tmp_path):
    long = run(files(HEALTHY, spoil_tracks=lambda rows: rows[0].update(recording="X" * 1_000_000)), tmp_path / "long")
    assert long["digest"] == run(files(HEALTHY), tmp_path / "short")["digest"]


def test_countries_that_are_no_codes_are_refused(files, tmp_path):
    paths = files(HEALTHY)
    people = pa.table(
        {"user_id": pa.array(range(1001), pa.int32()), "country": [f"somewhere {n}" for n in range(1001)]}
    )
    pq.write_table(people, paths[2])
    with pytest.raises(BadInput, match="column 'country': 1,001 different values; expected codes, at most 1,000"):
        run(paths, tmp_path / "out")


def test_track_without_an_artist(files, tmp_path):
    report = run(files(HEALTHY, spoil_tracks=lambda rows: rows[12].update(artist_ids=[])), tmp_path / "out")
    assert report["recordings_without_artist"] == 1
    assert report["lists"] == 6
    assert 12 not in listed(tmp_path / "out")


def test_a_recording_is_out_when_the_first_of_its_ids_is(files, tmp_path):
    def on_an_album_next_year(rows):
        rows[12].update(recording="X", released=date(2027, 1, 1))
        rows[39]["recording"] = "X"

    plays = [*HEALTHY, *(play(user, 39) for user in range(1, 6))]
    run(files(plays, spoil_tracks=on_an_album_next_year), tmp_path / "out")
    assert 39 in listed(tmp_path / "out", 0)
    assert 12 not in listed(tmp_path / "out")


def test_a_recording_heard_under_another_id_is_no_discovery(files, tmp_path):
    def same_recording(rows):
        rows[2].update(recording="X", artist_ids=[])  # heard by user 0 under this id, which nobody may be shown
        rows[11]["recording"] = "X"

    run(files(HEALTHY, spoil_tracks=same_recording), tmp_path / "out")
    assert 11 not in listed(tmp_path / "out", user=0)


def test_a_track_of_next_year_is_not_listed(files, tmp_path):
    run(files(HEALTHY, spoil_tracks=lambda rows: rows[12].update(released=date(2030, 1, 1))), tmp_path / "out")
    assert 12 not in listed(tmp_path / "out")


def test_a_late_skip_does_not_refresh_an_old_favourite(files, tmp_path):
    def weight(plays, name):
        run(files(plays), tmp_path / name)
        counts = Lake(tmp_path / name / "lake").dataset("discover_weekly/by_user").table().to_pylist()
        return next(row for row in counts if row["user_row"] == 0 and row["recording_row"] == 0)

    old = [*HEALTHY[1:], play(0, 0, 600_000)]
    assert weight([*old, play(0, 0, 10, 1_000)], "skipped") == weight(old, "plain")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("artist_ids", [None], "a list holds NULL"), ("recording", "", None), ("artist_ids", [3, 3], None)],
)
def test_odd_rows_of_a_catalogue(files, tmp_path, capsys, column, value, message):
    paths = files(HEALTHY, spoil_tracks=lambda rows: [row.update({column: value}) for row in rows[8:10]])
    assert main(arguments(paths, tmp_path / "out")) == (2 if message else 0)
    assert (message or "") in capsys.readouterr().err


def test_ids_that_do_not_fit(files, tmp_path, capsys):
    paths = files(HEALTHY)
    users = pq.read_table(paths[2])
    pq.write_table(users.set_column(0, "user_id", pa.array([0, 1, 2, 3, 4, 2**32 + 1])), paths[2])
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert "column 'user_id'" in capsys.readouterr().err


def test_microsecond_clocks(files, tmp_path):
    paths = files(HEALTHY)
    plays = pq.read_table(paths[0])
    moments = pc.add(plays["started_at"].cast(pa.timestamp("us", tz="UTC")), pa.scalar(123, pa.duration("us")))
    pq.write_table(plays.set_column(2, "started_at", moments), paths[0])
    assert run(paths, tmp_path / "out")["lists"] == 6


def test_an_older_week_made_again_stays_in_the_past(files, tmp_path):
    paths = files(HEALTHY)
    run(paths, tmp_path / "out")
    run(files([play(0, 1, 20_000), play(1, 2, 20_000)]), tmp_path / "out", "2026-W47")
    engines = Engines(Settings(home=tmp_path / "out"))
    assert get_list(engines.store, 0)[0] == "2026-W48"
    engines.close()


def test_one_play_and_fifty_thousand_plays(files, tmp_path):
    many = [play(1, t % 20, 60 + t) for t in range(50_000)]
    report = run(files([play(0, 5), *many]), tmp_path / "out")
    assert report["users_without_a_list"] == 1  # who knows all that anybody plays
    assert report["lists"] == report["short_lists"] == 5  # twenty tracks are no thirty


def test_a_user_who_heard_everything_gets_no_list_and_is_counted(files, tmp_path):
    report = run(files(HEALTHY + [play(0, t) for t in range(40)]), tmp_path / "out")
    assert report["users_without_a_list"] == 1


@pytest.mark.parametrize("which", [0, 1, 2])
def test_missing_file(files, tmp_path, capsys, which):
    paths = files(HEALTHY)
    paths[which].unlink()
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert f"{paths[which]}: no such file" in capsys.readouterr().err


def test_unreadable_file(files, tmp_path, capsys):
    paths = files(HEALTHY)
    paths[0].write_bytes(b"PAR1 but then nothing of the kind")
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert "not a readable Parquet file" in capsys.readouterr().err


def test_missing_column(files, tmp_path, capsys):
    paths = files(HEALTHY)
    pq.write_table(pq.read_table(paths[0]).drop_columns("played_ms"), paths[0])
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert "no column 'played_ms'" in capsys.readouterr().err


def test_wrong_type(files, tmp_path, capsys):
    paths = files(HEALTHY)
    table = pq.read_table(paths[0])
    pq.write_table(table.set_column(3, "played_ms", pa.array(["long"] * len(table))), paths[0])
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert "column 'played_ms' holds string; expected integer" in capsys.readouterr().err


def test_empty_input(files, tmp_path, capsys):
    assert main(arguments(files([]), tmp_path / "out")) == 2
    assert "no rows" in capsys.readouterr().err


def test_only_future_plays(files, tmp_path, capsys):
    assert main(arguments(files([play(0, 1, -60)]), tmp_path / "out")) == 2
    assert "none of 1 rows counts before 2026-W48" in capsys.readouterr().err


def test_a_track_id_that_stands_twice(files, tmp_path, capsys):
    paths = files(HEALTHY, spoil_tracks=lambda rows: rows[3].update(track_id=4))
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert "4 stands twice" in capsys.readouterr().err


@pytest.mark.parametrize("week", ["2026-W60", "2026-W5", "next", "2026-W48 "])
def test_a_week_that_is_none(files, tmp_path, capsys, week):
    flags = arguments(files(HEALTHY), tmp_path / "out")
    flags[flags.index("2026-W48")] = week
    assert main(flags) == 2
    assert "expected an ISO week such as 2026-W48" in capsys.readouterr().err


def test_nothing_half_written(files, tmp_path):
    paths = files([play(0, 1, -60)])
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert not (tmp_path / "out" / "lake" / "discover_weekly" / "lists" / "manifest.json").exists()


def test_full_disk_is_one_line_and_publishes_nothing(files, tmp_path):
    paths = files(HEALTHY)
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); "
    program += "from shared.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments(paths, tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("liner: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "lake" / "discover_weekly" / "lists" / "manifest.json").exists()


def test_two_runs_of_one_week_do_not_meet(files, tmp_path):
    paths = files(HEALTHY)
    with (
        Lake(tmp_path / "out" / "lake").alone("discover_weekly/work/2026-W48"),
        pytest.raises(Conflict, match="another run"),
    ):
        run(paths, tmp_path / "out")
    assert run(paths, tmp_path / "out")["lists"] == 6


def test_a_user_who_is_deleted_before_the_week_is_made_again_has_no_list(files, tmp_path):
    """Their plays may still be in the input: without a row among the users they are counted and give nobody a list."""
    out = tmp_path / "out"
    run(files(HEALTHY), out)
    assert listed(out, 5)
    report = run(files(HEALTHY, users=5), out)
    assert report["unknown_user"] == sum(row["user_id"] == 5 for row in HEALTHY)
    assert report["lists"] == 5
    assert listed(out, 5) == set()
    engines = Engines(Settings(home=out))
    assert get_list(engines.store, 4)[1]
    with pytest.raises(NotFound):
        get_list(engines.store, 5)
    engines.close()
