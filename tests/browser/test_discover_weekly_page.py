"""Discover Weekly's page in a real browser: a list by keyboard, reasons as text, an unknown listener in words."""

import pytest

from discover_weekly.demo import run_files
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.discover_weekly.by_hand import HEALTHY, write_files

pytestmark = pytest.mark.browser


@pytest.fixture
def address(serve, tmp_path):
    def markup(rows):
        for row in rows:
            row["title"] = f"<b>Song</b> {row['track_id']}"

    run_files(*map(str, write_files(tmp_path, HEALTHY, spoil_tracks=markup)), "2026-W48", str(tmp_path / "out"), 1)
    engines = Engines(Settings(home=tmp_path / "out"))
    yield serve(build_app(engines)) + "/discover-weekly/"
    engines.close()


def test_a_list_with_reasons_as_text(page, address):
    page.goto(address)
    page.wait_for_selector("#tracks li")
    assert "Week 2026-W48" in page.text_content("#said")
    assert "<b>Song</b>" in page.text_content("#tracks li")
    assert page.locator("#tracks small").first.text_content()


def test_another_listener_by_keyboard(page, address):
    page.goto(address)
    page.wait_for_selector("#tracks li")
    first = page.text_content("#tracks")
    page.focus("#user")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.querySelector('#tracks').textContent !== before", arg=first)
    assert page.locator("#tracks li").count() > 0
