"""Groups as the literature exchanges them (the AGREE files), read with every line checked, and the test pairs that tell nothing removed.

    groupMember.txt          group SPACE member,member,…
    userRatingTrain.txt      user SPACE item [SPACE rating …]      ratings are not read: whoever rated it, watched it
    groupRatingTrain.txt     group SPACE item [SPACE rating …]
    groupRatingTest.txt      group SPACE item [SPACE rating …]
    groupRatingNegative.txt  (group,item) SPACE item SPACE item …  a line for each test pair

Fields may be separated by spaces, tabs or commas. A test pair that also stands in the group's training tells only that a file was
split badly; it is removed, counted, and warned of.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.errors import BadInput

MAX_ID = 10_000_000
FILES = ("groupMember", "userRatingTrain", "groupRatingTrain", "groupRatingTest", "groupRatingNegative")
NUMBER = re.compile(r"-?\d+")
Pairs = list[tuple[int, int]]
Int64 = NDArray[np.int64]


class Groups(NamedTuple):
    """Who is in which group, and what users and groups chose; ones, one a pair."""

    groups: csr_matrix  # [groups, items]
    users: csr_matrix  # [users, items]
    members: csr_matrix  # [groups, users]


class Case(NamedTuple):
    """One test pair with its negatives: candidates[0] is the item that the group chose."""

    group: int
    candidates: Int64  # [1 + negatives], distinct


class Split(NamedTuple):
    """A folder of files: what may be learned from, what is asked, and what was wrong with it."""

    train: Groups
    cases: list[Case]
    leaking_pairs: int


def read_folder(folder: Path) -> Split:
    """Read a folder; BadInput names file, line and field. File names may carry a prefix, `mafengwo_groupMember.txt`."""
    paths = [_find(folder, name) for name in FILES]
    members = [(group, user) for group, users in _members(paths[0]) for user in users]
    chosen, group_chosen, tests = (_pairs(path) for path in paths[1:4])
    negatives = _negatives(paths[4])
    known = set(group_chosen)
    cases, leaking = [], 0
    for line, pair in enumerate(tests, 1):
        if pair not in negatives:
            raise BadInput(f"{paths[3]}: line {line}, pair {pair}: no line in {paths[4].name}; add its negatives")
        if pair in known:
            leaking += 1
        else:
            others = [item for item in dict.fromkeys(negatives[pair]) if item != pair[1]]
            cases.append(Case(pair[0], np.array([pair[1], *others], np.int64)))
    if not cases:
        raise BadInput(f"{paths[3]}: no test pair is left ({leaking} stand in the training); expected at least one")
    count_groups = 1 + max(group for group, _ in members + group_chosen + tests)
    count_users = 1 + max(user for _, user in members + [(0, user) for user, _ in chosen])
    top = max(int(case.candidates.max()) for case in cases)
    items = 1 + max(top, *(item for _, item in chosen + group_chosen))
    train = Groups(
        ones(group_chosen, (count_groups, items)), ones(chosen, (count_users, items)),
        ones(members, (count_groups, count_users)),
    )  # fmt: skip
    lonely = [case.group for case in cases if train.members[case.group].nnz == 0]
    if lonely:
        raise BadInput(f"{paths[0]}: group {lonely[0]} is tested but has no members; add its line")
    return Split(train, cases, leaking)


def ones(pairs: Pairs, shape: tuple[int, int]) -> csr_matrix:
    """A matrix with a one for each distinct pair."""
    rows, columns = np.array(sorted(set(pairs)), np.int64).reshape(-1, 2).T
    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)


def _find(folder: Path, name: str) -> Path:
    """The one file of the folder whose name ends so."""
    found = sorted(folder.glob(f"*{name}.txt"))
    if len(found) != 1:
        raise BadInput(f"{folder}: {len(found)} files {name}.txt; expected exactly one (a prefix is allowed)")
    return found[0]


def _lines(path: Path) -> list[tuple[int, str]]:
    """(number, text) of the lines that hold something."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as text ({str(error)[:120]})") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadInput(f"{path}: empty; expected at least one line")
    return lines


def _numbers(path: Path, line: int, text: str, least: int, what: str) -> list[int]:
    """The whole numbers of a line, at least `least`, each an id."""
    fields = re.split(r"[\s,()]+", text.strip(" \t(),"))
    wrong = next((field for field in fields if not NUMBER.fullmatch(field)), None)
    if wrong is not None or len(fields) < least:
        got = f"field {wrong!r}" if wrong is not None else f"{len(fields)} fields"
        raise BadInput(f"{path}: line {line}: {got}; expected {what}, whole numbers")
    values = [int(field) for field in fields]
    absurd = next((value for value in values if not 0 <= value <= MAX_ID), None)
    if absurd is not None:
        raise BadInput(f"{path}: line {line}: id {absurd}; expected 0 … {MAX_ID}; number users and items from 0")
    return values


def _members(path: Path) -> list[tuple[int, list[int]]]:
    rows = [_numbers(path, line, text, 2, "group member,member,…") for line, text in _lines(path)]
    return [(row[0], row[1:]) for row in rows]


def _pairs(path: Path) -> Pairs:
    """The first two fields of each line; a rating behind them may be any text."""
    pairs = []
    for line, text in _lines(path):
        first, second = _numbers(path, line, " ".join(re.split(r"[\s,]+", text.strip())[:2]), 2, "id item")
        pairs.append((first, second))
    return pairs


def _negatives(path: Path) -> dict[tuple[int, int], list[int]]:
    rows = [_numbers(path, line, text, 3, "(group,item) item item …") for line, text in _lines(path)]
    return {(row[0], row[1]): row[2:] for row in rows}
