"""Podcasts: a slate from many episodes, publishing until found, the belief beside conditioning on every trace, three encoders."""

import json
import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pytest

from podcast_recs.belief import WINDOW, Belief, Prior
from podcast_recs.differences import without
from podcast_recs.encoder import fused
from podcast_recs.evaluate import cold_recall
from podcast_recs.factors import show_factors
from podcast_recs.features import features
from podcast_recs.learning import fit
from podcast_recs.lexical import Lexical
from podcast_recs.library import Library, Profile
from podcast_recs.minilm import MiniLM
from podcast_recs.moment import Request, look
from podcast_recs.pipeline import Recommender
from podcast_recs.ranker import train
from podcast_recs.records import HOUR_MS, Catalogue, Event, What
from podcast_recs.serving import Serving, save
from podcast_recs.setting import make_setting
from podcast_recs.state import State
from podcast_recs.static_table import StaticTable
from shared.threads import blas_threads
from shared.world.podcast_topics import episode_text

EPISODES_OF = {"tiny": 2_000, "small": 100_000, "full": 100_000}
REQUESTS_OF = {"tiny": 5, "small": 300, "full": 1_000}
TRACES_OF = {"tiny": 500, "small": 50_000, "full": 50_000}
TEXTS_OF = {"tiny": 8, "small": 200, "full": 500}
NOW = 1_000_000 * HOUR_MS
LISTENERS = 200


