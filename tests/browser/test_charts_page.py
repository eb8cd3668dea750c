"""The charts page in a real browser: moves live, by keyboard, without a console error or a request to anybody else."""

import json

import pytest

from charts.demo import WEEK
from shared.bootstrap import Engines
from shared.cli import main
from shared.console.app import build_app
from shared.settings import Settings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_world):
    """A finished demo of the tiny world; replays are quick."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINER_HOME", str(home))
        patch.setattr("shared.world.make_world", lambda *_: tiny_world)
        patch.setattr("charts.demo.FRAME_SECONDS", 0.05)
        assert main(["charts", "demo", "--size", "tiny", "--json"]) == 0
        yield home


@pytest.fixture
def address(home, serve, page):
    engines = Engines(Settings(home=home))
    yield serve(build_app(engines, "charts")) + "/charts/"
    page.goto("about:blank")  # leave before the server does, or the live stream reports its absence
    engines.close()


def artists(page):
    return page.locator("#rows td button").all_text_contents()


def test_a_chart_by_keyboard(page, address):
    page.goto(address)
    page.wait_for_selector("#rows tr:nth-child(50)")
    assert "provisional" in page.inner_text("#status")
    worldwide = artists(page)
    page.wait_for_selector("#week option[value='2026-11-13']", state="attached")
    page.focus("#week")
    page.select_option("#week", WEEK)
    page.wait_for_selector("#status:has-text('corrected, revision 2')")
    page.select_option("#scope", "US")
    page.wait_for_selector("#caption:has-text('United States')")
    assert artists(page) != worldwide
    page.focus("#rows tr:nth-child(3) button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#history li")
    assert page.locator("#history h2").text_content() == artists(page)[2]
    assert page.get_attribute("#rows tr:nth-child(3) button", "aria-pressed") == "true"
    assert page.locator("#bump .chosen").count() == 1
    assert page.get_attribute("#csv", "href") == f"/charts/US/{WEEK}.csv"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_nothing_runs_over_the_edge(page, address, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    page.wait_for_selector("#bump path")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_history_is_of_the_artist_chosen_last(page, address):
    page.goto(address)
    page.wait_for_selector("#rows tr:nth-child(50)")
    held = []
    page.route("**/artists/*", lambda route: held.append(route) if not held else route.continue_())
    page.click("#rows tr:nth-child(1) button")
    page.click("#rows tr:nth-child(2) button")
    page.wait_for_selector("#history h2")
    with page.expect_response("**/artists/*"):
        held[0].continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator("#history h2").text_content() == artists(page)[1]
    assert page.get_attribute("#rows tr:nth-child(2) button", "aria-pressed") == "true"


def test_the_ranks_before_are_drawn_anew_when_a_correction_changes_no_rank_of_this_week(page, address):
    """Two frames of one chart: the second knows a week before that was corrected meanwhile."""
    rows = {"rank": 1, "artist_id": "1", "units": 6, "status": "same", "weeks": 2}
    frames = [
        {"scope": "global", "week": "2026-11-20", "state": "provisional", "revision": 0, "rows": [{**rows, **changed}]}
        for changed in ({"artist": "A", "last_week": 2, "peak": 1}, {"artist": "A", "last_week": 1, "peak": 1})
    ]
    answers = iter([[2, 1], [1, 1]])
    events = iter([*(f"data: {json.dumps(frame)}\n\n" for frame in frames)])
    page.route(
        "**/live",
        lambda route: route.fulfill(content_type="text/event-stream", body="retry: 50\n" + next(events, "\n")),
    )
    page.route("**/bump?*", lambda route: route.fulfill(json=bump_of(next(answers))))
    page.goto(address)
    page.wait_for_selector("#bump circle")
    page.wait_for_selector("#bump circle[cy='59']", state="detached")  # rank 2


def bump_of(ranks):
    return {
        "scope": "global",
        "weeks": ["2026-11-13", "2026-11-20"],
        "artists": [{"artist": "A", "artist_id": "1", "ranks": ranks}],
    }


def test_no_charts_yet_says_what_to_do(browser, serve, tmp_path):
    engines = Engines(Settings(home=tmp_path))
    page = browser.new_page()  # a 404 is a console error, and here it is right
    page.goto(serve(build_app(engines, "charts")) + "/charts/")
    page.wait_for_selector("#status:has-text('Replay a week')")
    page.close()
    engines.close()


def test_a_replay_moves_the_chart_live(page, address):  # the last one: it changes the run that the others look at
    page.goto(address)
    page.wait_for_selector("#status:has-text('2026-11-20: provisional')")
    page.click("#replay")
    page.wait_for_selector("#status:has-text('2026-11-13: provisional')", timeout=30_000)
    page.wait_for_selector("#status:has-text('2026-11-20: provisional')", timeout=30_000)
