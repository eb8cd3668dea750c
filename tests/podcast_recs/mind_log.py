"""A made log in MIND's format with the structure of the real one: news that live for a day or two and are shown in bursts, a
click-through rate of about 4 %, tastes for categories and for what the words say, most of what is tested never seen before.

The shape is that of the published description (Wu et al., ACL 2020): 37 candidates an impression (long tail, at most 299), 1.5
clicks, histories of 33 on average up to 558, the same for all of a user's impressions, some empty; 18 categories and 270
subcategories by Zipf's law; news of eight columns whose last two are JSON with quotes.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.world.words import BANKS

DAYS = 7
CATEGORIES, SUBCATEGORIES, HIDDEN = 18, 270, 12
MOST_SHOWN, MOST_READ = 299, 558
BIN_MIN = 10
BEGIN_MS = 1_573_257_600_000  # 2019-11-09


class Items(NamedTuple):
    """Columns [items]; all but category and subcategory are hidden."""

    category: np.ndarray
    subcategory: np.ndarray
    about: np.ndarray  # float32[items, HIDDEN] what the words say
    born_h: np.ndarray  # hours since the log began; before it for what only histories hold
    half_life_h: np.ndarray
    reach: np.ndarray  # how much it is shown
    appeal: np.ndarray  # logit
    loved_by: np.ndarray  # float32[items, HIDDEN] no word says it


def make_items(rng, count):
    """A third of them stand in histories only."""
    share = 1 / (np.arange(SUBCATEGORIES) + 3.0)
    subcategory = rng.choice(SUBCATEGORIES, count, p=share / share.sum())
    parent = rng.choice(
        CATEGORIES, SUBCATEGORIES, p=(1 / np.arange(2, CATEGORIES + 2)) / (1 / np.arange(2, CATEGORIES + 2)).sum()
    )
    centre = rng.normal(size=(SUBCATEGORIES, HIDDEN)) + rng.normal(size=(CATEGORIES, HIDDEN))[parent]
    old = rng.random(count) < 0.6
    born = np.where(old, rng.uniform(-28 * 24, -24, count), rng.uniform(-36, DAYS * 24, count))
    appeal = rng.normal(0, 0.75, count) + 0.35 * rng.normal(size=SUBCATEGORIES)[subcategory]
    return Items(
        category=parent[subcategory],
        subcategory=subcategory,
        about=(centre[subcategory] + rng.normal(size=(count, HIDDEN))).astype(np.float32) / np.sqrt(3 * HIDDEN),
        born_h=born,
        half_life_h=np.exp(rng.normal(np.log(9), 0.6, count)),
        reach=np.exp(rng.normal(0, 1.5, count) + 0.3 * appeal),
        appeal=appeal,
        loved_by=rng.normal(size=(count, HIDDEN)).astype(np.float32) / np.sqrt(HIDDEN),
    )


def make_log(seed=1, impressions=5_000, items=20_000, users=4_300, noise=1.0):
    """(items, rows): rows are (at ms, user, history, shown, clicked)."""
    rng = np.random.default_rng(seed)
    made = make_items(rng, items)
    likes = (rng.normal(size=(users, HIDDEN)) * 1.6).astype(np.float32)
    styles = (rng.normal(size=(users, HIDDEN)) * 0.6).astype(np.float32)
    categories = rng.normal(0, 0.5, (users, CATEGORIES)).astype(np.float32)
    histories = [_history(rng, made, likes[u], categories[u]) for u in range(users)]
    busy = rng.pareto(1.6, users) + 0.3
    user = rng.choice(users, impressions, p=busy / busy.sum())
    hour = np.sort(rng.integers(0, DAYS, impressions) * 24 + np.clip(rng.normal(14, 5, impressions), 0, 23.99))
    sizes = np.clip(np.exp(rng.normal(np.log(24), 0.95, impressions)), 2, MOST_SHOWN).astype(int)
    many = 1 + np.minimum(rng.geometric(0.72, impressions) - 1, 9)
    rows = []
    live, edges = np.empty(0, np.int64), np.empty(0)
    slot = -1
    seen = {}
    for row in range(impressions):
        now, u = hour[row], user[row]
        if int(now * 60 / BIN_MIN) != slot:
            slot = int(now * 60 / BIN_MIN)
            age = now - made.born_h
            live = np.flatnonzero((age >= 0) & (age < 6 * made.half_life_h))
            burst = np.minimum(1, age[live] / 2 + 0.1) * 0.5 ** (age[live] / made.half_life_h[live])
            edges = np.cumsum(made.reach[live] * burst)
        shown = live[np.unique(np.searchsorted(edges, rng.random(sizes[row]) * edges[-1], side="right"))]
        shown = rng.permutation(shown)
        age = now - made.born_h[shown]
        logit = made.appeal[shown] - 0.25 * age / made.half_life_h[shown]
        logit += made.about[shown] @ likes[u] + made.loved_by[shown] @ styles[u] + categories[u, made.category[shown]]
        again = np.array([(u, item) in seen for item in shown.tolist()])
        logit = logit - 0.8 * again
        seen.update(((u, item), 1) for item in shown.tolist())
        won = np.argsort(-(logit + noise * rng.gumbel(size=len(shown))))[: min(many[row], len(shown))]
        clicked = np.zeros(len(shown), bool)
        clicked[won] = True
        rows.append((BEGIN_MS + int(now * 3600) * 1000, u, histories[u], shown, clicked))
    return made, rows


def _history(rng, made, likes, categories):
    size = int(min(MOST_READ, rng.lognormal(2.8, 1.15))) if rng.random() > 0.03 else 0
    tried = np.flatnonzero(made.born_h < 0)[rng.integers(0, (made.born_h < 0).sum(), 4 * size)]
    worth = (
        made.appeal[tried] + made.about[tried] @ likes + categories[made.category[tried]] + np.log(made.reach[tried])
    )
    return tried[np.argsort(-(worth + rng.gumbel(size=len(tried))))[:size]]


def write(folder, made, rows, name="behaviors.tsv"):
    """behaviors.tsv in no order of time, and news.tsv, in a folder."""
    from datetime import UTC, datetime

    def line(number, row):
        at, user, history, shown, clicked = row
        time = datetime.fromtimestamp(at / 1000, UTC)
        moment = f"{time.month}/{time.day}/{time.year} {(time.hour - 1) % 12 + 1}:{time:%M:%S %p}"
        entries = " ".join(
            f"N{item}-{int(click)}" for item, click in zip(shown.tolist(), clicked.tolist(), strict=True)
        )
        return f"{number}\tU{user}\t{moment}\t{' '.join(f'N{item}' for item in history.tolist())}\t{entries}\n"

    order = np.random.default_rng(0).permutation(len(rows))
    with (Path(folder) / name).open("w") as file:
        file.writelines(line(number, rows[at]) for number, at in enumerate(order.tolist(), 1))
    with (Path(folder) / "news.tsv").open("w") as file:
        file.writelines(news_lines(made))


def news_lines(made):
    """Title and abstract say what an item is about: words stand for directions of what is hidden, and for its subcategory."""
    rng = np.random.default_rng(5)
    bank = [f"{head}{tail}".lower() for head in BANKS["en"].heads for tail in BANKS["en"].tails]
    bank += [f"{word}{at}".lower() for word in BANKS["en"].words for at in range(60)]
    axes = rng.normal(size=(len(bank), HIDDEN)) / np.sqrt(HIDDEN)
    often = np.log(1 / (rng.permutation(len(bank)) + 5.0))
    for item in range(len(made.category)):
        few = rng.integers(0, len(bank), 400)
        fits = often[few] + 6 * (axes[few] @ made.about[item]) + rng.gumbel(size=len(few))
        chosen = [bank[at] for at in few[np.argsort(-fits)[:30]]]
        title = " ".join(chosen[:10]).capitalize()
        title = f'"{title}" says {chosen[3]}' if item % 7 == 0 else title
        abstract = "" if item % 20 == 3 else " ".join(chosen[4:]).capitalize() + ("." if item % 5 else ', "he said.')
        entity = json.dumps([{"Label": title[:12], "Type": "P", "WikidataId": f"Q{item}", "Confidence": 1.0}])
        yield (
            f"N{item}\tcategory{made.category[item]}\tsub{made.subcategory[item]}\t{title}\t{abstract}"
            f"\thttps://assets.msn.com/labs/mind/{item}.html\t{entity}\t[]\n"
        )
