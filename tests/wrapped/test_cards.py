"""Cards: no missing glyph in any script, nothing outside the canvas, and nothing said where there is too little to say."""

from io import BytesIO
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wrapped.cards.facts import Names, facts, phases
from wrapped.cards.fonts import ELLIPSIS, FALLBACK, clean, fit, load, runs, width_of
from wrapped.cards.png import draw_png
from wrapped.cards.scene import HEIGHT, INSIDE, WIDTH, Text
from wrapped.cards.story import story
from wrapped.cards.svg import draw_svg
from wrapped.store import read_facts

SCRIPTS = {
    "Latin": "Björk Sigur Rós Ólafur Đặng Thái Sơn Żywiołak Şebnem",
    "Cyrillic": "Сплин Молчат Дома Їжак Ђорђе",
    "Greek": "Νότιος Ήχος Μίκης Θεοδωράκης",
    "Arabic": "فيروز أم كلثوم محمد عبده پرویز",
    "Hebrew": "עברי לידר שלמה ארצי",
    "Japanese": "宇多田ヒカル 椎名林檎 きゃりーぱみゅぱみゅ",
    "Korean": "방탄소년단 아이유 이랑 뷁",
    "Chinese": "周杰倫 陈奕迅 鄧麗君 万能青年旅店",
    "Thai": "บอดี้สแลม",
    "Hindi": "लता मंगेशकर",
    "Armenian": "Տիգրան",
    "Georgian": "ნინო ქათამაძე",
    "marks": "!!! [:SITD:] +/- Ke$ha A$AP “quoted” — 1975™ ♥ ★ ♪",
}
PLAIN = {
    "user_id": 1, "rows": 0, "plays": 0, "ms": 0, "artists": 0, "tracks": 0, "genres": 0,
    "first_day": -1, "last_day": -1, "history_day": -1,
    "top_artists": [-1] * 5 + [0] * 10, "top_tracks": [-1] * 5 + [0] * 10, "top_genres": [-1] * 5 + [0] * 10, "months": [0] * 24,
    "month_genre": [-1] * 12, "top_month": -1, "top_day": [-1, 0, 0], "clock": [0] * 168, "streak": [0, -1], "dry_spell": [0, -1],
    "discoveries": [0, 0, -1, 0], "night_plays": 0, "personality": -1, "standings": [0] * 15,
}  # fmt: skip
FIRST = 20454  # 2026-01-01
FULL = PLAIN | {
    "rows": 100, "plays": 80, "ms": 90_000_000, "artists": 5, "tracks": 6, "genres": 2, "first_day": FIRST, "last_day": FIRST + 300,
    "history_day": FIRST - 365, "top_artists": [0, 1, 2, 3, 4, 30, 20, 15, 10, 5, *[10_000_000] * 5],
    "top_tracks": [0, 1, 2, 3, 4, 30, 20, 15, 10, 5, *[10_000_000] * 5], "top_genres": [0, 1, -1, -1, -1, 50, 30, 0, 0, 0, *[0] * 5],
    "months": [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, *[1] * 12], "month_genre": [0, 0, 1, 1, 0, 0, 0, 1, 1, 1, -1, -1], "top_month": 0,
    "top_day": [FIRST + 9, 12, 3_000_000], "clock": [0] * 100 + [80] + [0] * 67, "streak": [9, FIRST + 3], "dry_spell": [4, FIRST + 30],
    "discoveries": [3, 20, 2, 15], "night_plays": 3, "personality": 5, "standings": [500, 20, 20, 20, 20, 3, 1, 1, 1, 1, 2, 0, 0, 0, 0],
}  # fmt: skip


def names(word):
    return Names(lambda at: f"{word} {at}", lambda at: (f"{word} {at}", f"{word} {at % 3}"), lambda at: f"genre {at}")


def glyph(letter, font):
    return bytes(load(font, 40).getmask(letter))


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_glyph_is_missing(script):
    text = clean(SCRIPTS[script])
    assert FALLBACK not in text
    for weight in ("black", "semibold"):
        for run in runs(text, weight):
            missing = glyph("\U0010ffff", run.font)
            assert [letter for letter in run.text if letter != " " and glyph(letter, run.font) == missing] == []


def test_what_no_font_holds_becomes_a_dot():
    assert clean("A \U0001f600\U0001f3fd B\u200b\x07") == f"A {FALLBACK}{FALLBACK} B"
    assert clean(" two\nlines ") == "two lines"


def test_right_to_left_runs_are_set_from_the_right():
    assert [(run.text, run.rtl) for run in runs("פיות AB", "black")] == [("AB", False), ("פיות ", True)]
    assert [run.text for run in runs("A פיות B", "black")] == ["A ", "פיות", " B"]


