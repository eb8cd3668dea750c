"""What comes in and what goes out: shows, episodes, events of listeners; a slate of slots with a reason each.

Ids are dense integers inside the system; a catalogue that comes from feeds keeps its guids beside them. Times are ms since the
epoch, UTC, and always the event's own: nothing here asks when it arrived.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

HOUR_MS = 3_600_000


class Kind(IntEnum):
    """How a show is listened to: newest first, oldest first, or in any order."""

    NEWS = 0
    SERIAL = 1
    EVERGREEN = 2


class Intent(IntEnum):
    """Why somebody listens now; from the hour, unless they say so."""

    COMMUTE = 0
    LEARN = 1
    RELAX = 2


def suggested(at: int) -> Intent:
    """What the hour suggests: on the way in the morning, to learn by day, to relax in the evening."""
    hour = at % (24 * HOUR_MS) / HOUR_MS
    return Intent.COMMUTE if 5 <= hour < 10 else Intent.LEARN if 10 <= hour < 17 else Intent.RELAX


class What(IntEnum):
    """Kinds of events."""

    SHOWN = 0  # an impression: the episode stood in a slate, at `position`, put there with `propensity`
    STARTED = 1
    STOPPED = 2  # `played_ms` of the episode were heard so far, all plays together, seeks not counted; the most holds
    FOLLOWED = 3  # of the episode's show
    UNFOLLOWED = 4
    REFUSED = 5  # «not this show»


class Source(IntEnum):
    """Which candidate generator brought a slot."""

    RESUME = 0
    NEXT_UP = 1
    AFTER_THIS = 2
    LIKE_YOU = 3
    ABOUT = 4
    TRENDING = 5
    EXPLORE = 6
    UNHEARD = 7


class Catalogue(NamedTuple):
    """Columns of shows and episodes; row i is id i. Grown by `publish`, never reordered."""

    show: NDArray[np.int32]  # [episodes] its show
    number: NDArray[np.int32]  # [episodes] place in the show, oldest 0
    published: Ints  # [episodes] ms
    duration: NDArray[np.int32]  # [episodes] ms
    explicit: NDArray[np.bool_]  # [episodes]
    language: NDArray[np.int16]  # [shows] index into `languages`
    kind: NDArray[np.int8]  # [shows] Kind
    languages: tuple[str, ...]
    titles: list[str]  # [episodes]
    descriptions: list[str]  # [episodes]
    show_titles: list[str]  # [shows]
    show_descriptions: list[str]  # [shows]


class Event(NamedTuple):
    """One thing that a listener did, or was shown."""

    event_id: int  # unique: the same id again changes nothing
    user: int
    episode: int
    what: int
    at: int  # ms
    played_ms: int = 0
    position: int = -1
    propensity: float = 1.0


class Slot(NamedTuple):
    """One place of a slate."""

    episode: int
    source: int
    propensity: float  # chance that this slot held this episode; 1 where nothing was drawn
    score: float
    reason: str
