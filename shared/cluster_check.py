"""`liner cluster check`: one line per engine, with its version and the time of one round trip that does real work."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from shared.bootstrap import Engines
from shared.clock import Clock
from shared.errors import LinerError
from shared.settings import Settings

TOPIC = "liner-check"


@dataclass(frozen=True)
class EngineReport:
    """One engine: its part, the URL that chose it, what it says it is, the round trip in ms; or why it does not answer."""

    part: str
    url: str
    ok: bool
    version: str
    milliseconds: float
    error: str

    def __str__(self) -> str:
        outcome = f"{self.version}, round trip {self.milliseconds:.1f} ms" if self.ok else self.error
        return f"{self.part:<7}{self.url:<34}{outcome}"


def check(settings: Settings, clock: Clock) -> list[EngineReport]:
    """Ask each configured engine; one that is away does not keep the others from being asked."""
    engines = Engines(settings, clock)
    try:
        return [
            _report("engine", settings.engine, lambda: engines.engine.version(), lambda: _query(engines)),
            _report("log", settings.log, lambda: engines.log.version(), lambda: _append_and_read(engines)),
            _report("store", settings.store, lambda: engines.store.version(), lambda: _put_and_get(engines)),
        ]
    finally:
        engines.close()


def _report(part: str, url: str, version: Callable[[], str], round_trip: Callable[[], object]) -> EngineReport:
    """Open the engine and warm it with one round trip, then time a second."""
    shown = _without_password(url)
    try:
        name = version()
        round_trip()
        began = perf_counter()
        round_trip()
        return EngineReport(part, shown, True, name, (perf_counter() - began) * 1000, "")
    except LinerError as error:
        return EngineReport(part, shown, False, "", 0.0, str(error))


def _query(engines: Engines) -> object:
    return engines.engine.query("select cast(1 as int) as one", {})


def _append_and_read(engines: Engines) -> object:
    engines.log.create(TOPIC, 1)
    offset = engines.log.append(TOPIC, 0, [b"check"])
    return engines.log.read(TOPIC, 0, offset, 1024, 5000)


def _put_and_get(engines: Engines) -> object:
    engines.store.put({TOPIC: b"check"}, ttl_ms=60_000)
    return engines.store.get([TOPIC])


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
