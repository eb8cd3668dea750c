"""The copyright page in a real browser: the alarm rises while the demo runs, evidence by keyboard, own files, and what fails."""

import io

import numpy as np
import pytest
import soundfile

from copyright_detect import demo, gateway
from copyright_detect.records import SAMPLE_RATE
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.copyright_detect.uploads import small_demo

pytestmark = pytest.mark.browser
LOADED = """new Promise((done) => {
  const picture = document.getElementById("picture");
  if (picture.complete && picture.naturalWidth) done(picture.naturalWidth);
  else picture.onload = () => done(picture.naturalWidth);
})"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_world):
    """A home whose demo has its songs; a podcast's second passes quickly."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        small_demo(patch, tiny_world)
        patch.setattr(gateway, "DEMO_PACE_S", 0.05)
        demo.index_world(home / "copyright_detect" / "world-tiny-1", tiny_world, 1, quiet=True)
        yield home


@pytest.fixture
def address(home, serve, page):
    engines = Engines(Settings(home=home))
    yield serve(build_app(engines, "copyright_detect")) + "/copyright-detect/"
    page.goto("about:blank")
    engines.close()


def as_file(samples):
    out = io.BytesIO()
    soundfile.write(out, samples, SAMPLE_RATE, format="WAV")
    return {"name": "episode.wav", "mimeType": "audio/wav", "buffer": out.getvalue()}


def test_the_alarm_rises_while_the_demo_runs_and_the_evidence_opens_by_keyboard(page, address):
    page.goto(address)
    page.select_option("#level", "-15")
    page.focus("#demo")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status.alarm:has-text('005 '):has-text('and listening on')", timeout=60_000)
    assert page.locator("#waveform .match.provisional, #waveform .match.extended").count() >= 1
    assert page.locator("#waveform .heard").count() == 1
    page.wait_for_selector("#status:has-text('Upload complete: 1:40 heard, 3 matches.')", timeout=60_000)
    assert page.locator("#waveform .match.closed").count() == 3
    assert "US: monetise" in page.inner_text("#territories")
    page.focus("#rows tr:nth-child(2) button")
    page.keyboard.press("Enter")
    assert page.evaluate(LOADED) == 1120
    assert page.evaluate("document.activeElement.id") == "evidence"
    assert page.get_attribute("#rows tr:nth-child(2) button", "aria-pressed") == "true"
    assert page.locator("#waveform .match.chosen").count() == 1
    for sound in ("#upload-sound", "#reference-sound"):
        answer = page.request.get(address.removesuffix("/copyright-detect/") + page.get_attribute(sound, "src"))
        assert answer.headers["content-type"] == "audio/wav"
    record = page.request.get(address.removesuffix("/copyright-detect/") + page.get_attribute("#record", "href")).json()
    assert record["match"]["reference"].startswith("005 ")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_nothing_runs_over_the_edge(page, address, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    page.wait_for_selector("#earlier option:nth-child(2)", state="attached")
    page.select_option("#earlier", index=1)
    page.click("#rows tr:nth-child(2) button")
    page.evaluate(LOADED)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_own_file_is_sent_in_parts_and_heard(page, address, tiny_world):
    page.goto(address)
    page.set_input_files("#file", as_file(demo.podcast(tiny_world, 1)[: 50 * SAMPLE_RATE]))
    page.fill("#show", demo.SHOW)
    page.click("#send")
    page.wait_for_selector("#status:has-text('Upload complete: 0:50 heard, 2 matches.')", timeout=60_000)
    page.click("#waveform .match >> nth=1")
    assert "005 " in page.inner_text("#evidence-title")
    page.click("summary")
    assert "Eastside Publishing asks monetise" in page.inner_text("#audit")


def test_silence_and_noise_are_said_to_be_what_they_are(page, address):
    page.goto(address)
    page.set_input_files("#file", as_file(np.zeros(3 * SAMPLE_RATE, np.float32)))
    page.click("#send")
    page.wait_for_selector("#status:has-text('Upload complete: 0:03 heard, 0 matches.')", timeout=30_000)
    assert page.is_hidden("#matches")
    page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no sound at all\n" * 99})
    page.click("#send")
    page.wait_for_selector("#status.alarm:has-text('Failed: the file')", timeout=30_000)


def test_nothing_is_indexed_yet_says_what_to_do(browser, serve, tmp_path):
    engines = Engines(Settings(home=tmp_path))
    page = browser.new_page()  # a 404 is a console error, and here it is right
    page.goto(serve(build_app(engines, "copyright_detect")) + "/copyright-detect/")
    page.click("#send")
    page.wait_for_selector("#status.alarm:has-text('Choose a file first.')")
    page.set_input_files("#file", as_file(np.zeros(SAMPLE_RATE, np.float32)))
    page.click("#send")
    page.wait_for_selector("#status.alarm:has-text('play the demo first')")
    page.close()
    engines.close()
