"""Logs of impressions in MIND's format (Wu et al., ACL 2020), read into columns in the order of time.

A row without header: id, user, time as `11/12/2019 2:14:46 PM`, clicked history, impressions as `N1-0 N2-1 …`. A news file has
id, category, subcategory, title and more, by tabs. A row that cannot be read is counted with its reason, and the rest goes on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from podcast_recs.records import Ints
from shared.errors import BadInput

TIME = "%m/%d/%Y %I:%M:%S %p"
SHOWN = r"^(\S+-[01]\s+)*\S+-[01]$"
BATCH = 20_000  # lines


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


class _Codes(dict[str, int]):
    """Dense numbers for names, in the order of their coming."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


def read_behaviors(path: str | Path) -> Behaviors:
    """The rows that can be read, in order of time; BadInput when there are none. Lines are gone once they are read: a log takes
    its numbers in memory and no more.
    """
    rejected: Counter[str] = Counter()
    items, users = _Codes(), _Codes()
    lines, parts = _lines(path), []
    while batch := list(islice(lines, BATCH)):
        parts.append(_read(batch, items, users, rejected))
    if not any(len(part[0]) for part in parts):
        reasons = (
            "; ".join(f"{reason}: {count}" for reason, count in sorted((+rejected).items())) or "the file is empty"
        )
        raise BadInput(
            f"{path}: no impression could be read ({reasons}); expected id, user, time, history, impressions by tabs"
        )
    at, user, seen, read, shown, clicked, history = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(at, kind="stable")
    of_history, history_of = _moved(read, order)
    of_shown, shown_of = _moved(seen, order)
    return Behaviors(
        at=at[order],
        user=user[order],
        history=history[of_history],
        history_of=history_of,
        shown=shown[of_shown],
        shown_of=shown_of,
        clicked=clicked[of_shown],
        items=list(items),
        rejected=dict(+rejected),
    )


def _read(lines: list[str], items: _Codes, users: _Codes, rejected: Counter[str]) -> tuple[NDArray[Any], ...]:
    """Columns of the usable lines: ms, user, how many were shown and read; flat: shown, clicked, read."""
    fields = [line.rstrip("\r\n").split("\t") for line in lines if line.strip()]
    rows = [row for row in fields if len(row) == 5]
    at, shown = pa.array([row[2].strip() for row in rows], pa.string()), pa.array([row[4].strip() for row in rows])
    at = pc.strptime(at, format=TIME, unit="ms", error_is_null=True)
    usable = np.ones(len(rows), bool)
    for reason, fits in (
        ("time is not like 11/12/2019 2:14:46 PM", pc.fill_null(pc.greater_equal(at.cast(pa.int64()), 0), False)),
        ("nothing was shown", pc.not_equal(shown.cast(pa.string()), "")),
        ("an impression is not like N1-0", pc.match_substring_regex(shown.cast(pa.string()), SHOWN)),
    ):
        rejected[reason] += int((usable & ~np.asarray(fits, bool)).sum())
        usable &= np.asarray(fits, bool)
    rejected["not five fields"] += len(fields) - len(rows)
    kept = [row for row, fits in zip(rows, usable.tolist(), strict=True) if fits]
    entries, seen = _split([row[4] for row in kept])
    read, many = _split([row[3] for row in kept])
    return (
        np.asarray(at.filter(pa.array(usable)).cast(pa.int64()), np.int64),
        np.array([users[row[1]] for row in kept], np.int64),
        seen,
        many,
        _coded(pc.utf8_slice_codeunits(entries, 0, -2), items),
        np.asarray(pc.ends_with(entries, "1"), bool),
        _coded(read, items),
    )


def _split(texts: list[str]) -> tuple[Any, Ints]:
    """The words of all texts, flat, and how many each has."""
    lists = pc.ascii_split_whitespace(pa.array([text.strip() or None for text in texts], pa.string()))
    return lists.flatten(), np.asarray(pc.fill_null(pc.list_value_length(lists), 0), np.int64)


def _coded(names: Any, items: _Codes) -> Ints:
    distinct = names.dictionary_encode()
    codes = np.array([items[name] for name in distinct.dictionary.to_pylist()], np.int64)
    return codes[np.asarray(distinct.indices, np.int64)]


def _moved(sizes: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Where the entries of ragged rows stand once the rows are in another order, and the offsets of the rows then."""
    begin = (np.cumsum(sizes) - sizes)[order]
    after = np.concatenate([[0], np.cumsum(sizes[order])])
    return np.repeat(begin - after[:-1], sizes[order]) + np.arange(after[-1]), after


def read_news(path: str | Path, items: Sequence[str]) -> News:
    """Category, subcategory and title with abstract of the items that the news file has."""
    known = {item: at for at, item in enumerate(items)}
    category, subcategory = np.full(len(items), -1), np.full(len(items), -1)
    text = [""] * len(items)
    codes: dict[str, int] = {}
    usable = 0
    for line in _lines(path):
        fields = line.rstrip("\r\n").split("\t")
        usable += len(fields) >= 4
        at = known.get(fields[0], -1)
        if at >= 0 and len(fields) >= 4:
            category[at] = codes.setdefault(fields[1], len(codes))
            subcategory[at] = codes.setdefault(f"{fields[1]}/{fields[2]}", len(codes))
            text[at] = " ".join(fields[3:5])
    if not usable:
        raise BadInput(f"{path}: no row of it has id, category, subcategory, title by tabs")
    return News(category, subcategory, text)


def _lines(path: str | Path) -> Iterator[str]:
    """Line by line: a tab and an end of line are all that means anything, and a title may hold quotes, or what `splitlines` takes
    for an end.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="\n") as lines:
            yield from lines
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise BadInput(f"{path}: not a text file in UTF-8 ({type(error).__name__})") from None
