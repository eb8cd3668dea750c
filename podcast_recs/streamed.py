"""Columns of every impression of a log as they could be known in its own moment: a kernel that runs once through time.

An item has counters of being shown and clicked that fade with three memories, and two that do not; it lends from its
subcategory and category while it is new. A click says whose taste an item meets (the mean of its clickers' tastes against that
of all who saw it), and what kind of text is clicked these days (a logistic regression that learns one impression at a time).
Every impression is described before its own clicks are counted.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from podcast_recs.behaviors import Behaviors, News
from podcast_recs.records import HOUR_MS, Float32, Ints

MEMORIES_H = np.array([0.5, 4.0, 24.0])
GROUP_MEMORY_H = 48.0
PRIOR_SHOWN = 20.0
LATELY = 20
LEARNING = 0.02
COLUMNS = (
    *("rate, .5 h", "rate, 4 h", "rate, 24 h", "rate ever"),  # 0–3
    *("clicked, .5 h", "clicked, 4 h", "clicked, 24 h", "shown, .5 h", "shown, 4 h", "shown, 24 h"),  # 4–9, logarithms
    *("shown ever", "clicked ever", "hours since first shown", "hours since last shown"),  # 10–13, logarithms
    *("taste beyond its viewers", "taste"),  # 14, 15
    *("shown to this user before", "clicked by this user before", "in the history"),  # 16–18
    *("length of the history", "visits", "shown together"),  # 19–21: of the impression as a whole
)
"""What is known of a shown item, by column; every log has these."""
NEWS_COLUMNS = (
    *("rate of the category", "rate of the subcategory"),  # 22, 23
    *("share of the category in the history", "share of the subcategory in the history"),  # 24, 25
    *("likeness to the history", "likeness to the nearest of it lately", "words clicked these days"),  # 26–28
)
"""What a news file adds."""
COUNTED, WITH_NEWS = len(COLUMNS), len(NEWS_COLUMNS)
ABSOLUTE = 3
"""Of the counted columns the last few are of the impression as a whole: no use beside their own mean."""


class Counted(NamedTuple):
    """All that is known by now; mutated by `_take`."""

    now: Any  # float64[items, 2, memories] shown and clicked, fading
    ever: Any  # float64[items, 2]
    seen: Any  # int64[items] ms of the newest impression, 0 before the first
    first: Any  # int64[items]
    fans: Any  # float32[items, t] sum of its clickers' tastes
    viewers: Any  # float32[items, t] sum of its viewers' tastes
    groups: Any  # float64[groups, 2] shown and clicked of categories and subcategories, fading
    grouped: Any  # int64[groups] ms
    visits: Any  # int64[users]
    total: Any  # float64[2]
    weights: Any  # float64[2, d] of the regression on texts, and the sums of its squared gradients
    mark: Any  # int64[items] the last impression whose history has the item


def describe(log: Behaviors, news: News | None, taste: Float32, text: Float32) -> Float32:
    """float32[all shown, columns]; taste float32[items, t] of what stood in the histories, text float32[items, d], d = 0
    without a news file.
    """
    items, users = len(log.items), int(log.user.max()) + 1
    group, groups = _groups(news, items)
    known = Counted(
        now=np.zeros((items, 2, len(MEMORIES_H))), ever=np.zeros((items, 2)),
        seen=np.zeros(items, np.int64), first=np.zeros(items, np.int64),
        fans=np.zeros_like(taste), viewers=np.zeros_like(taste),
        groups=np.zeros((groups, 2)), grouped=np.zeros(groups, np.int64),
        visits=np.zeros(users, np.int64), total=np.array([PRIOR_SHOWN * 10, 10.0]),
        weights=np.zeros((2, text.shape[1])), mark=np.full(items, -1, np.int64),
    )  # fmt: skip
    again = _again(log)
    counted = COUNTED + (WITH_NEWS if news is not None else 0)
    rows = np.zeros((len(log.shown), 2 * counted - ABSOLUTE), np.float32)
    _stream(log.at, log.user, log.history, log.history_of, log.shown, log.shown_of, log.clicked, taste, text, group,
            again, known, rows[:, :counted])  # fmt: skip
    _beside_their_mean(rows, log.shown_of, counted)
    return rows


def _groups(news: News | None, items: int) -> tuple[Ints, int]:
    """int64[items, 2]: category and subcategory as one numbering; the last number stands for unknown."""
    if news is None:
        return np.zeros((items, 2), np.int64), 1
    categories = int(news.category.max(initial=-1)) + 1
    groups = categories + int(news.subcategory.max(initial=-1)) + 2
    category = np.where(news.category < 0, groups - 1, news.category)
    subcategory = np.where(news.subcategory < 0, groups - 1, categories + news.subcategory)
    return np.stack([category, subcategory], axis=1).astype(np.int64), groups


def _again(log: Behaviors) -> NDArray[np.float32]:
    """float32[all shown, 2]: how often the same user was shown the same item before, and clicked it."""
    row = np.repeat(np.arange(len(log.at)), np.diff(log.shown_of))
    key = log.user[row] * len(log.items) + log.shown
    order = np.argsort(key, kind="stable")
    same = key[order]
    start = np.concatenate([[True], same[1:] != same[:-1]])
    begin = np.maximum.accumulate(np.where(start, np.arange(len(same)), 0))
    clicks = np.concatenate([[0], np.cumsum(log.clicked[order])])[:-1]
    found = np.empty((len(same), 2), np.float32)
    found[order, 0] = np.arange(len(same)) - begin
    found[order, 1] = clicks - clicks[begin]
    return found


@njit(cache=True, nogil=True)
def _stream(
    at: Any, user: Any, history: Any, history_of: Any, shown: Any, shown_of: Any, clicked: Any, taste: Any, text: Any,
    group: Any, again: Any, known: Any, rows: Any,
) -> None:  # fmt: skip
    """Fill rows float32[all shown, counted], one impression after the other."""
    likes = np.zeros(known.groups.shape[0])
    for row in range(at.size):
        low, high = shown_of[row], shown_of[row + 1]
        past = history[history_of[row] : history_of[row + 1]]
        own, read = np.zeros(taste.shape[1], np.float32), np.zeros(text.shape[1], np.float32)
        for item in past:
            own += taste[item]
            read += text[item]
            known.mark[item] = row
            likes[group[item, 0]] += 1
            likes[group[item, 1]] += 1
        own /= max(1, past.size)
        read /= max(np.float32(1e-6), np.sqrt((read * read).sum()))
        for place in range(low, high):
            item, found = shown[place], rows[place]
            _describe(found, item, at[row], group[item], own, known)
            found[16], found[17] = again[place]
            found[18] = known.mark[item] == row
            found[19], found[20], found[21] = np.log1p(past.size), np.log1p(known.visits[user[row]]), high - low
            if rows.shape[1] > COUNTED:
                found[24] = likes[group[item, 0]] / (past.size + 3)
                found[25] = likes[group[item, 1]] / (past.size + 3)
                _read(found, text[item], read, past[-LATELY:], text, known.weights)
        for item in past:
            likes[group[item, 0]] = 0
            likes[group[item, 1]] = 0
        _take(shown[low:high], clicked[low:high], at[row], own, group, known)
        _learn(shown[low:high], clicked[low:high], text, known.weights)
        known.visits[user[row]] += 1


@njit(cache=True, nogil=True)
def _rate(clicked: Any, shown: Any, base: Any) -> Any:
    return (clicked + PRIOR_SHOWN * base) / (shown + PRIOR_SHOWN)


@njit(cache=True, nogil=True)
def _describe(found: Any, item: int, at: int, group: Any, own: Any, known: Any) -> None:
    """Columns 0–15, and 22 and 23 where there are groups: counters, ages, tastes."""
    base = known.total[1] / known.total[0]
    if found.size > COUNTED:
        for level in range(2):  # a category lends from all, a subcategory from its category
            kept = 0.5 ** ((at - known.grouped[group[level]]) / HOUR_MS / GROUP_MEMORY_H)
            base = _rate(known.groups[group[level], 1] * kept, known.groups[group[level], 0] * kept, base)
            found[22 + level] = base
    for memory in range(MEMORIES_H.size):
        kept = 0.5 ** ((at - known.seen[item]) / HOUR_MS / MEMORIES_H[memory])
        shown, clicked = known.now[item, 0, memory] * kept, known.now[item, 1, memory] * kept
        found[memory] = _rate(clicked, shown, base)
        found[4 + memory], found[7 + memory] = np.log1p(clicked), np.log1p(shown)
    shown, clicked = known.ever[item]
    found[3] = _rate(clicked, shown, base)
    found[10], found[11] = np.log1p(shown), np.log1p(clicked)
    found[12] = np.log1p((at - known.first[item]) / HOUR_MS) if shown else 0.0
    found[13] = np.log1p((at - known.seen[item]) / HOUR_MS) if shown else -1.0
    fans, viewers = np.float32(0), np.float32(0)
    for t in range(own.size):
        fans += known.fans[item, t] * own[t]
        viewers += known.viewers[item, t] * own[t]
    found[15] = fans / (clicked + 3)
    found[14] = found[15] - viewers / (shown + 3)


@njit(cache=True, nogil=True)
def _read(found: Any, about: Any, read: Any, lately: Any, text: Any, weights: Any) -> None:
    """Columns 26–28: likeness to what was read, to the nearest of what was read lately, and to what is clicked these days."""
    mean, score, nearest = np.float32(0), 0.0, np.float32(0)
    for d in range(about.size):
        mean += about[d] * read[d]
        score += about[d] * weights[0, d]
    for item in lately:
        likeness = np.float32(0)
        for d in range(about.size):
            likeness += about[d] * text[item, d]
        nearest = max(nearest, likeness)
    found[26], found[27], found[28] = mean, nearest, score


@njit(cache=True, nogil=True)
def _take(shown: Any, clicked: Any, at: int, own: Any, group: Any, known: Any) -> None:
    """Count an impression and its clicks."""
    for place in range(shown.size):
        item, click = shown[place], clicked[place]
        for memory in range(MEMORIES_H.size):
            known.now[item, :, memory] *= 0.5 ** ((at - known.seen[item]) / HOUR_MS / MEMORIES_H[memory])
            known.now[item, 0, memory] += 1
            known.now[item, 1, memory] += click
        if known.ever[item, 0] == 0:
            known.first[item] = at
        known.seen[item] = at
        known.ever[item, 0] += 1
        known.ever[item, 1] += click
        known.viewers[item] += own
        if click:
            known.fans[item] += own
        known.total[0] += 1
        known.total[1] += click
        for level in range(2):
            number = group[item, level]
            known.groups[number] *= 0.5 ** ((at - known.grouped[number]) / HOUR_MS / GROUP_MEMORY_H)
            known.grouped[number] = at
            known.groups[number, 0] += 1
            known.groups[number, 1] += click


@njit(cache=True, nogil=True)
def _learn(shown: Any, clicked: Any, text: Any, weights: Any) -> None:
    """One step of a conditional logit, which of the shown was clicked, by AdaGrad."""
    if text.shape[1] == 0 or not clicked.any() or clicked.all():
        return
    chances = np.empty(shown.size)
    for place in range(shown.size):
        chances[place] = (text[shown[place]] * weights[0]).sum()
    chances = np.exp(chances - chances.max())
    chances *= clicked.sum() / chances.sum()
    slope = np.zeros(text.shape[1])
    for place in range(shown.size):
        slope += (clicked[place] - chances[place]) * text[shown[place]]
    weights[1] += slope * slope
    weights[0] += LEARNING * slope / np.sqrt(weights[1] + 1e-6)


@njit(cache=True, nogil=True)
def _beside_their_mean(rows: Any, shown_of: Any, counted: int) -> None:
    """Fill the columns from `counted` on: each column's distance from its impression's mean, because what counts is who is
    better *here*.
    """
    for row in range(shown_of.size - 1):
        low, high = shown_of[row], shown_of[row + 1]
        place = counted
        for column in range(counted):
            if COUNTED - ABSOLUTE <= column < COUNTED:
                continue
            mean = rows[low:high, column].mean()
            for at in range(low, high):
                rows[at, place] = rows[at, column] - mean
            place += 1
