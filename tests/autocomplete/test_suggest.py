"""The list as a person sees it: types share it, covers stand once, highlights are code points, words come in any order."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.folding import fold, normal
from autocomplete.highlight import spans
from autocomplete.search import workspace
from shared.errors import BadInput
from tests.autocomplete.by_hand import suggester_of, texts


@pytest.fixture(scope="module")
def names():
    return suggester_of(
        ("Jimi Hendrix", 900, "artist"),
        ("The Jimi Hendrix Experience", 300, "artist"),
        ("Hendrix", 1, "artist"),
        ("Charlie Daniels Band", 50, "artist"),
        ("Simon & Garfunkel", 400, "artist"),
        ("Queen", 800, "artist"),
        ("Queens of the Stone Age", 700, "artist"),
        ("Queensrÿche", 600, "artist"),
        ("From First to Last", 20, "artist"),
        ("Hallelujah", 500, "track", "cohen"),
        ("Hallelujah", 450, "track", "buckley"),
        ("hallelujah!", 10, "track", "wainwright"),
        ("Nirvana", 900, "artist", "seattle"),
        ("Nirvana", 5, "artist", "london"),
    )


def test_a_word_that_is_not_the_first(names):
    assert texts(names.suggest("hendr"))[:2] == ["Jimi Hendrix", "The Jimi Hendrix Experience"]


def test_words_in_any_order(names):
    found = names.suggest("garfunkel sim").suggestions[0]
    assert (found.text, found.found_by) == ("Simon & Garfunkel", "words")


def test_a_mangled_word_among_right_ones_is_guessed(names):
    found = names.suggest("from fursest to last").suggestions[0]
    assert (found.text, found.found_by) == ("From First to Last", "guess")


def test_without_edits_nothing_is_guessed(names):
    assert texts(names.suggest("from fursest to last", fuzzy=False)) == []
    assert texts(names.suggest("quene", fuzzy=False)) == []


def test_a_complete_name_comes_first(names):
    assert texts(names.suggest("queen"))[0] == "Queen"


def test_covers_of_a_song_stand_once_and_homonyms_apart(names):
    (line,) = names.suggest("hallelujah").suggestions
    assert (line.text, line.id, line.versions) == ("Hallelujah", "cohen", 3)
    assert [line.id for line in names.suggest("nirvana").suggestions] == ["seattle", "london"]


def test_names_that_nothing_tells_apart_stand_once():
    assert texts(suggester_of(("Air", 3), ("Air", 2), ("Airs", 1)).suggest("air")) == ["Air", "Airs"]


def test_types_share_the_list():
    many = suggester_of(
        *((f"love {n}", 100 - n, "track") for n in range(6)), ("love show", 1, "show"), ("lovers", 2, "artist")
    )
    found = many.suggest("love").suggestions
    assert [line.type for line in found].count("track") == 3
    assert found[0].type == "track"
    assert [line.score for line in found] == sorted((line.score for line in found), reverse=True)


def test_a_type_alone_fills_the_list():
    many = suggester_of(*((f"love {n}", 100 - n, "track") for n in range(9)), ("zebra", 1, "artist"))
    assert len(many.suggest("love").suggestions) == 5


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("quene", "Queen", "Queen"),
        ("metalica", "Metallica", "Metal|ica"),
        ("bjrk", "Björk", "Bj|rk"),
        ("acdc", "AC/DC", "AC|DC"),
        ("garfunkel", "Simon & Garfunkel", "Garfunkel"),
        ("宇多", "宇多田ヒカル", "宇多"),
        ("singer", "🎤 <b>singer</b>", "singer"),
        ("!!", "!!!", "!!"),
        ("strasse", "Straße", "Straße"),
    ],
)
def test_highlights_are_the_typed_letters(typed, text, marked):
    assert "|".join(text[start:stop] for start, stop in spans(text, fold(typed), False)) == marked


def test_each_word_is_highlighted_where_it_stands(names):
    line = names.suggest("garfunkel simon").suggestions[0]
    assert [line.text[start:stop] for start, stop in line.spans] == ["Simon", "Garfunkel"]


def test_of_two_emojis_the_typed_one_is_highlighted():
    assert spans("🎸 🎵", fold("🎵"), False) == [(2, 3)]


def test_a_query_that_is_cut_after_a_word_is_still_words():
    names = suggester_of(("omega " + "a" * 57, 5))
    cut = "a" * 57 + " omega" + " more words"
    assert fold(cut)[:64][-1] == " "
    assert [line.text for line in names.suggest(cut).suggestions] == ["omega " + "a" * 57]


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_spans_are_ordered_disjoint_and_inside(text, typed):
    text = normal(text)
    found = spans(text, fold(typed)[:64], False) if fold(text) and fold(typed) else []
    flat = [edge for span in found for edge in span]
    assert flat == sorted(set(flat))
    assert not flat or (flat[0] >= 0 and flat[-1] <= len(text))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "\x00",
        "\ud800",
        "a" * 10_000,
        "a b " * 3000,
        "%zz%",
        "🎤" * 50,
        "https://example.org/?q=1",
        "\u202e",
        "ı̇",
        "zzqx",
    ],
)
def test_anything_may_be_typed(names, typed):
    answer = names.suggest(typed)
    answer.query.encode()
    assert len(answer.suggestions) <= 5


@given(st.text(max_size=100))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_search(typed):
    for suggestion in ANY.suggest(typed).suggestions:
        assert 0 <= len(suggestion.spans) <= len(suggestion.text)


ANY = suggester_of(("a", 1), ("ab", 1), ("abc abc", 2), ("🎤", 3), ("!!!", 4), ("が", 5), ("x" * 400, 6))


@pytest.mark.parametrize("k", [0, -1, 101, 10**9])
def test_a_list_of_no_length_is_refused(names, k):
    with pytest.raises(BadInput, match=r"k = -?\d+: expected 1 to 100"):
        names.suggest("a", k)


def test_a_search_cut_short_says_so():
    cut = suggester_of(*((f"{one}{two}{three}", 1) for one in "abcdef" for two in "abcdef" for three in "abcdef"))
    assert not cut.suggest("abx").partial
    cut._local.work = workspace(4)
    assert cut.suggest("abx").partial
    assert not cut.suggest("a", 1).partial


def test_equal_weights_come_in_the_order_of_the_file():
    same = suggester_of(*((f"name {letter}", 1) for letter in "zyxwv"))
    assert texts(same.suggest("name")) == [f"name {letter}" for letter in "zyxwv"]


def test_threads_share_a_suggester(names):
    answers = [None] * 4
    alone = names.suggest("the jimmi hendrix", 5)

    def ask(at):
        for _ in range(50):
            answers[at] = names.suggest("the jimmi hendrix", 5).suggestions

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found == alone.suggestions for found in answers)