@pytest.fixture(scope="module")
def crowded(request):
    """A recommender over a catalogue of many episodes, with some months of listening."""
    count = EPISODES_OF[request.config.getoption("--bench-size", "tiny")]
    rng = np.random.default_rng(1)
    shows = count // 40
    show = np.sort(rng.integers(0, shows, count)).astype(np.int32)
    number = np.arange(count) - np.searchsorted(show, show)
    catalogue = Catalogue(
        show=show,
        number=number.astype(np.int32),
        published=NOW - rng.integers(1, 90 * 24, count) * HOUR_MS,
        duration=rng.integers(10, 90, count).astype(np.int32) * 60_000,
        explicit=rng.random(count) < 0.1,
        language=rng.integers(0, 3, shows).astype(np.int16),
        kind=rng.integers(0, 3, shows).astype(np.int8),
        languages=("de", "en", "sv"),
        titles=[f"Episode {at}" for at in range(count)],
        descriptions=[""] * count,
        show_titles=[f"Show {at}" for at in range(shows)],
        show_descriptions=[""] * shows,
    )
    vectors = rng.normal(size=(count, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    library, state = Library(catalogue, vectors), State(catalogue)
    for n in range(60 * LISTENERS):
        user, episode, at = n % LISTENERS, int(rng.integers(count)), NOW - int(rng.integers(1, 500)) * HOUR_MS
        state.apply(Event(3 * n, user, episode, What.SHOWN, at))
        state.apply(Event(3 * n + 1, user, episode, What.STARTED, at + 1))
        state.apply(Event(3 * n + 2, user, episode, What.STOPPED, at + 2, int(rng.integers(60_000, 3_000_000))))
    own = Recommender(library, state, show_factors(state))
    own.ranker = some_ranker(own)
    return own


def some_ranker(own):
    """As many trees and leaves as any: what they say does not matter here, what they cost does."""
    rng = np.random.default_rng(3)
    moment = look(Request(0, Profile((0, 1, 2)), NOW, 0), own.library, own.state, own.factors, own.on)
    rows = features(moment, rng.integers(0, len(own.library.catalogue.show), 2_000), own.library, own.state)
    labels = (rng.random(2_000) < 0.1 + 0.2 * (rows[:, 0] > np.median(rows[:, 0]))).astype(np.int8)
    return train(rows, labels, np.full(200, 10), np.tile(np.arange(10), 200).astype(np.int8), own.on)


@pytest.fixture(scope="module")
def serving(crowded, tmp_path_factory):
    """The same catalogue in a store, opened: a publication is encoded and durable."""
    path = tmp_path_factory.mktemp("podcasts") / "podcasts.sqlite"
    catalogue = crowded.library.catalogue
    texts = [episode_text(1, n, "en", n % 4, 5, n + 1).description for n in range(40)]
    save(path, Recommender(crowded.library, State(catalogue), crowded.factors), StaticTable(MiniLM(), texts, 8), [], [])
    opened = Serving(path)
    yield opened
    opened.store.close()


def percentiles(milliseconds):
    return {"p50": f"{np.percentile(milliseconds, 50):.1f} ms", "p99": f"{np.percentile(milliseconds, 99):.1f} ms"}


@pytest.mark.parametrize("what", ["slate of 20", "publish"])
def test_requests(benchmark, bench_size, crowded, serving, what):
    """CPU of one request on one core, as the server runs it; a publication is encoded, written, and ends when a search finds it."""
    benchmark.group = "podcast-requests"
    languages, spent = tuple(range(3)), []

    def slate(user):
        slots = crowded.slate(Request(user % LISTENERS, Profile(languages), NOW + user, user % 3), 20)
        assert len({int(crowded.library.catalogue.show[slot.episode]) for slot in slots}) == 20

    def publish(n):
        text = episode_text(2, n, "en", 1, 2, n + 1)
        episode = serving.publish(0, NOW, 60_000, f"{text.title} {n}", text.description)
        library = serving.recommender.library
        found, _ = library.index.search(library.index.vectors(np.array([episode])), 20, library.alive)
        assert episode in found  # some texts say the same

    one = slate if what == "slate of 20" else publish
    one(0)

    def run():
        for user in range(REQUESTS_OF[bench_size]):
            began = process_time()
            one(user)
            spent.append(1000 * (process_time() - began))

    with blas_threads(1):
        benchmark.pedantic(run, rounds=1)
    benchmark.extra_info["show"] = {"episodes": f"{EPISODES_OF[bench_size]:,}", **percentiles(spent)}


def prior():
    days = np.arange(WINDOW)
    near = np.exp(-np.abs(days[:, None] - days) / 8)
    return Prior(0.3 * np.exp(-days / 40), 0.01 * near + 1e-5 * np.eye(WINDOW), 0.2 * near + 0.01 * np.eye(WINDOW))


def every_trace(p, traces, begun, day):
    """The published computation: mask each trace, average by day, solve."""
    mask = np.arange(WINDOW) < (day - begun)[:, None]
    shown = np.where(mask, traces, 0.0)
    n = mask.sum(axis=0)
    k = int(np.argmin(n > 0)) if not n.all() else WINDOW
    average = shown[:, :k].sum(axis=0) / n[:k]
    inverse = np.linalg.inv(p.covariance[:k, :k] + p.noise[:k, :k] / np.maximum.outer(n[:k], n[:k]))
    mean = p.mean + p.covariance[:, :k] @ inverse @ (average - p.mean[:k])
    return mean.sum(), (p.covariance - p.covariance[:, :k] @ inverse @ p.covariance[:k]).sum()


@pytest.mark.parametrize("who", ["sums by cohort", "every trace"])
def test_belief(benchmark, bench_size, who):
    """A posterior over a show's new listeners; both must agree to 1e-9."""
    benchmark.group = "podcast-belief"
    rng, p, count = np.random.default_rng(1), prior(), TRACES_OF[bench_size]
    begun = np.sort(rng.integers(0, 80, count))
    traces = (rng.random((count, WINDOW)) < p.mean).astype(float)
    belief = Belief(p)
    for day in range(80):
        belief.observe(traces[begun == day], day)
    run = (lambda: belief.posterior(75)) if who == "sums by cohort" else (lambda: every_trace(p, traces, begun, 75))
    found = benchmark.pedantic(run, rounds=5)
    np.testing.assert_allclose(found, every_trace(p, traces, begun, 75), atol=1e-9, rtol=0)
    benchmark.extra_info["show"] = {"listeners": f"{count:,}"}


@pytest.mark.parametrize("which", ["MiniLM", "static table", "TF-IDF, 128 directions"])
def test_texts(benchmark, bench_size, which):
    """Texts of episodes into vectors; how often the nearest other text has the same topic."""
    benchmark.group = "podcast-texts"
    topics = np.arange(TEXTS_OF[bench_size]) % 4
    texts = [episode_text(1, n, "en", int(topic), int(topic), n + 1).description for n, topic in enumerate(topics)]
    began = perf_counter()
    if which == "MiniLM":
        encoder = MiniLM()
    elif which == "static table":
        encoder = StaticTable(MiniLM(), texts, taught=min(100, len(texts)))
    else:
        lexical = Lexical(texts)
    encode = lexical.reduced if which.startswith("TF") else encoder.encode
    prepared = perf_counter() - began
    vectors = benchmark.pedantic(lambda: encode(texts), rounds=1)
    likeness = vectors @ vectors.T - 2 * np.eye(len(texts))
    same = float((topics[likeness.argmax(axis=1)] == topics).mean())
    assert same > 0.5
    benchmark.extra_info["show"] = {
        "texts": f"{len(texts):,}", "prepared in": f"{prepared:.1f} s", "nearest has the topic": f"{same:.2f}",
    }  # fmt: skip


REAL = Path(os.environ.get("LINER_PODCAST_SHOWS", "/nonexistent"))
"""A list of shows as JSON: title, description, genre (siddgood/podcast-recommendation-engine has 4,560). Without it, made ones."""
REAL_OF = {"tiny": 60, "small": 500, "full": 1_500}


def shows(most):
    """Real shows drawn by chance, or made ones; each a title, a description and a genre."""
    if not REAL.is_file():
        made = [episode_text(1, n, "en", n % 4, n % 4, n + 1) for n in range(min(most, 100))]
        return [(text.title, text.description, n % 4) for n, text in enumerate(made)]
    known = [show for show in json.loads(REAL.read_text()) if len(show["description"]) > 60]
    chosen = np.random.default_rng(1).permutation(len(known))[:most]
    return [(known[at]["title"], known[at]["description"], known[at]["genre"]) for at in chosen]


@pytest.fixture(scope="module")
def described(request):
    """Texts and genres of shows, and the likeness of each two by words and by the model."""
    titles, descriptions, genres = zip(*shows(REAL_OF[request.config.getoption("--bench-size", "tiny")]), strict=True)
    texts = [f"{title}. {description}" for title, description in zip(titles, descriptions, strict=True)]
    rows, vectors = Lexical(texts).rows(texts), MiniLM().encode(texts)
    by_words = (rows @ rows.T).toarray().astype(np.float32)
    return texts, np.array(genres), by_words, vectors @ vectors.T


@pytest.mark.parametrize("which", ["TF-IDF", "TF-IDF + static table", "TF-IDF + MiniLM"])
def test_real_texts(benchmark, described, which):
    """Of the ten nearest shows, those of the same genre: what part of MiniLM's gain over TF-IDF the table recovers."""
    benchmark.group = "podcast-real-texts" if REAL.is_file() else "podcast-made-texts"
    texts, genres, by_words, by_model = described

    def same(likeness):
        nearest = np.argsort(-(likeness - 1e6 * np.eye(len(texts))), axis=1)[:, :10]
        return float((genres[nearest] == genres[:, None]).mean())

    def table():
        vectors = StaticTable(MiniLM(), texts).encode(texts)
        return fused(vectors @ vectors.T, by_words)

    likeness = {
        "TF-IDF": lambda: by_words,
        "TF-IDF + static table": table,
        "TF-IDF + MiniLM": lambda: fused(by_model, by_words),
    }[which]
    found = same(benchmark.pedantic(likeness, rounds=1))
    assert found > 1 / len(set(genres.tolist()))
    words, best = same(by_words), max(same(by_model), same(fused(by_model, by_words)))
    benchmark.extra_info["show"] = {
        "shows": f"{len(texts):,}", "genres": len(set(genres.tolist())), "P@10": f"{found:.3f}",
        "of MiniLM's gain": f"{(found - words) / max(best - words, 1e-9):.0%}",
    }  # fmt: skip


SESSIONS_OF = {"tiny": 4, "small": 100, "full": 200}


@pytest.mark.parametrize("which", ["ours", "without text"])
def test_cold(benchmark, bench_size, which):
    """Of what episodes without a start are worth to a listener: the part among fifty of them, beside the oracle's fifty."""
    benchmark.group = "podcast-cold"
    setting = make_setting("tiny" if bench_size == "tiny" else "small")
    own = setting.recommender
    on = own.on if which == "ours" else without("text")
    own = replace(own, on=on, ranker=fit(setting.examples, on))
    chosen = setting.test_sessions(SESSIONS_OF[bench_size])
    run = lambda: np.array([cold_recall(setting.audience, own, session.request) for session in chosen])  # noqa: E731
    found, best = benchmark.pedantic(run, rounds=1).mean(axis=0)
    assert 0 <= found <= best <= 1
    benchmark.extra_info["show"] = {
        "recall@50": f"{found:.3f}", "oracle": f"{best:.3f}", "of the oracle's": f"{found / best:.0%}",
    }  # fmt: skip
