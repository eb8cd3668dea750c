"""A party in two real browsers, which share nothing but the link: votes, skips, drags, a killed server, and not one console error."""

import json

import pytest

from jam_recs.process import ServerProcess
from tests.jam_recs.home import publish

pytestmark = pytest.mark.browser
LONG = 30_000
WISHED = """text => [...document.querySelectorAll('#queue .wished .title')].some((title) => title.textContent.startsWith(text)) || (
  document.querySelector('#now-title').textContent.startsWith(text) && document.querySelector('#now-whose').textContent.startsWith('wished')
)"""
"""A track that a person added; the room may have picked the same one a moment before."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    publish(home)
    with ServerProcess(home) as process:
        yield process


class Person:
    """A browser of one's own."""

    def __init__(self, browser, name, **context):
        self.context = browser.new_context(**context)
        self.page, self.wrong, self.expected = self.context.new_page(), [], ()
        self.page.on("console", lambda said: self.complain(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complain(str(error)))
        self.name = name

    def complain(self, text):
        if not any(part in text for part in self.expected):
            self.wrong.append(text)

    def enter(self, url, listener=None, minor=False):
        self.page.goto(url)
        self.page.fill("#name", self.name)
        if listener is not None:
            self.page.fill("#listener", str(listener))
        if minor:
            self.page.check("#minor")
        self.page.click("#enter")
        self.page.wait_for_selector("#room:not([hidden])", timeout=LONG)
        return self

    def items(self):
        return self.page.locator("#queue li").evaluate_all("rows => rows.map((row) => Number(row.dataset.item))")

    def add(self, text):
        self.page.fill("#search", text)
        self.page.get_by_role("button", name=f"Add {text} ·", exact=False).first.click()
        self.page.wait_for_function(WISHED, arg=f"{text} ·", timeout=LONG)

    def version(self):
        return int(self.page.locator("body").get_attribute("data-version"))


@pytest.fixture
def two(browser, server):
    """Ann, who made the party, and Ben, who followed her link; six songs are wished, one plays."""
    ann = Person(browser, "Ann").enter(f"http://{server.address}/jam-recs/", 0)
    ben = Person(browser, "Ben").enter(ann.page.locator("#link").get_attribute("href"), 1)
    for number in (100, 101, 102, 103):
        ann.add(f"Song {number}")
    same(ann, ben)
    yield ann, ben
    ann.context.close()
    ben.context.close()
    assert ann.wrong == ben.wrong == []


def same(*people):
    """Until all show one version, and then the same queue: its items."""
    for _ in range(LONG // 20):
        versions = {person.version() for person in people}
        queues = {tuple(person.items()) for person in people}
        if len(versions) == len(queues) == 1:
            return queues.pop()
        people[0].page.wait_for_timeout(20)
    raise AssertionError(versions, queues)


def wished(person):
    """The items that people added, which no refill touches."""
    return person.page.locator("#queue li.wished").evaluate_all("rows => rows.map((row) => Number(row.dataset.item))")


def up(person, item):
    return person.page.locator(f"#queue li[data-item='{item}'] .up")


def test_a_link_and_its_code_let_others_in(two):
    ann, ben = two
    ann.page.wait_for_function("() => document.querySelector('#qr').naturalWidth > 0", timeout=LONG)
    assert "#" in ann.page.locator("#link").get_attribute("href")
    for person in two:
        assert "Ben" in person.page.inner_text("#members")
    assert ben.page.locator("#host").is_hidden()
    assert ann.page.locator("#host").is_visible()
    assert ann.page.locator("#members meter").count() == 2


def test_votes_lift_and_both_see_it(two):
    ann, ben = two
    ann.page.wait_for_selector("#queue .whose:has-text('picked for')", timeout=LONG)
    last = wished(ben)[-1]
    up(ben, last).click()
    for person in two:
        person.page.wait_for_selector(f"#queue li:first-child[data-item='{last}'] .up b:has-text('1')", timeout=LONG)
    assert up(ben, last).get_attribute("aria-pressed") == "true"
    assert up(ann, last).get_attribute("aria-pressed") == "false"
    up(ben, last).click()
    for person in two:
        person.page.wait_for_selector(f"#queue li[data-item='{last}'] .up b:empty", state="attached", timeout=LONG)
    same(ann, ben)


def test_a_skip_is_seen_and_two_skip_one(two):
    ann, ben = two
    queue = same(ann, ben)
    playing = ann.page.locator("#skip").get_attribute("data-item")
    # Ben's thumb was on its way when Ann's skip reached him: both presses name the item that both saw.
    press = "seen => { const skip = document.querySelector('#skip'); skip.dataset.item = seen; skip.click(); }"
    for person in two:
        person.page.evaluate(press, playing)
    for person in two:
        person.page.wait_for_function(
            "old => document.querySelector('#skip').dataset.item !== old", arg=playing, timeout=LONG
        )
    same(ann, ben)
    assert ann.page.locator("#skip").get_attribute("data-item") == str(queue[0])


def test_drag_and_keys_reorder_for_both(two):
    ann, ben = two
    before = same(ann, ben)
    handle, target = (ann.page.locator("#queue li").nth(place).locator(".handle") for place in (0, 2))
    handle.scroll_into_view_if_needed()
    box, to = handle.bounding_box(), target.bounding_box()
    ann.page.mouse.move(box["x"] + 10, box["y"] + 10)
    ann.page.mouse.down()
    ann.page.mouse.move(to["x"] + 10, to["y"] + to["height"] - 2, steps=5)
    ann.page.mouse.up()
    ben.page.wait_for_function(
        "id => Number(document.querySelector('#queue li').dataset.item) !== id", arg=before[0], timeout=LONG
    )
    assert same(ann, ben)[:3] == (before[1], before[2], before[0])
    ann.page.locator("#queue li").nth(1).locator(".handle").focus()
    ann.page.keyboard.press("ArrowUp")
    ben.page.wait_for_function(
        "id => Number(document.querySelector('#queue li').dataset.item) === id", arg=before[2], timeout=LONG
    )
    assert same(ann, ben)[:3] == (before[2], before[1], before[0])
    assert ann.page.evaluate("document.activeElement.closest('li').dataset.item") == str(before[2])
    ben.page.wait_for_selector(f"#queue li[data-item='{before[0]}'] .handle:disabled")  # a guest, and Ann's track


def test_killed_and_started_again_nothing_is_lost(two, server):
    ann, ben = two
    for person in two:
        person.expected = ("WebSocket connection", "ERR_CONNECTION", "Failed to load")
    same(ann, ben)
    queue, version = wished(ann), ann.version()
    server.kill()
    ann.page.wait_for_selector("#status:has-text('Connection lost')", timeout=LONG)
    up(ben, queue[0]).click()  # while there is no server
    server.start()
    ann.page.wait_for_selector(f"#queue li[data-item='{queue[0]}'] .up b:has-text('1')", timeout=LONG)
    same(ann, ben)
    assert wished(ann) == wished(ben) == queue
    assert ann.version() > version
    ann.page.wait_for_function("() => document.querySelector('#status').textContent === ''", timeout=LONG)


def test_a_reload_comes_back_as_the_same_member(two):
    ann, ben = two
    ben.page.reload()
    ben.page.wait_for_selector("#room:not([hidden])", timeout=LONG)
    assert ben.page.inner_text("#members").count("Ben") == 1
    second = wished(ben)[1]
    up(ben, second).click()
    ann.page.wait_for_selector(f"#queue li:first-child[data-item='{second}'] .up b:has-text('1')", timeout=LONG)
    ann.page.reload()  # the host, whose card holds the link as well
    ann.page.wait_for_function("() => document.querySelector('#qr').naturalWidth > 0", timeout=LONG)
    ann.page.wait_for_selector(f"#queue li:first-child[data-item='{second}'] .up b:has-text('1')", timeout=LONG)
    same(ann, ben)


def test_the_host_hands_over_puts_out_and_leaves(browser, two):
    ann, ben = two
    kid = Person(browser, "<b>Kid</b> 🎈").enter(ann.page.locator("#link").get_attribute("href"), minor=True)
    ann.page.wait_for_selector("#members li:has-text('<b>Kid</b>')", timeout=LONG)
    assert not [said for said in kid.page.locator("#queue .whose").all_text_contents() if "explicit" in said]
    ann.page.get_by_role("button", name="Put <b>Kid</b> 🎈 out").click()
    kid.page.wait_for_selector("#room", state="hidden", timeout=LONG)
    assert "not in this room" in kid.page.inner_text("#status")
    kid.context.close()
    assert kid.wrong == []
    ann.page.get_by_role("button", name="Make Ben host").click()
    ben.page.wait_for_selector("#host:not([hidden])", timeout=LONG)
    ann.page.click("#leave")
    ben.page.wait_for_function("() => !document.querySelector('#members').textContent.includes('Ann')", timeout=LONG)


def test_the_slider_changes_whom_the_queue_serves(two):
    ann, ben = two
    ann.page.wait_for_selector("#queue .whose:has-text('picked for')", timeout=LONG)
    ann.page.fill("#alpha", "0")
    ann.page.wait_for_selector("#alpha-says:has-text('plain average')", timeout=LONG)
    assert json.loads(ann.page.evaluate("JSON.stringify(document.querySelectorAll('#queue .shares i').length)")) > 0
    same(ann, ben)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_nothing_runs_over_the_edge(browser, server, width, scheme):
    person = Person(browser, "Wide", viewport={"width": width, "height": 800}, color_scheme=scheme)
    person.enter(f"http://{server.address}/jam-recs/", 3)
    person.page.wait_for_selector("#queue li", timeout=LONG)
    assert person.page.evaluate("document.documentElement.scrollWidth") <= width
    person.context.close()
    assert person.wrong == []


def test_a_bad_link_is_answered_in_words(browser, server):
    person = Person(browser, "Lost")
    person.expected = ("403",)
    person.page.goto(f"http://{server.address}/jam-recs/#0123456789.forged.token")
    person.page.fill("#name", "Lost")
    person.page.click("#enter")
    person.page.wait_for_selector("#status.wrong:has-text('new link')", timeout=LONG)
    person.context.close()
    assert person.wrong == []
