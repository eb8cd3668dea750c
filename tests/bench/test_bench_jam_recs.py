"""A party's room under load: delivery by open loop, what durability costs, a stalled member, and two browsers.

Every contestant is the same server with one part exchanged (`jam_servers.py`), on the same machine as its client: two cores in all.
Latency runs from the moment at which a wish was due to its arrival at each member.
"""

import shutil
import time

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from jam_recs import records as r
from jam_recs.loadtest import load_server
from jam_recs.log import Log
from jam_recs.process import ServerProcess
from tests.bench.jam_servers import PARTS, Contestant
from tests.browser.conftest import FLAGS
from tests.browser.test_jam_recs_page import Person
from tests.jam_recs.home import publish

LOADS = {"tiny": (3, 40, 0.3), "small": (100, 500, 5), "full": (500, 2_000, 8)}
"""Rooms of six, wishes a second, seconds."""
LOGGED = {"tiny": 50, "small": 2_000, "full": 20_000}
VOTES = {"tiny": 5, "small": 100, "full": 300}
BATCH = 8
"""Ops that one group commit covers in the bench of logs: 4,000 a second in 2 ms."""


def show(benchmark, found):
    benchmark.extra_info.update(found)
    benchmark.extra_info["show"] = {
        "offered": f"{found['offered_events_s']:,} events/s",
        "delivered": f"{found['delivered_messages_s']:,} messages/s, {found['delivered_share']:.1%}",
        "p50": f"{found['p50_ms']:.2f} ms",
        "p99": f"{found['p99_ms']:.2f} ms",
        "order breaks": f"{found['order_breaks']:,}",
        "gaps": f"{found['gaps']:,}",
        "server": f"{found['server_us']:,} µs an event",
        "client": f"{found['client_us']:,} µs",
    }


@pytest.mark.parametrize("contestant", PARTS)
def test_delivery(benchmark, bench_size, contestant, tmp_path):
    rooms, rate, seconds = LOADS[bench_size]
    benchmark.group = "jam-delivery"
    with Contestant(contestant, tmp_path) as server:
        found = benchmark.pedantic(load_server, args=(server, rooms, 6, rate, seconds), rounds=1)
    show(benchmark, found)
    assert found["rejected"] == 0
    if contestant != "each socket awaited in turn":
        assert (found["order_breaks"], found["gaps"]) == (0, 0)
    if contestant in ("ours", "each socket awaited in turn"):  # a sync for each op may be too slow for what is offered
        assert found["delivered_share"] == 1.0


@pytest.mark.parametrize("contestant", ["nobody stalls", "one member in each tenth room stalls"])
def test_a_stalled_member(benchmark, bench_size, contestant, tmp_path):
    rooms, rate, seconds = LOADS[bench_size]
    stalled = 0 if contestant == "nobody stalls" else max(1, rooms // 10)
    benchmark.group = "jam-stalled"
    with Contestant("ours", tmp_path) as server:
        found = benchmark.pedantic(load_server, args=(server, rooms, 6, rate, seconds, stalled), rounds=1)
    show(benchmark, found)
    assert (found["order_breaks"], found["gaps"], found["rejected"]) == (0, 0, 0)


LOGS = {
    "ours: a sync a batch": "ours",
    "a sync for each op": "a sync for each op",
    "SQLite, WAL": "SQLite, WAL",
    "no sync": "no log",
}


@pytest.mark.parametrize("contestant", LOGS)
def test_log(benchmark, bench_size, contestant, tmp_path, monkeypatch):
    """Durable ops a second, in batches; none is refused."""
    monkeypatch.setattr(Log, "write", Log.write)  # undone after the test, whatever the contestant puts there
    log = Log(tmp_path / "rooms.log")
    PARTS[LOGS[contestant]]()
    count, batches = LOGGED[bench_size], []

    def append():
        for number in range(count):
            log.append_op(r.Op("room", 1, 1, number + 1, number, r.Vote(3, 1)))
            if number % BATCH == BATCH - 1:
                started = time.perf_counter()
                log.write(log.take())
                batches.append(time.perf_counter() - started)

    benchmark.group = "jam-log"
    benchmark.pedantic(append, rounds=1)
    log.close()
    p50, p99 = np.percentile(batches, [50, 99]) * 1000
    took = benchmark.stats.stats.total if benchmark.stats else sum(batches)
    benchmark.extra_info["show"] = {
        "ops a second": f"{count / took:,.0f}",
        "batch p50": f"{p50:.2f} ms",
        "batch p99": f"{p99:.2f} ms",
    }


def test_browser(benchmark, bench_size, tmp_path):
    """From a click on «up» in one Chromium to the number painted in another, both rendered on these two cores."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the path")
    publish(tmp_path)
    benchmark.group = "jam-browser"
    with ServerProcess(tmp_path) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        ann = Person(browser, "Ann").enter(f"http://{server.address}/jam-recs/", 0)
        ben = Person(browser, "Ben").enter(ann.page.locator("#link").get_attribute("href"), 1)
        ann.add("Song 100")
        ann.add("Song 101")
        seen = benchmark.pedantic(votes, args=(ann, ben, VOTES[bench_size]), rounds=1)
        assert ann.wrong == ben.wrong == []
        browser.close()
    p50, p99 = np.percentile(seen, [50, 99])
    benchmark.extra_info.update(p50_ms=p50, p99_ms=p99, votes=len(seen))
    benchmark.extra_info["show"] = {
        "votes": f"{len(seen):,}",
        "vote → painted elsewhere p50": f"{p50:.1f} ms",
        "p99": f"{p99:.1f} ms",
    }


CLICK = "() => { window.clickedAt = Date.now(); document.querySelector('#queue .up').click(); }"
WATCH = """() => new Promise((seen) => {
  const votes = document.querySelector('#queue .up b'), watcher = new MutationObserver(() => {
    watcher.disconnect();
    requestAnimationFrame(() => setTimeout(() => seen(Date.now()), 0));
  });
  watcher.observe(votes, { childList: true, characterData: true, subtree: true });
})"""


def votes(ann, ben, count):
    """Milliseconds from Ann's click to Ben's frame, on the machine's one clock."""
    took = []
    for _ in range(count):
        ben.page.evaluate(f"() => {{ window.seen = ({WATCH})(); }}")
        ann.page.evaluate(CLICK)
        took.append(ben.page.evaluate("() => window.seen") - ann.page.evaluate("() => window.clickedAt"))
        ben.page.wait_for_timeout(60)  # the member's rate limit
    return took
