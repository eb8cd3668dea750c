"""The ads page in a real browser: the slider, a decision and its reasons, the day played live; by keyboard, without a console error."""

import re

import pytest

from shared.bootstrap import Engines
from shared.clock import DEMO_NOW
from shared.console.app import build_app
from shared.settings import Settings
from tests.ad_targeting.small import publish_small, small_market

pytestmark = pytest.mark.browser
NOON = DEMO_NOW + 12 * 3_600_000


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    publish_small(folder, small_market())
    return folder


@pytest.fixture
def address(home, serve, page, monkeypatch):
    monkeypatch.setattr("ad_targeting.live.FRAME_SECONDS", 0.0)
    engines = Engines(Settings(home=home), lambda: NOON)
    yield serve(build_app(engines, "ad_targeting")) + "/ad-targeting/"
    page.goto("about:blank")
    engines.close()


def ask(page):
    page.focus("#slots")
    page.keyboard.press("Enter")
    page.wait_for_selector("#why table tr.served")


def test_the_slider_moves_the_point_by_keyboard(page, address):
    page.goto(address)
    page.wait_for_selector("#frontier .dot")
    before = page.locator("#point").inner_text()
    assert "+11.0 %" in before  # starts where revenue is best among what beats «fill every slot» on both axes
    assert "+1.0 points" in before
    page.focus("#kappa")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#kappa", "aria-valuetext") == "κ 0.5"
    assert page.locator("#point").inner_text() != before


def test_why_an_ad_was_shown_or_not(page, address):
    page.goto(address)
    page.wait_for_selector("#country option[value='US']", state="attached")
    ask(page)
    assert "the same bytes" in page.inner_text("#why p")
    assert page.locator("#why table tr").count() == 61
    whys = set(page.locator("#why table td:nth-child(3)").all_text_contents())
    assert {"played", "it is for other countries"} <= whys
    assert page.get_attribute("#decisions li:first-child button", "aria-pressed") == "true"
    page.select_option("#age", "")
    ask(page)
    page.wait_for_selector("#why td:has-text('may be, under 18')")
    page.focus("#decisions li:nth-child(2) button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#decisions li:nth-child(2) button[aria-pressed='true']")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_nothing_runs_over_the_edge(page, address, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    page.wait_for_selector("#frontier .dot")
    ask(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_before_a_demo_the_page_says_what_to_do(browser, serve, tmp_path):
    engines = Engines(Settings(home=tmp_path))
    page = browser.new_page()  # a 404 is a console error, and here it is right
    page.goto(serve(build_app(engines, "ad_targeting")) + "/ad-targeting/")
    page.wait_for_selector("#status:has-text('liner ad-targeting demo')")
    page.close()
    engines.close()


def test_the_day_is_played_live(page, address):  # the last one: it changes what the others look at
    page.goto(address)
    page.wait_for_selector("#pacing .ours", state="attached")
    page.click("#play")
    page.wait_for_selector("#status:has-text('Playing the day')")
    page.wait_for_selector("#play:not([disabled])", timeout=60_000)
    spent, budget = re.findall(r"€([\d,]+)", page.inner_text("#pacing-now"))
    assert 0 < int(spent.replace(",", "")) <= int(budget.replace(",", ""))
    assert page.locator("#decisions li").count() == 30
    page.select_option("#shown", index=1)
    page.wait_for_function("text => document.getElementById('pacing-now').textContent !== text", arg=f"€{spent}")
