"""Logs of impressions in MIND's format (Wu et al., ACL 2020), read into columns in the order of time.

A row without header: id, user, time as `11/12/2019 2:14:46 PM`, clicked history, impressions as `N1-0 N2-1 …`. A news file has
id, category, subcategory, title and more, by tabs. A row that cannot be read is counted with its reason, and the rest goes on.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from podcast_recs.records import Ints
from shared.clock import to_ms
from shared.errors import BadInput

TIME = "%m/%d/%Y %I:%M:%S %p"


class Behaviors(NamedTuple):
    """n impressions in order of time, m distinct items; lists are flat with offsets."""

    at: Ints  # [n] ms
    user: Ints  # [n]
    history: Ints  # items clicked before, flat
    history_of: Ints  # [n + 1] offsets
    shown: Ints  # items shown, flat
    shown_of: Ints  # [n + 1] offsets
    clicked: NDArray[np.bool_]  # flat, beside shown
    items: list[str]  # [m] their ids
    rejected: dict[str, int]  # reason → rows

    def shown_in(self, row: int) -> Ints:
        """Items of one impression."""
        return self.shown[self.shown_of[row] : self.shown_of[row + 1]]

    def history_in(self, row: int) -> Ints:
        """The history that came with one impression."""
        return self.history[self.history_of[row] : self.history_of[row + 1]]


class News(NamedTuple):
    """What is known of items by their text; -1 and "" for those that the news file does not have."""

    category: Ints  # [m]
    subcategory: Ints  # [m]
    text: list[str]  # [m]


def read_behaviors(path: str | Path) -> Behaviors:
    """The rows that can be read, in order of time; BadInput when there are none."""
    rejected: Counter[str] = Counter()
    rows: list[tuple[int, int, str, list[str], list[tuple[str, bool]]]] = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                rows.append(_row(line, number))
            except ValueError as error:
                rejected[str(error)] += 1
    if not rows:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in sorted(rejected.items())) or "the file is empty"
        raise BadInput(
            f"{path}: no impression could be read ({reasons}); expected id, user, time, history, impressions by tabs"
        )
    rows.sort(key=lambda row: row[:2])
    items: dict[str, int] = {}
    users: dict[str, int] = {}

    def code(item: str) -> int:
        return items.setdefault(item, len(items))

    histories = [[code(item) for item in row[3]] for row in rows]
    shown = [[code(item) for item, _ in row[4]] for row in rows]
    return Behaviors(
        at=np.array([row[0] for row in rows], np.int64),
        user=np.array([users.setdefault(row[2], len(users)) for row in rows], np.int64),
        history=_flat(histories),
        history_of=_offsets(histories),
        shown=_flat(shown),
        shown_of=_offsets(shown),
        clicked=np.array([click for row in rows for _, click in row[4]], bool),
        items=list(items),
        rejected=dict(rejected),
    )


def read_news(path: str | Path, items: Sequence[str]) -> News:
    """Category, subcategory and title with abstract of the items that the news file has."""
    known = {item: at for at, item in enumerate(items)}
    category, subcategory = np.full(len(items), -1), np.full(len(items), -1)
    text = [""] * len(items)
    codes: dict[str, int] = {}
    usable = 0
    for line in _lines(path):
        fields = line.rstrip("\r").split("\t")
        usable += len(fields) >= 4
        at = known.get(fields[0], -1)
        if at >= 0 and len(fields) >= 4:
            category[at] = codes.setdefault(fields[1], len(codes))
            subcategory[at] = codes.setdefault(f"{fields[1]}/{fields[2]}", len(codes))
            text[at] = " ".join(fields[3:5])
    if not usable:
        raise BadInput(f"{path}: no row of it has id, category, subcategory, title by tabs")
    return News(category, subcategory, text)


def _lines(path: str | Path) -> list[str]:
    try:
        return (
            Path(path).read_text("utf-8-sig").split("\n")
        )  # a title may hold what `splitlines` takes for an end of line
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise BadInput(f"{path}: not a text file in UTF-8 ({type(error).__name__})") from None


def _row(line: str, number: int) -> tuple[int, int, str, list[str], list[tuple[str, bool]]]:
    fields = line.rstrip("\r").split("\t")
    if len(fields) != 5:
        raise ValueError("not five fields")
    try:
        at = to_ms(datetime.strptime(fields[2].strip(), TIME).replace(tzinfo=UTC))
    except ValueError:
        raise ValueError("time is not like 11/12/2019 2:14:46 PM") from None
    shown = []
    for entry in fields[4].split():
        item, _, click = entry.rpartition("-")
        if not item or click not in ("0", "1"):
            raise ValueError("an impression is not like N1-0")
        shown.append((item, click == "1"))
    if not shown:
        raise ValueError("nothing was shown")
    return at, number, fields[1], fields[3].split(), shown


def _flat(lists: Iterable[Sequence[int]]) -> Ints:
    return np.array([item for items in lists for item in items], np.int64)


def _offsets(lists: Iterable[Sequence[int]]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(items) for items in lists])]).astype(np.int64)
