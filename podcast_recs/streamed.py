"""Columns of every impression of a log as they could be known in its own moment: a kernel that runs once through time.

An item has counters of being shown and clicked that fade with three memories, and two that do not; it lends from its
subcategory and category while it is new. A click says whose taste an item meets (the mean of its clickers' tastes against that
of all who saw it), and what kind of text is clicked these days (a logistic regression that learns one impression at a time).
Every impression is described before its own clicks are counted.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from podcast_recs.behaviors import Behaviors, News
from podcast_recs.records import HOUR_MS, Float32, Ints

MEMORIES_H = np.array([0.5, 4.0, 24.0])
GROUP_MEMORY_H = 48.0
PRIOR_CLICKS = 0.8
LATELY = 20
LEARNING = 0.02
COLUMNS = (
    *("lift, .5 h", "lift, 4 h", "lift, 24 h", "lift ever"),  # 0–3
    *("clicked, .5 h", "clicked, 4 h", "clicked, 24 h", "shown, .5 h", "shown, 4 h", "shown, 24 h"),  # 4–9, logarithms
    *("shown ever", "clicked ever", "hours since first shown", "hours since last shown"),  # 10–13, logarithms
    *("taste beyond its viewers", "taste"),  # 14, 15
    *("shown to this user before", "clicked by this user before", "in the history"),  # 16–18
    *("length of the history", "visits", "shown together"),  # 19–21: of the impression as a whole
)
"""What is known of a shown item, by column; every log has these."""
NEWS_COLUMNS = (
    *("lift of the category", "lift of the subcategory"),  # 22, 23
    *("share of the category in the history", "share of the subcategory in the history"),  # 24, 25
    *("likeness to the history", "likeness to the nearest of it lately", "words clicked these days"),  # 26–28
    "words clicked by readers of the same",  # 29
)
"""What a news file adds."""
COUNTED, WITH_NEWS = len(COLUMNS), len(NEWS_COLUMNS)
SHOWN_BEFORE = COLUMNS.index("shown to this user before")
ABSOLUTE = 3
"""Of the counted columns the last few are of the impression as a whole: no use beside their own mean."""


class Counted(NamedTuple):
    """All that is known by now; mutated by `_take`."""

    now: Any  # float64[items, 3, memories] shown, clicked and due, fading
    ever: Any  # float64[items, 3]
    seen: Any  # int64[items] ms of the newest impression, 0 before the first
    first: Any  # int64[items]
    fans: Any  # float32[items, t] sum of its clickers' tastes
    viewers: Any  # float32[items, t] sum of its viewers' tastes
    groups: Any  # float64[groups, 2] due and clicked of categories and subcategories, fading
    grouped: Any  # int64[groups] ms
    visits: Any  # int64[users]
    weights: Any  # float64[2, 2d] of the regression on texts, and the sums of its squared gradients
    mark: Any  # int64[items] the last impression whose history has the item


class Stream:
    """A log read once, in the order of time; what is known is known from before."""

    def __init__(self, log: Behaviors, news: News | None, taste: Float32, text: Float32) -> None:
        """taste float32[items, t] of what stood in the histories; text float32[items, d], d = 0 without a news file."""
        items, users = len(log.items), int(log.user.max()) + 1
        group, groups = _groups(news, items)
        self._at, self._log = 0, log
        self._counted = COUNTED + (WITH_NEWS if news is not None else 0)
        self._known = Counted(
            now=np.zeros((items, 3, len(MEMORIES_H))), ever=np.zeros((items, 3)),
            seen=np.zeros(items, np.int64), first=np.zeros(items, np.int64),
            fans=np.zeros_like(taste), viewers=np.zeros_like(taste),
            groups=np.zeros((groups, 2)), grouped=np.zeros(groups, np.int64),
            visits=np.zeros(users, np.int64), weights=np.zeros((2, 2 * text.shape[1])),
            mark=np.full(items, -1, np.int64),
        )  # fmt: skip
        self._given = (taste, text, group, _again(log.user, log.shown, log.shown_of, log.clicked, items))

    def describe(self, low: int, high: int) -> Float32:
        """float32[shown in impressions low to high, columns]; what came before `low` and was not yet read is counted only."""
        log = self._log
        rows = np.zeros((log.shown_of[high] - log.shown_of[low], self._counted * 2 - ABSOLUTE), np.float32)
        _stream(self._at, low, high, log.at, log.user, log.history, log.history_of, log.shown, log.shown_of, log.clicked,
                *self._given, self._known, rows[:, : self._counted])  # fmt: skip
        _beside_their_mean(rows, log.shown_of[low : high + 1] - log.shown_of[low], self._counted)
        self._at = high
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


@njit(cache=True, nogil=True)
def _again(user: Any, shown: Any, shown_of: Any, clicked: Any, items: int) -> Any:
    """uint8[all shown, 2]: how often the same user was shown the same item before, and clicked it."""
    found = np.zeros((shown.size, 2), np.uint8)
    count = np.zeros((items, 2), np.uint8)
    order = np.argsort(user, kind="mergesort")
    start = 0
    for end in range(1, order.size + 1):
        if end < order.size and user[order[end]] == user[order[start]]:
            continue
        for row in order[start:end]:
            for place in range(shown_of[row], shown_of[row + 1]):
                found[place] = count[shown[place]]
            for place in range(shown_of[row], shown_of[row + 1]):
                count[shown[place], 0] = min(255, count[shown[place], 0] + 1)
                count[shown[place], 1] = min(255, count[shown[place], 1] + clicked[place])
        for row in order[start:end]:
            count[shown[shown_of[row] : shown_of[row + 1]]] = 0
        start = end
    return found


@njit(cache=True, nogil=True)
def _stream(
    begin: int, low: int, high: int, at: Any, user: Any, history: Any, history_of: Any, shown: Any, shown_of: Any,
    clicked: Any, taste: Any, text: Any, group: Any, again: Any, known: Any, rows: Any,
) -> None:  # fmt: skip
    """Read impressions begin to high, one after the other; fill rows float32[…, counted] for those from `low` on."""
    likes = np.zeros(known.groups.shape[0])
    for row in range(begin, high):
        now, first, last = at[row], shown_of[row], shown_of[row + 1]
        past = history[history_of[row] : history_of[row + 1]]
        own, read = np.zeros(taste.shape[1], np.float32), np.zeros(text.shape[1], np.float32)
        for item in past:
            own += taste[item]
            read += text[item]
        own /= max(1, past.size)
        read /= max(np.float32(1e-6), np.sqrt((read * read).sum()))
        if row >= low:
            for item in past:
                known.mark[item] = row
                likes[group[item, 0]] += 1
                likes[group[item, 1]] += 1
            for place in range(first, last):
                item, found = shown[place], rows[place - shown_of[low]]
                _describe(found, item, now, group[item], own, known)
                found[SHOWN_BEFORE], found[SHOWN_BEFORE + 1] = again[place]
                found[SHOWN_BEFORE + 2] = known.mark[item] == row
                found[SHOWN_BEFORE + 3], found[SHOWN_BEFORE + 4] = (
                    np.log1p(past.size),
                    np.log1p(known.visits[user[row]]),
                )
                found[SHOWN_BEFORE + 5] = last - first
                if rows.shape[1] > COUNTED:
                    found[COUNTED + 2] = likes[group[item, 0]] / (past.size + 3)
                    found[COUNTED + 3] = likes[group[item, 1]] / (past.size + 3)
                    _read(found[COUNTED + 4 :], text[item], read, past[-LATELY:], text, known.weights)
            for item in past:
                likes[group[item, 0]] = 0
                likes[group[item, 1]] = 0
        _take(shown[first:last], clicked[first:last], now, own, group, known)
        _learn(shown[first:last], clicked[first:last], read, text, known.weights)
        known.visits[user[row]] += 1


@njit(cache=True, nogil=True)
def _rate(clicked: Any, due: Any, base: Any) -> Any:
    return (clicked + PRIOR_CLICKS * base) / (due + PRIOR_CLICKS)


@njit(cache=True, nogil=True)
def _describe(found: Any, item: int, at: int, group: Any, own: Any, known: Any) -> None:
    """Columns before SHOWN_BEFORE, and the first two of groups where there are any: counters, ages, tastes."""
    base = 1.0
    if found.size > COUNTED:
        for level in range(2):  # a category lends from all, a subcategory from its category
            kept = 0.5 ** ((at - known.grouped[group[level]]) / HOUR_MS / GROUP_MEMORY_H)
            base = _rate(known.groups[group[level], 1] * kept, known.groups[group[level], 0] * kept, base)
            found[COUNTED + level] = base
    for memory in range(MEMORIES_H.size):
        kept = 0.5 ** ((at - known.seen[item]) / HOUR_MS / MEMORIES_H[memory])
        shown, clicked, due = known.now[item, :, memory] * kept
        found[memory] = _rate(clicked, due, base)
        found[4 + memory], found[7 + memory] = np.log1p(clicked), np.log1p(shown)
    shown, clicked, due = known.ever[item]
    found[3] = _rate(clicked, due, base)
    found[10], found[11] = np.log1p(shown), np.log1p(clicked)
    found[12] = np.log1p((at - known.first[item]) / HOUR_MS) if shown else 0.0
    found[13] = np.log1p((at - known.seen[item]) / HOUR_MS) if shown else -1.0
    found[15] = _dot(known.fans[item], own) / (clicked + 3)
    found[14] = found[15] - _dot(known.viewers[item], own) / (shown + 3)


@njit(cache=True, nogil=True, fastmath=True)
def _dot(one: Any, other: Any) -> Any:
    total = np.float32(0)
    for d in range(one.size):
        total += one[d] * other[d]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def _read(found: Any, about: Any, read: Any, lately: Any, text: Any, weights: Any) -> None:
    """Likeness to what was read, to the nearest of what was read lately, and what is clicked these days, by anybody and by readers
    of the same.
    """
    score, nearest, size = 0.0, np.float32(0), about.size
    meant = 0.0
    for d in range(size):
        score += about[d] * weights[0, d]
        meant += about[d] * read[d] * weights[0, size + d]
    for item in lately:
        nearest = max(nearest, _dot(about, text[item]))
    found[0], found[1], found[2], found[3] = _dot(about, read), nearest, score, meant


@njit(cache=True, nogil=True)
def _take(shown: Any, clicked: Any, at: int, own: Any, group: Any, known: Any) -> None:
    """Count an impression and its clicks; due is what an item would have got by chance: few are clicked of many."""
    due = clicked.sum() / shown.size
    for place in range(shown.size):
        item, click = shown[place], clicked[place]
        for memory in range(MEMORIES_H.size):
            known.now[item, :, memory] *= 0.5 ** ((at - known.seen[item]) / HOUR_MS / MEMORIES_H[memory])
            known.now[item, 0, memory] += 1
            known.now[item, 1, memory] += click
            known.now[item, 2, memory] += due
        if known.ever[item, 0] == 0:
            known.first[item] = at
        known.seen[item] = at
        known.ever[item, 0] += 1
        known.ever[item, 1] += click
        known.ever[item, 2] += due
        known.viewers[item] += own
        if click:
            known.fans[item] += own
        for level in range(2):
            number = group[item, level]
            known.groups[number] *= 0.5 ** ((at - known.grouped[number]) / HOUR_MS / GROUP_MEMORY_H)
            known.grouped[number] = at
            known.groups[number, 0] += due
            known.groups[number, 1] += click


@njit(cache=True, nogil=True, fastmath=True)
def _learn(shown: Any, clicked: Any, read: Any, text: Any, weights: Any) -> None:
    """One step of a conditional logit, which of the shown was clicked, by AdaGrad."""
    if text.shape[1] == 0 or not clicked.any() or clicked.all():
        return
    size, count = text.shape[1], shown.size
    chances = np.zeros(count)
    for place in range(count):
        about = text[shown[place]]
        for d in range(size):
            chances[place] += about[d] * (weights[0, d] + read[d] * weights[0, size + d])
    chances = np.exp(chances - chances.max())
    chances *= clicked.sum() / chances.sum()
    slope = np.zeros(size)
    for place in range(count):
        about, missed = text[shown[place]], clicked[place] - chances[place]
        for d in range(size):
            slope[d] += missed * about[d]
    for d in range(size):
        for at, step in ((d, slope[d]), (size + d, slope[d] * read[d])):
            weights[1, at] += step * step
            weights[0, at] += LEARNING * step / np.sqrt(weights[1, at] + 1e-6)


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
