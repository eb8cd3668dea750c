"""One answer in both modes: kernel = DuckDB = Spark on every cell, digest against digest, a listener of a million plays among them."""

import pytest

from shared.bootstrap import Engines
from shared.clock import DEMO_NOW, fixed_clock
from shared.settings import Settings
from tests.wrapped.adversaries import heavy_rows, rows, write
from tests.wrapped.cells import kernel_cells, sql_cells
from wrapped.pipeline import run_year
from wrapped.sources import own_source

pytestmark = pytest.mark.cluster


def test_every_cell_is_the_same_in_the_kernel_duckdb_and_spark(tmp_path, spark_url):
    plays = write(tmp_path / "plays", rows(2024) + heavy_rows(1_000_000, 2024))
    answers = []
    for name, url in (("embedded", "duckdb:"), ("cluster", spark_url)):
        engines = Engines(Settings(home=tmp_path / name, engine=url))
        try:
            years = run_year(
                engines.engine, engines.lake, own_source(engines.engine, plays), 2024, fixed_clock(DEMO_NOW)
            )
            assert sql_cells(engines.engine, engines.lake, years) == kernel_cells(years.table().to_pylist()), name
            answers.append((years.digest, years.details))
        finally:
            engines.close()
    assert answers[0] == answers[1]
