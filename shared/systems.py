"""A system's record: how `liner` and the console find one of the eight without importing it.

Each system's `__init__.py` exports `SYSTEM = System(...)`; the entry-point group `linernotes.systems` lists them. Everything
heavy is named by a string `module:attribute` and imported when it is used, so `liner --help` imports no engine.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

ORDER = (
    "discover_weekly",
    "podcast_recs",
    "autocomplete",
    "copyright_detect",
    "ad_targeting",
    "jam_recs",
    "charts",
    "wrapped",
)
"""The eight, as the house lists them."""


@dataclass(frozen=True)
class System:
    """One of the eight.

    name: the package, `discover_weekly`; title: as a person writes it; answer: the answer in one sentence;
    commands: `module:function` that adds its verbs to an argparse sub-parser;
    router: `module:function` that builds its FastAPI router from `shared.bootstrap.Engines`, or None;
    page: folder of its static page in the console, relative to the package, or None.
    """

    name: str
    title: str
    answer: str
    commands: str
    router: str | None = None
    page: str | None = None

    @property
    def verb(self) -> str:
        """Its name under `liner`: `discover-weekly`."""
        return self.name.replace("_", "-")


def load(target: str) -> Any:
    """The attribute that `module:attribute` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def installed() -> list[System]:
    """All systems of the entry-point group, in the order of the house."""
    found: list[System] = [point.load() for point in entry_points(group="linernotes.systems")]
    return sorted(found, key=lambda system: ORDER.index(system.name))
