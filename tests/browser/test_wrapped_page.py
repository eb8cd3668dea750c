"""The story in a real browser: by keyboard, by touch, without motion, in the bundled fonts, and nothing from elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from shared.bootstrap import Engines
from shared.clock import DEMO_NOW, fixed_clock
from shared.console.app import build_app
from shared.settings import Settings
from tests.wrapped.adversaries import at, write
from wrapped.forget import forget
from wrapped.pipeline import run_year
from wrapped.sources import own_source, world_source

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def engines(tiny_world, tmp_path_factory):
    engines = Engines(Settings(home=tmp_path_factory.mktemp("home")))
    run_year(engines.engine, engines.lake, world_source(tiny_world), 2026, fixed_clock(DEMO_NOW))
    yield engines
    engines.close()


def at_card(page, number):
    expect(page.locator("#spoken")).to_contain_text(f"Card {number} of")


@pytest.fixture
def address(serve, engines):
    return serve(build_app(engines, "wrapped")) + "/wrapped/"


@pytest.fixture
def story(page, address):
    page.goto(address)
    at_card(page, 1)
    return page


def test_the_story_is_told_by_keyboard(story):
    cards = story.locator("#progress li").count()
    assert 6 <= cards <= 10
    for number in range(2, cards + 1):
        story.keyboard.press("ArrowRight")
        at_card(story, number)
        assert story.locator("#stage svg").get_attribute("aria-label") in story.text_content("#spoken")
    story.keyboard.press("ArrowRight")
    story.keyboard.press("ArrowLeft")
    at_card(story, cards - 1)
    story.keyboard.press("Home")
    at_card(story, 1)
    story.keyboard.press("End")
    at_card(story, cards)
    assert story.locator("#next").is_disabled()
    story.focus("#back")
    story.keyboard.press("Enter")
    at_card(story, cards - 1)


@pytest.mark.parametrize("button", ["right", "middle"])
def test_only_the_first_button_turns_the_page(story, button):
    story.click("#next")
    at_card(story, 2)
    story.click("#next", button=button)
    story.click("#back", button=button)
    story.click("#back", button=button)
    story.keyboard.press("ArrowRight")
    at_card(story, 3)


def test_that_nobody_is_left_is_told(browser, serve, tmp_path):
    engines = Engines(Settings(home=tmp_path))
    plays = [(1, "A", "Song", at("2024-05-05 05:05"), 60_000, "pop", "UTC")]
    source = own_source(engines.engine, write(tmp_path / "plays", plays, files=1))
    run_year(engines.engine, engines.lake, source, 2024, fixed_clock(DEMO_NOW))
    forget(engines.lake, 1)
    context = browser.new_context()
    page = context.new_page()
    page.goto(serve(build_app(engines, "wrapped")) + "/wrapped/")
    expect(page.locator("#problem")).to_contain_text("Nobody is left in the newest year")
    context.close()
    engines.close()


def swipe(page, start, end):
    """A finger across the card, as Chromium itself reports touches."""
    box = page.locator("#story").bounding_box()
    session = page.context.new_cdp_session(page)
    y = box["y"] + box["height"] / 2
    for kind, share in (
        ("touchStart", start),
        ("touchMove", (start + end) / 2),
        ("touchMove", end),
        ("touchEnd", None),
    ):
        points = [] if share is None else [{"x": box["x"] + box["width"] * share, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_the_story_is_told_by_touch(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    at_card(page, 1)
    swipe(page, 0.8, 0.2)
    at_card(page, 2)
    swipe(page, 0.8, 0.2)
    at_card(page, 3)
    swipe(page, 0.2, 0.8)
    at_card(page, 2)
    page.touchscreen.tap(300, 400)
    at_card(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_no_motion_for_those_who_want_none(story):
    story.emulate_media(reduced_motion="reduce")
    story.keyboard.press("ArrowRight")
    at_card(story, 2)
    assert story.evaluate("document.getAnimations().length") == 0


def test_the_text_is_set_in_the_bundled_fonts(story):
    story.evaluate("document.fonts.ready")
    assert story.evaluate("[...document.fonts].filter((f) => f.status === 'loaded').map((f) => f.family)")
    assert story.evaluate("document.fonts.check('40px InterDisplayBlack')")


def test_another_user_another_year_and_none_at_all(story):
    other = story.locator("#users option").nth(1).get_attribute("value")
    story.fill("#user", other)
    story.press("#user", "Enter")
    story.wait_for_url(re.compile(rf"user={other}&year=2026"))
    at_card(story, 1)
    with story.expect_download() as saved:
        story.click("#save")
    assert saved.value.suggested_filename == "wrapped-2026-opening.png"


def test_an_unknown_user_is_told_so(browser, address):
    context = browser.new_context()
    page = context.new_page()  # a 404 is a console error, so not the strict page
    page.goto(address + "?user=999999&year=2026")
    page.wait_for_selector("#problem:not([hidden])")
    assert "no plays of user 999999" in page.text_content("#problem")
    context.close()