@given(st.text(max_size=120), st.sampled_from([40, 90, 300]), st.integers(240, INSIDE))
@settings(deadline=None, max_examples=80)
def test_any_text_fits(text, size, most):
    line = fit(text, "black", size, most)
    assert line.width <= most
    assert line.width == width_of(line.text, "black", line.size)


def test_a_long_name_is_cut_with_an_ellipsis():
    assert fit("The " * 60, "black", 84, 800).text.endswith(ELLIPSIS)


@pytest.mark.parametrize("word", [*SCRIPTS.values(), "W" * 300, "a <b> & 'c' \"d\""])
def test_a_story_of_any_names_stays_on_the_canvas(word):
    cards = story(facts(2026, FULL, names(word)))
    assert len(cards) == 10
    for card in cards:
        for shape in card.shapes:
            if isinstance(shape, Text):
                left = shape.x - shape.width * {"start": 0, "middle": 0.5, "end": 1}[shape.anchor]
                assert left >= 0
                assert left + shape.width <= WIDTH
                assert shape.y <= HEIGHT
        drawing = ElementTree.fromstring(draw_svg(card))
        assert drawing.get("aria-label") == card.alt
        assert card.alt


def test_a_png_is_a_picture_and_always_the_same():
    for card in story(facts(2026, FULL, names("Åsa"))):
        file = draw_png(card)
        image = Image.open(BytesIO(file))
        assert image.size == (WIDTH, HEIGHT)
        assert len(image.getcolors(1 << 16) or ()) > 20
        assert file == draw_png(card)


def test_who_is_level_with_everybody_is_not_called_the_top():
    level = {"standings": [500] * 5 + [0] * 5 + [499] * 5}
    alt = next(card.alt for card in story(facts(2026, FULL | level, names("A"))) if card.name == "standing")
    assert "top 100 %" in alt
    assert "Number 1 of 500 listeners, level with 499 others." in alt


@pytest.mark.parametrize(
    ("changed", "absent"),
    [
        ({"personality": -1}, "personality"),
        ({"discoveries": [0, 0, -1, 0]}, "discoveries"),
        ({"history_day": FIRST - 89}, "discoveries"),
        ({"standings": [9] * 5 + [0] * 10}, "standing"),
        ({"streak": [1, FIRST]}, "streak"),
        ({"months": [80, *[0] * 23]}, "months"),
        ({"top_tracks": [0, -1, -1, -1, -1, 80, *[0] * 9]}, "songs"),
    ],
)
def test_too_little_is_not_said(changed, absent):
    present = [card.name for card in story(facts(2026, FULL, names("A")))]
    assert absent in present
    assert [card.name for card in story(facts(2026, FULL | changed, names("A")))] == [
        name for name in present if name != absent
    ]


def test_an_empty_year_is_one_card():
    (card,) = story(facts(2026, PLAIN, names("A")))
    assert card.name == "nothing"
    assert draw_png(card)
    assert facts(2026, PLAIN, names("A"))["top_month"] is None


def test_phases_are_maximal_runs_of_months():
    assert phases(FULL["month_genre"]) == [(0, 0, 1), (1, 2, 3), (0, 4, 6), (1, 7, 9)]
    assert phases([-1] * 12) == []
    assert phases([3] * 5 + [-1] + [3] * 6) == [(3, 0, 4), (3, 6, 11)]


def test_every_user_of_the_world_has_a_story(tiny_years):
    lake, years = tiny_years
    for user in years.table(["user_id"])["user_id"].to_pylist()[::25]:
        said = read_facts(lake, user)
        assert 1 <= len(story(said)) <= 10
        assert said["interval"] is None or said["interval"]["from"] >= "2026-01-01"


def test_the_clock_and_the_personality_agree_about_the_night():
    for night, personality in ((30, 4), (50, 5)):  # of 80 plays; the busiest hour is midnight either way
        clock = [night, *[0] * 9, *[(80 - night) // 10] * 10, *[0] * 148]
        year = facts(2026, FULL | {"clock": clock, "night_plays": night, "personality": personality}, names("A"))
        texts = [shape.text for card in story(year) for shape in card.shapes if isinstance(shape, Text)]
        assert (
            ("You listen by night" in texts)
            == (2 * night >= 80)
            == (year["personality"]["name"].split()[1] == "Midnight")
        )


def test_a_right_to_left_artist_leaves_the_line_in_order():
    year = facts(2026, FULL, names("فيروز"))
    songs = next(card for card in story(year) if card.name == "songs")
    lines = [shape.text for shape in songs.shapes if isinstance(shape, Text) and " · " in shape.text]
    assert len(lines) == 5
    for line in lines:
        shown = runs(line, "semibold")
        assert shown[0].text.startswith(line.split()[0])
        assert any(run.rtl for run in shown[1:])
