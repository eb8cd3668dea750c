"""Over HTTP in an open loop, and from the key to the painted list in Chromium."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from itertools import groupby
from urllib.parse import quote

import numpy as np
import psutil
import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from autocomplete import index
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.bench.autocomplete_stream import built
from tests.browser.conftest import FLAGS

RATE = 1_000
SECONDS = {"tiny": 0.2, "small": 3, "full": 10}
CONNECTIONS = 16


@pytest.mark.parametrize("contestant", ["plain ASGI", "FastAPI"])
def test_http(benchmark, stream, bench_size, contestant, tmp_path, monkeypatch):
    """Open loop on loopback: a request every millisecond whether or not the last was answered; latency from when it was due."""
    folder = tmp_path / "autocomplete" / "index"
    index.save(built(stream), folder)
    verb = ["autocomplete", "serve"] if contestant == "plain ASGI" else ["console"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "shared", *verb, "--port", str(port)]
    with subprocess.Popen(
        command, env={**os.environ, "LINER_HOME": str(tmp_path)}, stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            texts = [typed for typed, _ in stream.queries]
            asyncio.run(open_loop(port, texts, 100))  # warm
            before = psutil.Process(server.pid).cpu_times()
            own = time.process_time()
            benchmark.group = "autocomplete-http"
            count = int(RATE * SECONDS[bench_size])
            latencies, errors = benchmark.pedantic(lambda: asyncio.run(open_loop(port, texts, count)), rounds=1)
            own = time.process_time() - own
            after = psutil.Process(server.pid).cpu_times()
        finally:
            server.terminate()
    assert errors == 0
    server_us = 1e6 * (after.user + after.system - before.user - before.system) / count
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    benchmark.extra_info.update(p50_ms=p50, p99_ms=p99, server_us=server_us, client_us=1e6 * own / count)
    benchmark.extra_info["show"] = {
        "requests a second": f"{RATE:,}",
        "p50": f"{p50:.2f} ms",
        "p99": f"{p99:.2f} ms",
        "server CPU a request": f"{server_us:.0f} µs",
        "client CPU a request": f"{1e6 * own / count:.0f} µs",
    }


def _wait_for(port):
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not come up")


async def open_loop(port, texts, count):
    """Send `count` requests, one every 1 / RATE seconds, over CONNECTIONS kept alive; latencies in seconds, and how many were not 200."""
    idle: asyncio.Queue = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    latencies, errors = [], []
    started = time.perf_counter()

    async def ask(due, text):
        reader, writer = await idle.get()
        writer.write(f"GET /autocomplete/suggest?q={quote(text)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - started - due)
        errors.extend([head] if not head.startswith(b"HTTP/1.1 200") else [])
        idle.put_nowait((reader, writer))

    asked = []
    for number in range(count):
        due = number / RATE
        await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
        asked.append(asyncio.create_task(ask(due, texts[number % len(texts)])))
    await asyncio.gather(*asked)
    while not idle.empty():
        idle.get_nowait()[1].close()
    return latencies, len(errors)


def test_browser(benchmark, stream, bench_size, tmp_path):
    """From the key to the painted list in Chromium, keys 80 ms apart."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the path")
    index.save(
        built(stream),
        tmp_path / "autocomplete" / "index",
    )
    app = build_app(Engines(Settings(home=tmp_path)), "autocomplete")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    names = [
        max(group, key=len) for _, group in groupby((typed for typed, _ in stream.queries), key=lambda typed: typed[0])
    ]
    benchmark.group = "autocomplete-browser"
    painted = benchmark.pedantic(
        lambda: type_names(chromium, listener.getsockname()[1], names[: len(stream.queries) // 20]), rounds=1
    )
    server.should_exit = True
    thread.join(10)
    listener.close()
    p50, p99 = np.percentile(painted, [50, 99])
    benchmark.extra_info.update(p50_ms=p50, p99_ms=p99, keys=len(painted))
    benchmark.extra_info["show"] = {
        "keys": f"{len(painted):,}",
        "key to paint p50": f"{p50:.1f} ms",
        "p99": f"{p99:.1f} ms",
    }


def type_names(chromium, port, names):
    """Milliseconds from key to paint, of every key."""
    painted = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/autocomplete/")
        box = page.locator("#search")
        for name in names:
            box.fill("")
            for end in range(1, len(name) + 1):
                page.keyboard.type(name[end - 1])
                text = name[:end]
                if text.strip():
                    page.wait_for_function("text => document.getElementById('timing').dataset.query === text", arg=text)
                    painted.append(float(page.locator("#timing").get_attribute("data-painted-ms")))
                page.wait_for_timeout(80)
        browser.close()
    return painted
