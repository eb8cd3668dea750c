"""Groups as the literature exchanges them (the AGREE files), read with every line checked, and the test pairs that tell nothing removed.

    groupMember.txt          group SPACE member,member,…
    userRatingTrain.txt      user SPACE item [SPACE rating …]      ratings are not read: whoever rated it, watched it
    groupRatingTrain.txt     group SPACE item [SPACE rating …]
    groupRatingTest.txt      group SPACE item [SPACE rating …]
    groupRatingNegative.txt  (group,item) SPACE item SPACE item …  a line for each test pair

Fields may be separated by spaces, tabs or commas; ids need not be dense. A test pair that also stands in the group's training tells
only that a file was split badly; it is removed, counted, and warned of.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from shared.errors import BadInput

MAX_ID = 2**53
FILES = ("groupMember", "userRatingTrain", "groupRatingTrain", "groupRatingTest", "groupRatingNegative")
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
    members = [(row[0], user) for row in read_numbers(paths[0], 2, "group member,member,…") for user in row[1:]]
    # a rating behind the two ids may be any text
    chosen, group_chosen, tests = ([(a, b) for a, b in read_numbers(path, 2, "id item", 2)] for path in paths[1:4])
    negatives = {(row[0], row[1]): row[2:] for row in read_numbers(paths[4], 3, "(group,item) item item …")}
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
    groups = np.unique([group for group, _ in members + group_chosen + tests])
    users = np.unique([user for _, user in members] + [user for user, _ in chosen])
    offered = [item for case in cases for item in case.candidates.tolist()]
    items = np.unique([item for _, item in chosen + group_chosen] + offered)
    cases = [Case(int(np.searchsorted(groups, group)), np.searchsorted(items, asked)) for group, asked in cases]
    train = Groups(_table(group_chosen, groups, items), _table(chosen, users, items), _table(members, groups, users))
    lonely = [case.group for case in cases if train.members[case.group].nnz == 0]
    if lonely:
        raise BadInput(f"{paths[0]}: group {groups[lonely[0]]} is tested but has no members; add its line")
    return Split(train, cases, leaking)


def _table(pairs: Pairs, rows: Int64, columns: Int64) -> csr_matrix:
    """`ones` of ids: an id's row or column is its place among the sorted ids that there are."""
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    places = zip(np.searchsorted(rows, first).tolist(), np.searchsorted(columns, second).tolist(), strict=True)
    return ones(list(places), (len(rows), len(columns)))


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


def read_numbers(path: Path, least: int, what: str, most: int | None = None) -> list[list[int]]:
    """The first `most` fields of each line that holds something, whole numbers 0 … MAX_ID, at least `least`. BadInput names the line."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as text ({str(error)[:120]})") from error
    held = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if held and not re.search(r"\d", held[0][1]):
        held.pop(0)  # a header
    rows = [_row(path, number, line, least, what, most) for number, line in held]
    if not rows:
        raise BadInput(f"{path}: empty; expected lines `{what}`")
    return rows


def _row(path: Path, line: int, text: str, least: int, what: str, most: int | None) -> list[int]:
    fields = re.split(r"[\s,()]+", text.strip(" \t(),"))[:most]
    for field in fields:
        if not (field.isascii() and field.isdigit() and int(field) <= MAX_ID):
            raise BadInput(f"{path}: line {line}: field {field!r}; expected {what}, whole numbers, 0 … {MAX_ID}")
    if len(fields) < least:
        raise BadInput(f"{path}: line {line}: {len(fields)} fields; expected {what}")
    return [int(field) for field in fields]
