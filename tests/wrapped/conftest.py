"""One engine and one reviewed tiny world for all tests of the system."""

from collections.abc import Iterator

import pytest

from shared.adapters.duckdb import DuckDBEngine
from shared.clock import DEMO_NOW, fixed_clock
from shared.lake import Dataset, Lake
from wrapped.pipeline import run_year
from wrapped.sources import world_source

NOW = fixed_clock(DEMO_NOW)


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def tiny_years(
    engine: DuckDBEngine, tiny_world: Lake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Dataset]:
    """The lake and the years of the tiny world; read them only."""
    lake = Lake(tmp_path_factory.mktemp("wrapped"))
    return lake, run_year(engine, lake, world_source(tiny_world), 2026, NOW)
