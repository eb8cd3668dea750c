"""`click market_price pctr …` files in, shares of the optimum out: the road of somebody's own auctions.

A line that cannot be used is left out, counted and reported on standard error; a file of which more than half cannot be used is refused.
Prices may have decimals: they are held as whole micro-units, and `spent` is printed in the unit of the file.
"""

import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ad_targeting.replay import OURS, POLICIES, Log, knapsack, replay
from shared.errors import BadInput

MICROS = 1_000_000
LARGEST_PRICE = 1e9  # units of the file
LAYOUT = "expected `click market_price pctr`, 0 or 1, a price from 0, a probability from 0 to 1"


def read_log(path: str | Path) -> Log:
    """Read a log; BadInput when it is absent, empty, or mostly something else."""
    rows, faults = [], []
    try:
        with Path(path).open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row, fault = _parse(line)
                if row is None:
                    faults.append(f"row {number}, {fault}")
                else:
                    rows.append(row)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}; {LAYOUT}") from error
    bad = len(faults)
    if bad > len(rows):
        raise BadInput(f"{path}: {faults[0]}; {bad} of {bad + len(rows)} lines cannot be used; {LAYOUT}")
    if not rows:
        raise BadInput(f"{path}: no auctions; {LAYOUT}")
    if bad:
        print(f"{path}: left out {bad} of {bad + len(rows)} lines; the first: {faults[0]}", file=sys.stderr)
    click, price, pctr = zip(*rows, strict=True)
    if sum(price) >= 1 << 62:
        raise BadInput(f"{path}: field market_price: sums to {sum(price) / MICROS:.3g}; expected below 4.6e12 in all")
    return Log(np.array(click, bool), np.array(price, np.int64), np.array(pctr, np.float64))


def _parse(line: str) -> tuple[tuple[bool, int, float] | None, str]:
    """(click, micro-units, pctr) of a line, or None and what is wrong with it."""
    fields = line.replace(",", " ").split(None, 3)[:3]
    if len(fields) < 3:
        return None, f"{len(fields)} fields"
    values = []
    for name, text, largest in zip(("click", "market_price", "pctr"), fields, (1.0, LARGEST_PRICE, 1.0), strict=True):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= largest or (name == "click" and value not in (0, 1)):
            return None, f"field {name}: {text[:40]!r}"
        values.append(value)
    return (values[0] == 1, round(values[1] * MICROS), values[2]), ""


def read_shares(text: str) -> dict[str, Fraction]:
    """`1/4,0.125` → the shares as they were written, exact; BadInput for anything outside (0, 1]."""
    found = {}
    for part in (part.strip() for part in text.split(",")):
        try:
            share = Fraction(part)
        except (ValueError, ZeroDivisionError):
            share = Fraction(0)
        if not 0 < share <= 1:
            raise BadInput(f"--budget-share {part!r}: expected fractions such as 1/4,1/8, above 0 and at most 1")
        found[part] = share
    return found


def replay_files(train_path: str, log_path: str, shares_text: str) -> dict[str, Any]:
    """The report: for each policy and budget `share_of_optimum` (null when nothing can be won), `spent`, `clicks`."""
    shares = read_shares(shares_text)
    train, log = read_log(train_path), read_log(log_path)
    cost = int(log.price.sum())
    found: dict[str, dict[str, Any]] = {name: {} for name in POLICIES}
    for key, share in shares.items():
        budget = cost * share.numerator // share.denominator
        optimum, _ = knapsack(log, budget)
        for name in POLICIES:
            result = replay(train, log, budget, name)
            found[name][key] = {
                "share_of_optimum": result.value / optimum if optimum > 0 else None,
                "spent": result.spent // MICROS if result.spent % MICROS == 0 else result.spent / MICROS,
                "clicks": result.clicks,
            }
    return {"budgets": found[OURS], "policies": {name: {"budgets": budgets} for name, budgets in found.items()}}


def print_table(report: dict[str, Any]) -> None:
    """Shares of the optimum, a policy a line."""
    print("share of the best that hindsight could buy, by budget as a share of the log's cost")
    print(f"{'':14}" + "".join(f"{key:>10}" for key in report["budgets"]))
    for name, found in report["policies"].items():
        shares = (entry["share_of_optimum"] for entry in found["budgets"].values())
        print(f"{name:14}" + "".join(f"{'–' if share is None else f'{share:.2%}':>10}" for share in shares))
