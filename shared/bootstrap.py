"""The composition root: the one place that turns settings into engines. No system asks which engine it runs on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from urllib.parse import urlsplit

from shared.clock import Clock, system_clock
from shared.errors import BadInput
from shared.lake import Lake
from shared.ports import Engine, EventLog, Store
from shared.settings import Settings

T = TypeVar("T")


@dataclass
class Engines:
    """What a run stands on; each part is opened when it is first used."""

    settings: Settings
    clock: Clock = system_clock

    @cached_property
    def lake(self) -> Lake:
        """The datasets under LINER_HOME."""
        return Lake(self.settings.home / "lake")

    @cached_property
    def engine(self) -> Engine:
        """DuckDB and a process pool, or Spark."""
        return _choose("LINER_ENGINE", self.settings.engine, {"duckdb": self._duckdb, "spark": self._spark})

    @cached_property
    def log(self) -> EventLog:
        """SQLite, or Kafka."""
        return _choose("LINER_LOG", self.settings.log, {"sqlite": self._sqlite_log, "kafka": self._kafka})

    @cached_property
    def store(self) -> Store:
        """SQLite, or Redis."""
        return _choose("LINER_STORE", self.settings.store, {"sqlite": self._sqlite_store, "redis": self._redis})

    def close(self) -> None:
        """Close what was opened."""
        for part in ("engine", "log", "store"):
            if part in self.__dict__:
                self.__dict__.pop(part).close()

    def _duckdb(self, _: str) -> Engine:
        from shared.adapters.duckdb import DuckDBEngine

        return DuckDBEngine()

    def _spark(self, url: str) -> Engine:
        from shared.adapters.spark import SparkEngine

        return SparkEngine(url)

    def _sqlite_log(self, _: str) -> EventLog:
        from shared.adapters.sqlite import SQLiteLog

        return SQLiteLog(self.settings.home / "log", self.clock)

    def _kafka(self, url: str) -> EventLog:
        from shared.adapters.kafka import KafkaLog

        return KafkaLog(urlsplit(url).netloc)

    def _sqlite_store(self, _: str) -> Store:
        from shared.adapters.sqlite import SQLiteStore

        return SQLiteStore(self.settings.home / "store.sqlite", self.clock)

    def _redis(self, url: str) -> Store:
        from shared.adapters.redis import RedisStore

        return RedisStore(url)


def _choose(variable: str, url: str, choices: dict[str, Callable[[str], T]]) -> T:
    """Build the adapter that the URL's scheme names."""
    scheme = urlsplit(url).scheme
    if scheme not in choices:
        raise BadInput(f"{variable}={url!r}: expected one of {', '.join(f'{name}:' for name in choices)}")
    return choices[scheme](url)


@contextmanager
def engines(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[Engines]:
    """Engines for a block, closed after it."""
    opened = Engines(settings or Settings(), clock)
    try:
        yield opened
    finally:
        opened.close()
