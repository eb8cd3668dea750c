"""The home slate in a real browser: reasons, the clock, «not this show» at once, a published episode, without a console error."""

import pytest

from podcast_recs.records import What
from podcast_recs.serving import save
from podcast_recs.setting import make_setting
from podcast_recs.store import Store, path_of
from podcast_recs.world import events_of
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    setting = make_setting("tiny", seed=1)
    save(path_of(home), setting.recommender, setting.encoder, list(events_of(setting.audience)), [])
    return home


@pytest.fixture
def opened(home, serve, page):
    engines = Engines(Settings(home=home))
    page.goto(serve(build_app(engines, "podcast_recs")) + "/podcast-recs/")
    page.wait_for_selector("#slate > li")
    yield page
    page.goto("about:blank")
    engines.close()


def episodes(page):
    return page.locator("#slate > li").evaluate_all("items => items.map(item => item.dataset.episode)")


def test_every_slot_has_a_reason_and_controls_ask_anew(opened):
    assert all(opened.locator("#slate .reason").all_text_contents())
    opened.select_option("#minutes", "20")
    opened.wait_for_selector("#slate[data-minutes='20']")
    shown = opened.locator("#slate small").all_text_contents()
    assert all(int(text.split(" · ")[2].split()[0]) <= 24 for text in shown)
    opened.focus("#hour")
    opened.keyboard.press("End")
    opened.wait_for_selector("#hour-text:has-text('23:00')")
    opened.check("input[value=relax]")
    opened.wait_for_selector("#status:has-text('episodes in')")


def test_not_this_show_counts_at_once(opened):
    first = opened.locator("#slate > li small").first.text_content().split(" · ")[0]
    opened.get_by_role("button", name="Not this show").first.click()
    opened.wait_for_selector(f"#status:has-text('No more of {first}')")
    assert first not in [text.split(" · ")[0] for text in opened.locator("#slate > li small").all_text_contents()]


def test_a_published_episode_is_found_and_stands_on_its_show_page(opened):
    opened.click("#publishing summary")
    opened.fill("#title", "Straight from the studio")
    opened.get_by_role("button", name="Publish").click()
    opened.wait_for_selector("#status:has-text('Published as')")
    opened.fill("#query", "straight from the studio")
    opened.get_by_role("button", name="Find").click()
    opened.wait_for_selector("#found li:has-text('Straight from the studio')")


def test_what_is_shown_is_reported(opened, home):
    opened.wait_for_selector("#status:has-text('episodes in')")
    shown = [int(episode) for episode in episodes(opened)]
    store = Store(path_of(home))
    events = list(store.events())[-len(shown) :]
    store.close()
    assert [(event.what, event.position, event.episode) for event in events] == [
        (What.SHOWN, position, episode) for position, episode in enumerate(shown)
    ]


def test_on_a_phone_nothing_runs_over(opened):
    opened.set_viewport_size({"width": 360, "height": 740})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
