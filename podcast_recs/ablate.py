"""What is each difference from music worth? The recommender once more without it, judged by the truth on the same sessions.

One pass over the days after training: at each session every variant makes its slate from the same state. Each variant has a
ranker of its own, from the same examples without its columns or with its labels. The unit of the interval is the listener, and
the differences are paired.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from podcast_recs.differences import AS_MUSIC, NAMES, Differences, without
from podcast_recs.evaluate import by_user, judge
from podcast_recs.learning import fit
from podcast_recs.library import Library
from podcast_recs.moment import Request
from podcast_recs.pipeline import Recommender
from podcast_recs.records import Ints
from podcast_recs.setting import Setting
from podcast_recs.state import State
from shared.ranking import bootstrap_interval

SLOTS = 10
SESSIONS = {"tiny": 20, "small": 200, "medium": 400}


@dataclass(frozen=True)
class Row:
    """One variant: worth of its slates as a share of the oracle's, and the difference from all differences on, with its 95 %
    interval.
    """

    name: str
    share: float
    delta: float
    low: float
    high: float


def ablate(setting: Setting, count: int) -> list[Row]:
    """Judge all, all but one of each, popularity and music on `count` sessions; `setting` has learned until its `until`."""
    base = setting.recommender
    variants = {"podcasts": Differences(), **{f"without {name}": without(name) for name in NAMES}, "as music": AS_MUSIC}
    policies: dict[str, Any] = {
        name: partial(_slate, replace(base, on=on, ranker=fit(setting.examples, on, base.seed)))
        for name, on in variants.items()
    }
    policies["popularity"] = partial(popular, base.library, base.state)
    chosen = setting.test_sessions(count)
    worths = judge(setting.audience, base, policies, chosen)
    users = np.array([session.request.user for session in chosen])
    best = by_user(users, worths["oracle"]).mean()
    rows = []
    for name in policies:
        deltas = by_user(users, worths[name] - worths["podcasts"]) / best
        low, high = bootstrap_interval(deltas, seed=0)
        rows.append(Row(name, float(by_user(users, worths[name]).mean() / best), float(deltas.mean()), low, high))
    return rows


def popular(library: Library, state: State, request: Request) -> Ints:
    """What is started most in these days, of what is eligible: the baseline that is hard to beat."""
    ids = np.flatnonzero(library.eligible(request.profile, state.listeners[request.user], request.now))
    starts = state.lately(ids, request.now)
    found: Ints = ids[np.lexsort((ids, -starts))[:SLOTS]]
    return found


def _slate(recommender: Recommender, request: Request) -> Ints:
    return np.array([slot.episode for slot in recommender.slate(request, SLOTS)], np.int64)


def print_rows(rows: list[Row]) -> None:
    """A table for a person."""
    print(f"{'':24}  of the best   difference   95 % interval")
    for row in rows:
        change = "" if row.name == "podcasts" else f"{row.delta:+10.3f}   {row.low:+.3f} – {row.high:+.3f}"
        print(f"{row.name:24}  {row.share:11.1%}  {change}")
