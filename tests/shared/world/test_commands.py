"""`liner world`: what it prints, what it draws, and what it says about directories that are no world."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import duckdb
import pytest

from shared.cli import main
from shared.errors import BadInput, LinerError
from shared.world import WORLD_VERSION, make_world, open_world
from shared.world.describe import describe, draw_plots
from shared.world.schema import SCHEMAS


def test_make_prints_one_json_object(tmp_path, capsys):
    assert main(["world", "make", "--size", "tiny", "--out", str(tmp_path / "w"), "--workers", "1", "--json"]) == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert found["path"] == str(tmp_path / "w")
    assert set(found["datasets"]) == set(SCHEMAS)
    assert out.err == ""
    assert main(["world", "make", "--size", "tiny", "--out", str(tmp_path / "w")]) == 0
    assert str(tmp_path / "w") in capsys.readouterr().out.splitlines()[-1]


def test_make_goes_below_liner_home_by_default(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    assert main(["world", "make", "--size", "tiny", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / "world" / "tiny-3")


def test_schema_tells_every_field(capsys):
    assert main(["world", "schema", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: [row["field"] for row in rows] for name, rows in found.items()} == {
        n: s.names for n, s in SCHEMAS.items()
    }
    assert main(["world", "schema"]) == 0
    text = capsys.readouterr().out
    assert all(field in text for schema in SCHEMAS.values() for field in schema.names)


def test_describe_prints_numbers_and_draws_plots(tiny_world, capsys):
    assert main(["world", "describe", str(tiny_world.root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["plots"]) == 4
    for path in found["plots"]:
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert "nan" not in ElementTree.tostring(root, encoding="unicode").lower()
    assert main(["world", "describe", str(tiny_world.root)]) == 0
    assert "share_of_repeats" in capsys.readouterr().out


def test_describe_agrees_with_sql(tiny_world):
    numbers = describe(tiny_world)
    plays, tracks, users = (tiny_world.dataset(name).paths for name in ("plays", "tracks", "users"))
    repeats, skipped, premium = duckdb.execute(
        "select 1 - count(distinct (user_id, track_id)) / count(*), avg((played_ms < duration_ms)::int), avg((plan = 'premium')::int)"
        " from read_parquet($1) p join read_parquet($2) t using (track_id)",
        [plays, tracks],
    ).fetchone()
    assert numbers["share_of_repeats"] == pytest.approx(repeats, abs=1e-4)
    assert numbers["share_of_plays_skipped"] == pytest.approx(skipped, abs=1e-4)
    assert numbers["share_of_plays_by_premium"] == pytest.approx(premium, abs=1e-4)
    sessions = duckdb.execute(
        "select sum((gap is null or gap >= 1800000)::int) from (select epoch_ms(started_at) - lag(epoch_ms(started_at) + played_ms)"
        " over (partition by user_id order by started_at, event_id) as gap from read_parquet($1))",
        [plays],
    ).fetchone()
    assert sum(numbers["session_lengths"]) == sessions[0]
    by_country = duckdb.execute(
        "select country, count(*) from read_parquet($1) p join read_parquet($2) u using (user_id) group by 1",
        [plays, users],
    ).fetchall()
    assert {code: sum(hours) for code, hours in numbers["hours"].items() if sum(hours)} == dict(by_country)
    top = duckdb.execute(
        "select count(*) from read_parquet($1) group by track_id order by 1 desc limit 1", [plays]
    ).fetchone()
    assert numbers["popularity"][0] == [1, top[0]]


def test_plots_are_the_same_each_time(tiny_world, tmp_path):
    numbers = describe(tiny_world)
    first, second = draw_plots(numbers, tmp_path / "a"), draw_plots(numbers, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_an_empty_directory_is_no_world(tmp_path):
    with pytest.raises(BadInput, match=r"not a complete world; make one with `liner world make --out"):
        open_world(tmp_path)


def test_a_world_of_another_version_is_refused_and_made_again(tmp_path):
    make_world(tmp_path, "tiny", seed=1)
    record = tmp_path / "world.json"
    found = json.loads(record.read_text())
    record.write_text(json.dumps({**found, "world_version": 0}))
    with pytest.raises(BadInput) as error:
        open_world(tmp_path)
    for part in (str(tmp_path), "version 0", f"version {WORLD_VERSION}", "liner world make", "--size tiny --seed 1"):
        assert part in str(error.value)
    make_world(tmp_path, "tiny", seed=1)
    assert json.loads(record.read_text()) == found
    assert open_world(tmp_path).dataset("plays").rows > 0


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_broken_record_is_refused(tmp_path, text):
    (tmp_path / "world.json").write_text(text)
    with pytest.raises(BadInput, match="not the record of a world"):
        open_world(tmp_path)


def test_another_world_in_the_same_place_is_refused(tiny_world):
    with pytest.raises(BadInput, match="holds the world tiny-1, not tiny-2"):
        make_world(tiny_world.root, "tiny", seed=2)


@pytest.mark.parametrize("size", ["huge", ""])
def test_an_unknown_size_is_refused(tmp_path, size):
    with pytest.raises(BadInput, match="tiny, small, medium, large"):
        make_world(tmp_path, size)


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(BadInput, match="seed -1"):
        make_world(tmp_path, "tiny", seed=-1)


def test_no_workers_is_refused(tmp_path, capsys):
    assert main(["world", "make", "--out", str(tmp_path), "--workers", "0"]) == 2
    assert "--workers 0: expected at least 1" in capsys.readouterr().err


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LinerError, match="cannot make a world there"):
        make_world(tmp_path / "file", "tiny")


def test_the_commands_load_nothing_heavy():
    program = "import sys, shared.world.commands; print([m for m in ('numpy', 'pyarrow', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
