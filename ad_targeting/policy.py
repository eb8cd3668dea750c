"""Everything that a decision depends on except the request and the day's spending, under the digest of its bytes; and which day it is for.

An audit record names the digest, so a decision can be replayed years later with the very prices, models and campaigns that made it. A
policy is one file of plain arrays; nothing in it is executed. The file `current` names the one that serves.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from ad_targeting.model import Model
from ad_targeting.records import Campaigns, Floats, Int64
from shared.errors import BadInput, NotFound


class Policy(NamedTuple):
    """Prices λ float64[campaigns]; terms float64[2] (reserve in micros, κ); churn float64[listeners + 1], micros that one more ad
    costs by listener, the last for strangers; day int64[1]: the midnight (ms) at which the day begins that the prices are for; market
    int64[3]: seed, slots and campaigns of the simulated market; traffic float64[97]: share of yesterday's slots that had come by each
    quarter of an hour."""

    campaigns: Campaigns
    shadow: Floats
    terms: Floats
    churn: Floats
    day: Int64
    model: Model
    market: Int64
    traffic: Floats


def digest(policy: Policy) -> str:
    """The first 16 hex digits of the SHA-256 of all columns with their names and types."""
    found = hashlib.sha256()
    for name, column in _columns(policy):
        found.update(f"{name} {column.dtype.str} {column.shape}".encode())
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()[:16]


def save(folder: Path, policy: Policy) -> str:
    """Write a policy aside, make it the current one, and return its digest."""
    name = digest(policy)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / f"{name}.npz", lambda file: np.savez(file, **dict(_columns(policy))))
    _replace(folder / "current", lambda file: file.write(name.encode()))
    return name


def current(folder: Path) -> str:
    """The digest of the policy that serves; NotFound before there is one."""
    try:
        return (folder / "current").read_text().strip()
    except FileNotFoundError as error:
        raise NotFound(f"{folder}: no policy is published; make one with `liner ad-targeting demo`") from error


def load(folder: Path, name: str = "") -> Policy:
    """The policy of a digest, or the current one; BadInput when there is none, or its bytes do not make that digest."""
    wanted = name or current(folder)
    path = folder / f"{wanted}.npz"
    try:
        with np.load(path, allow_pickle=False) as columns:
            policy: Policy = _assemble(Policy, "", columns)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: not a policy ({error}); make it again with `liner ad-targeting demo`") from error
    if digest(policy) != wanted:
        raise BadInput(f"{path}: its bytes are not those of {wanted}; make it again with `liner ad-targeting demo`")
    return policy


def _columns(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted name, array) of every array in nested tuples, in order."""
    if not hasattr(value, "_fields"):
        return [(prefix, value)]
    parts = zip(value._fields, value, strict=True)
    return [found for name, part in parts for found in _columns(part, f"{prefix}.{name}" if prefix else name)]


def _assemble(kind: Any, prefix: str, columns: Any) -> Any:
    """The nested tuple of `kind` from named arrays; the reverse of `_columns`."""
    if not hasattr(kind, "_fields"):
        return columns[prefix]
    hints = get_type_hints(kind)
    return kind(*(_assemble(hints[name], f"{prefix}.{name}" if prefix else name, columns) for name in kind._fields))


def _replace(path: Path, write: Any) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
