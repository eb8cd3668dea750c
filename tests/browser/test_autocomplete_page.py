"""The search box in a real browser: painted at each key, by keyboard, finger and input method; never a stale answer, never markup."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from autocomplete import index
from autocomplete.service import index_folder
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.autocomplete.by_hand import terms_of

pytestmark = pytest.mark.browser

NAMES = [
    ("Metallica", 900, "artist", "m"),
    ("Metal Heart", 100, "track", "h"),
    ("<img src=x onerror=alert(1)>", 50, "track", "x"),
    ("🎤 Metro & Söhne", 40, "show", "s"),
    ("宇多田ヒカル", 30, "artist", "u"),
]


@pytest.fixture
def box(page, serve, tmp_path):
    """The page, open, with its search box focused."""
    engines = Engines(Settings(home=tmp_path))
    index.save(index.build(terms_of(*NAMES)), index_folder(engines))
    page.goto(serve(build_app(engines)) + "/autocomplete/")
    page.locator("#search").focus()
    yield page
    engines.close()


def lines(page):
    return page.locator("#list li span").all_text_contents()


def type_and_wait(page, text):
    page.keyboard.type(text)
    page.wait_for_selector(f"#timing[data-query={json.dumps(page.locator('#search').input_value())}]")


def test_each_key_paints_and_typed_letters_are_marked(box):
    type_and_wait(box, "metalica")
    assert lines(box)[0] == "Metallica"
    assert box.locator("#list li").first.locator("mark").all_text_contents() == ["Metal", "ica"]
    assert box.locator("#list li small").first.text_content() == "artist"
    assert box.locator("#search").get_attribute("aria-expanded") == "true"
    assert box.locator("#count").text_content().endswith("suggestions")


def test_marks_count_code_points_and_titles_are_text(box):
    type_and_wait(box, "sohne")
    assert box.locator("#list mark").all_text_contents() == ["Söhne"]
    box.locator("#search").fill("img src")
    box.wait_for_selector('#timing[data-query="img src"]')
    assert lines(box) == ["<img src=x onerror=alert(1)>"]
    assert box.locator("#list img").count() == 0


def test_by_keyboard(box):
    type_and_wait(box, "met")
    box.keyboard.press("ArrowDown")
    box.keyboard.press("ArrowDown")
    assert box.locator("#search").get_attribute("aria-activedescendant") == "option-1"
    assert box.locator('#list li[aria-selected="true"] span').text_content() == lines(box)[1]
    second = lines(box)[1]
    box.keyboard.press("Enter")
    assert box.locator("#search").input_value() == second
    assert box.locator("#list").is_hidden()
    assert second in box.locator("#chosen").text_content()


def test_escape_closes_and_an_empty_box_has_no_list(box):
    type_and_wait(box, "met")
    box.keyboard.press("Escape")
    assert box.locator("#list").is_hidden()
    type_and_wait(box, "a")
    box.locator("#search").fill("")
    assert box.locator("#list").is_hidden()


def test_a_late_answer_is_never_painted(box):
    """The answer to the first key is held back until that of the second stands on the page."""
    held = []

    def hold(route):
        text = parse_qs(urlsplit(route.request.url).query)["q"][0]
        held.append(route) if text == "m" else route.continue_()

    box.route("**/autocomplete/suggest*", hold)
    with box.expect_request(lambda request: request.url.endswith("q=m")):
        box.keyboard.type("m")
    while not held:  # the request is out; wait until its route is in our hands
        box.wait_for_timeout(1)
    type_and_wait(box, "eta")
    painted = lines(box)
    for route in held:
        route.fulfill(
            json={"query": "m", "partial": False, "suggestions": [{"text": "STALE", "type": "", "spans": []}]}
        )
    assert held
    type_and_wait(box, "l")
    assert painted[0] == "Metallica"
    assert "STALE" not in lines(box)
    assert box.locator("#timing").get_attribute("data-query") == "metal"


def test_an_aborted_or_failed_request_leaves_the_list(page, box):
    type_and_wait(box, "met")
    before = lines(box)
    box.route("**/autocomplete/suggest*", lambda route: route.fulfill(status=200, body="no JSON"))
    box.keyboard.type("a")
    box.wait_for_selector("#list.stale")
    assert lines(box) == before
    assert "stale" in box.locator("#timing").text_content()


def test_nothing_is_asked_while_an_input_method_composes(box):
    asked = []
    box.on("request", lambda request: asked.append(request.url) if "suggest" in request.url else None)
    session = box.context.new_cdp_session(box)
    session.send("Input.imeSetComposition", {"text": "う", "selectionStart": 1, "selectionEnd": 1})
    session.send("Input.imeSetComposition", {"text": "宇多", "selectionStart": 2, "selectionEnd": 2})
    assert box.locator("#search").input_value() == "宇多"
    assert asked == []
    session.send("Input.insertText", {"text": "宇多"})
    box.wait_for_selector('#timing[data-query="宇多"]')
    assert lines(box) == ["宇多田ヒカル"]


def test_by_finger_on_a_phone(browser, box):
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    phone.goto(box.url)
    phone.locator("#search").tap()
    phone.keyboard.type("metalica")
    phone.wait_for_selector('#timing[data-query="metalica"]')
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.locator("#list li").first.bounding_box()["height"] >= 44
    phone.locator("#list li").first.tap()
    assert phone.locator("#search").input_value() == "Metallica"
    context.close()


def test_light_and_dark_differ_and_are_readable(box):
    seen = set()
    for scheme in ("light", "dark"):
        box.emulate_media(color_scheme=scheme)
        style = box.evaluate(
            "(() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; })()"
        )
        assert style[0] != style[1]
        seen.add(tuple(style))
    assert len(seen) == 2


def test_the_page_takes_nothing_inline_and_says_so(box):
    response = box.request.get(box.url)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "style=" not in response.text()
    assert "onclick" not in response.text()
