"""The podcast world is believable: the same from its seed, and methods rank on it as they do on real listening."""

import numpy as np
import pytest

from shared.world.podcast_audience import NEWS, SERIAL, SHOWN, STARTED, make_audience
from shared.world.podcast_topics import LANGUAGES, NAMES, episode_text, topic_words, transcript


@pytest.fixture(scope="module")
def audience():
    return make_audience(1, 300, 60, 21)


def test_one_seed_is_one_world(audience):
    again = make_audience(1, 300, 60, 21)
    for part in ("shows", "episodes", "listeners", "log"):
        for one, other in zip(getattr(audience, part), getattr(again, part), strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(make_audience(2, 300, 60, 21).log.episode[:500], audience.log.episode[:500])


def test_nothing_is_heard_before_it_is_out_and_nothing_starts_twice(audience):
    log = audience.log
    assert (log.at >= audience.episodes.published[log.episode]).all()
    started = log.what == STARTED
    pairs = log.user[started].astype(np.int64) * len(audience.episodes.show) + log.episode[started]
    assert len(np.unique(pairs)) > 0.97 * len(pairs)  # heard again almost never


def test_starts_are_few_popular_and_fresh(audience):
    log, starts = audience.log, audience.log.what == STARTED
    counts = np.sort(np.bincount(log.episode[starts], minlength=len(audience.episodes.show)))[::-1]
    assert counts[: len(counts) // 100].sum() > 0.1 * counts.sum()
    kind = audience.shows.kind[audience.episodes.show[log.episode]]
    age_h = (log.at - audience.episodes.published[log.episode]) / 3_600_000
    assert np.median(age_h[starts & (kind == NEWS)]) < 60
    assert np.median(age_h[starts & (kind == SERIAL)]) > 100


def test_higher_slots_are_started_more_and_chances_are_known(audience):
    log = audience.log
    shown = log.what == SHOWN
    assert (log.propensity[shown] > 0).all()
    assert (log.propensity[shown] <= 1).all()
    started = {
        (u, e, at)
        for u, e, at in zip(*(c[log.what == STARTED].tolist() for c in (log.user, log.episode, log.at)), strict=True)
    }
    rates = []
    for positions in (range(3), range(7, 10)):
        rows = np.flatnonzero(shown & np.isin(log.position, list(positions)))
        hits = [(int(log.user[r]), int(log.episode[r]), int(log.at[r]) + 1) in started for r in rows]
        rates.append(np.mean(hits))
    assert rates[0] > 1.5 * rates[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_carries_its_topic(language):
    own = {word.lower() for word in topic_words(language, 3)}
    other = {word.lower() for word in topic_words(language, 4)}
    found = [
        set(episode_text(1, n, language, 3, 7, n + 1).description.lower().replace(",", " ").replace(".", " ").split())
        for n in range(30)
    ]
    assert np.mean([len(words & own) for words in found]) > 2 * np.mean([len(words & other) for words in found])


def test_a_transcript_has_its_second_topic_in_one_stretch():
    words = transcript(1, 5, "en", 0, 5, 2_000).split()
    places = [at for at, word in enumerate(words) if word in topic_words("en", 5)]
    assert len(words) == 2_000
    assert max(places) - min(places) < 500
    assert len(NAMES) == 16


def ranks_of_next_starts(audience):
    """hit@2 and hit@10 by method, for the starts of the last five days: heard by most lately, shows by co-listening, text alone."""
    log, episodes, shows = audience.log, audience.episodes, audience.shows
    cut = audience.end - 5 * 86_400_000
    starts = np.flatnonzero(log.what == STARTED)
    heard = np.zeros((len(audience.listeners.language), len(shows.language)))
    for row in starts[log.at[starts] < cut]:
        heard[log.user[row], episodes.show[log.episode[row]]] += 1
    together = (heard > 0).T.astype(float) @ (heard > 0)
    together /= np.sqrt(np.outer(np.diag(together), np.diag(together))) + 1e-9
    topics = np.eye(len(NAMES))[episodes.topic] + 0.5 * np.eye(len(NAMES))[episodes.second]
    hits = {name: [] for name in ("popularity", "collaborative", "text")}
    for row in starts[log.at[starts] >= cut][:400]:
        user, at = log.user[row], log.at[row]
        mine = starts[(log.user[starts] == user) & (log.at[starts] < at)]
        if not len(mine):
            continue
        out = (episodes.published <= at) & (shows.language[episodes.show] == audience.listeners.language[user])
        out[log.episode[mine]] = False
        recent = np.bincount(
            log.episode[starts[(log.at[starts] < at) & (log.at[starts] > at - 3 * 86_400_000)]], minlength=len(out)
        )
        taste = together @ heard[user] + 3 * heard[user]
        dice = np.random.default_rng(row).random(len(out))  # among equal texts nothing decides
        newest = np.argsort(np.argsort(episodes.published)) / len(out)
        scores = {
            "popularity": recent + 0.1 * newest,
            "collaborative": taste[episodes.show] + 0.01 * newest,
            "text": topics @ topics[log.episode[mine[-5:]]].mean(axis=0) + 0.001 * dice,
        }
        for name, score in scores.items():
            order = np.argsort(-np.where(out, score, -np.inf), kind="stable")
            hits[name].append((log.episode[row] in order[:2], log.episode[row] in order[:10]))
    return {name: np.mean(values, axis=0) for name, values in hits.items()}


def test_methods_rank_as_on_real_listening():
    """Published on Danish public radio: popularity .112/.494, factors .265/.423, descriptions alone .018/.080 (hit@2/@10)."""
    worlds = [ranks_of_next_starts(make_audience(seed, 600, 300, 21)) for seed in (3, 4)]
    found = {name: np.mean([world[name] for world in worlds], axis=0) for name in worlds[0]}
    assert found["collaborative"][0] > 1.15 * found["popularity"][0]
    assert found["popularity"][1] > found["collaborative"][1]
    assert found["popularity"][1] > 3 * found["text"][1]
    assert found["collaborative"][0] > 6 * found["text"][0]
