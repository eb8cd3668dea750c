"""What people feed a program: each gives one line with the place and the remedy, or is left out and counted."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from discover_weekly.demo import run_files
from shared.cli import main
from tests.discover_weekly.by_hand import HEALTHY, play


def run(paths, out, week="2026-W48"):
    return run_files(*map(str, paths), week, str(out), 1)


def arguments(paths, out):
    names = ("--plays", "--catalogue", "--users")
    flags = [part for pair in zip(names, map(str, paths), strict=True) for part in pair]
    return ["discover-weekly", "run", *flags, "--week", "2026-W48", "--out", str(out)]


def test_a_healthy_week(files, tmp_path):
    report = run(files(HEALTHY), tmp_path / "out")
    assert report["lists"] == 6
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


def test_track_without_an_artist(files, tmp_path):
    report = run(files(HEALTHY, spoil_tracks=lambda rows: rows[39].update(artist_ids=[])), tmp_path / "out")
    assert report["tracks_without_artist"] == 1


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


def test_a_week_that_is_none(files, tmp_path, capsys):
    flags = arguments(files(HEALTHY), tmp_path / "out")
    flags[flags.index("2026-W48")] = "2026-W60"
    assert main(flags) == 2
    assert "expected an ISO week such as 2026-W48" in capsys.readouterr().err


def test_nothing_half_written(files, tmp_path):
    paths = files([play(0, 1, -60)])
    assert main(arguments(paths, tmp_path / "out")) == 2
    assert not (tmp_path / "out" / "lake" / "discover_weekly" / "lists" / "manifest.json").exists()
