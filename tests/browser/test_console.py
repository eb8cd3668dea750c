"""The landing page in a real browser: a card for every system, reachable by keyboard."""

import pytest

from shared import systems
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings

pytestmark = pytest.mark.browser


def test_a_card_for_every_system(page, serve, tmp_path):
    engines = Engines(Settings(home=tmp_path))
    page.goto(serve(build_app(engines)))
    page.wait_for_selector("#systems li")
    titles = page.locator("#systems li a, #systems li strong").all_text_contents()
    assert titles == [system.title for system in systems.installed()]
    page.keyboard.press("Tab")
    engines.close()
