"""Who is forgotten is in no output, neither now nor after a rerun, a rollback or a run that was under way."""

import json
from threading import Thread

import pyarrow.parquet as pq
import pytest

from shared.cli import main
from shared.errors import NotFound
from shared.lake import Lake
from tests.wrapped.adversaries import LEAP, LEVEL, NIGHT, rows, write
from tests.wrapped.conftest import NOW
from wrapped import pipeline, steps
from wrapped.forget import forget
from wrapped.pipeline import run_year
from wrapped.sources import own_source
from wrapped.store import read_facts

GONE = 200
LATER = [row for row in rows(2024) if row[0] != LEAP]


@pytest.fixture
def source(engine, tmp_path):
    return own_source(engine, write(tmp_path / "plays", rows(2024)))


def run(engine, lake, source, year=2024):
    return run_year(engine, lake, source, year, NOW)


def holders(lake):
    """Every Parquet file of plays and years that names GONE, published or not, and what lies half done."""
    files = [path for path in lake.root.rglob("*part-*") if path.parts[-3] in ("plays", "years")]
    named = [path for path in files if GONE in pq.read_table(path, partitioning=None)["user_id"].to_pylist()]
    return named + list((lake.root / "wrapped" / ".work").glob("*"))


def test_nothing_names_a_forgotten_user(engine, tmp_path, source):
    lake = Lake(tmp_path / "lake")
    run(engine, lake, source)
    old = run(engine, lake, own_source(engine, write(tmp_path / "later", LATER)))
    run(engine, lake, source, 2023)
    assert len(holders(lake)) == 4  # two inputs, two years
    assert forget(lake, GONE) == 2 * LEVEL[GONE] + 2
    assert holders(lake) == []
    assert lake.versions("wrapped/years") == ["2024", "2023"]
    now = lake.dataset("wrapped/years", "2024")
    assert now.details["users"] == old.details["users"] - 1 == now.rows
    assert now.details["plays"] == old.details["plays"] - LEVEL[GONE] == sum(now.table()["plays"].to_pylist())
    assert now.details["ms"] == sum(now.table()["ms"].to_pylist())
    with pytest.raises(NotFound, match="no plays of user 200"):
        read_facts(lake, GONE)
    assert read_facts(lake, NIGHT, 2024)["plays"] == 100


def test_a_rerun_and_a_rollback_are_what_they_would_be_without_the_user(engine, tmp_path, source):
    lake, without = Lake(tmp_path / "lake"), Lake(tmp_path / "without")
    later = own_source(engine, write(tmp_path / "later", LATER))
    run(engine, lake, source)
    run(engine, lake, later)
    forget(lake, GONE)
    spared = own_source(engine, write(tmp_path / "spared", [row for row in rows(2024) if row[0] != GONE]))
    want = run(engine, without, spared)
    assert run(engine, lake, source).digest == want.digest  # back to the first input, whose buckets are still there
    fresh = Lake(tmp_path / "fresh")
    forget(fresh, GONE)
    again = run(engine, fresh, source)
    assert again.digest == want.digest  # an input that still holds the user
    assert again.details["rejected"] == {"forgotten": LEVEL[GONE]} == lake.dataset("wrapped/plays").details["rejected"]
    assert holders(lake) == holders(fresh) == []


@pytest.mark.parametrize("step", ["split", "merge", "review_bucket", "rank", "finish"])
def test_a_user_deleted_while_a_run_reads_is_absent_from_what_it_publishes(engine, tmp_path, source, monkeypatch, step):
    lake = Lake(tmp_path / "lake")
    forgetting = Thread(target=forget, args=(lake, GONE))

    def observed(engine, kernel, *rest):
        if kernel.endswith(step):
            forgetting.start()
        return steps.run_step(engine, kernel, *rest)

    monkeypatch.setattr(pipeline, "run_step", observed)
    run(engine, lake, source)
    forgetting.join()
    assert holders(lake) == []
    assert lake.dataset("wrapped/years").rows == len({row[0] for row in rows(2024)}) - 1


@pytest.mark.parametrize("step", ["merge", "rank", "finish"])
def test_what_a_killed_run_left_behind_is_forgotten_too(engine, tmp_path, source, monkeypatch, step):
    lake = Lake(tmp_path / "lake")

    def killed(engine, kernel, *rest):
        done = steps.run_step(engine, kernel, *rest)
        if kernel.endswith(step):
            target = {"merge": "plays", "finish": "years"}.get(step)
            for shard in list(lake.root.glob(f"wrapped/{target}/*/part-*")):  # and one that was being written
                shard.with_name(f".part-00000.{shard.name[5:10]}.tmp").write_bytes(shard.read_bytes())
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "run_step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(engine, lake, source)
    assert holders(lake)
    forget(lake, GONE)
    assert holders(lake) == []
    run(engine, lake, source)
    assert holders(lake) == []


def test_the_verb_takes_the_cards_too(tmp_path, source, engine, capsys, monkeypatch):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    run(engine, Lake(tmp_path / "lake"), source)
    drawn = tmp_path / "wrapped" / f"tiny-1-user-{GONE}"
    drawn.mkdir(parents=True)
    assert main(["wrapped", "forget", str(GONE), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"user": GONE, "rows": LEVEL[GONE] + 1}
    assert not drawn.exists()
    assert main(["wrapped", "show", str(GONE)]) == 2
    assert main(["wrapped", "forget", str(GONE)]) == 0
    assert "0 rows deleted" in capsys.readouterr().out
