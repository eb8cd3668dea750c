"""Shows, episodes and searches: references hold, errors come at the rates and of the kinds of recorded misspellings."""

from collections import Counter
from itertools import pairwise

import pytest

from shared.world.searches import BACKSPACE, prefixes


@pytest.fixture(scope="module")
def searches(tiny_world):
    return tiny_world.dataset("searches").table().to_pylist()


@pytest.fixture(scope="module")
def names(tiny_world):
    read = {"artist": ("artists", "name"), "track": ("tracks", "title"), "show": ("shows", "title")}
    return {kind: tiny_world.dataset(data).table()[column].to_pylist() for kind, (data, column) in read.items()}


def test_the_box_holds_what_the_keys_typed(searches):
    for search in searches:
        assert prefixes(search["keys"])[-1] == search["typed"]
        assert BACKSPACE not in search["typed"]
        assert len(prefixes(search["keys"])) == len(search["keys"])


def test_what_is_chosen_exists_and_every_kind_is(searches, names):
    assert all(search["chosen_id"] < len(names[search["chosen_type"]]) for search in searches)
    assert set(Counter(search["chosen_type"] for search in searches)) == {"artist", "track", "show"}


def test_most_searches_are_clean_and_the_first_letter_is_rarely_wrong(searches, names):
    wrong = first = 0
    for search in searches:
        name = names[search["chosen_type"]][search["chosen_id"]].lower()
        wrong += not name.startswith(search["typed"])
        first += name[0] != search["typed"][:1]
    assert 0.06 < wrong / len(searches) < 0.25
    assert 0 < first < 0.2 * wrong


def test_some_errors_are_seen_and_taken_back(searches):
    noticed = sum(BACKSPACE in search["keys"] for search in searches)
    assert 0.02 < noticed / len(searches) < 0.15


def test_nobody_searches_before_signing_up(tiny_world, searches):
    signed_up = tiny_world.dataset("users").table()["signed_up"].to_pylist()
    assert all(search["started_at"] >= signed_up[search["user_id"]] for search in searches)


def test_episodes_belong_to_shows_weekly_in_their_language(tiny_world):
    language = tiny_world.dataset("shows").table()["language"].to_pylist()
    episodes = tiny_world.dataset("episodes").table().to_pylist()
    for before, after in pairwise(episodes):
        if before["show_id"] == after["show_id"]:
            assert (after["released"] - before["released"]).days == 7
    assert all(episode["language"] == language[episode["show_id"]] for episode in episodes)
