"""Keystrokes of mistyped names: ours beside Lucene, tantivy, SymSpell, marisa-trie + rapidfuzz and fast-autocomplete; build, HTTP, browser.

All contestants get the same folded names and weights, and answer the same keystrokes: every prefix of names with one or two typing errors.
Lucene's suggesters run as their documentation says, in a warm JVM. tantivy, SymSpell, marisa-trie and rapidfuzz are parts, not search
boxes: the glue here is the shortest that uses them well. SymSpell and fast-autocomplete take kilobytes a name and get only MOST_TERMS.
"""

import asyncio
import heapq
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import Distribution, version
from itertools import groupby
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import numpy as np
import psutil
import pyarrow as pa
import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from autocomplete import index, words
from autocomplete.edits import edits_allowed
from autocomplete.evaluate import evaluate_file
from autocomplete.folding import fold, to_symbols
from autocomplete.pipeline import build_from_file
from autocomplete.search import ID, NO_FLOOR, best_first, workspace
from autocomplete.suggest import Suggester
from autocomplete.trie import build_from_text
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from shared.world.names import artist_names, titles
from shared.world.searches import BACKSPACE, mistype, prefixes
from tests.autocomplete.by_hand import terms_of
from tests.browser.conftest import FLAGS

TERMS = {"tiny": 2_000, "small": 100_000, "full": 1_000_000}
KEYSTROKES = {"tiny": 30, "small": 400, "full": 1_000}
MOST_TERMS = 50_000
K = 5
LUCENE = "9.12.0"
JARS = [
    Path.home() / f".m2/repository/org/apache/lucene/{name}/{LUCENE}/{name}-{LUCENE}.jar"
    for name in ("lucene-suggest", "lucene-core", "lucene-analysis-common")
]
INSTALL_LUCENE = f"mvn dependency:get -Dartifact=org.apache.lucene:lucene-suggest:{LUCENE}"


class Stream:
    """Names with weights, heaviest first, and keystrokes with the name that was meant."""

    def __init__(self, terms: int, keystrokes: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(11))
        languages = rng.choice(["en", "en", "en", "de", "fr", "es", "sv", "ja"], terms).tolist()
        names: dict[str, None] = {}
        while len(names) < terms:
            ways = (artist_names(rng, languages), titles(rng, languages), artist_names(rng, languages))
            names.update(
                (fold(f"{artist} {title}" if at % 2 else other), None)
                for at, (artist, title, other) in enumerate(zip(*ways, strict=True))
            )
        self.names = [name for name in names if name][:terms]
        self.weights = (1e7 / np.arange(1, terms + 1) ** 0.9 + 1).astype(np.int64)
        self.queries = list(self._keystrokes(rng, keystrokes))

    def _keystrokes(self, rng, count):
        while count > 0:
            name = self.names[int(rng.zipf(1.3)) % len(self.names)]
            typed = name[:24]
            for _ in range(1 + int(rng.random() < 0.5)):
                typed = mistype(typed, rng.random(4).tolist(), False) if len(typed) > 4 else typed
            for text in prefixes(typed.replace(BACKSPACE, ""))[:count]:
                if text.strip():
                    yield text, name
            count -= len(typed)


@pytest.fixture(scope="module")
def stream(bench_size):
    return Stream(TERMS[bench_size], KEYSTROKES[bench_size])


def ours(stream):
    suggester = Suggester(index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True))))
    suggester.warm_up()
    return lambda typed: [suggester.index.text(term) for term in suggester.ranked(typed, K)[0][:, ID].tolist()]


def tantivy(stream):
    engine = pytest.importorskip("tantivy", reason="pip install 'linernotes[peers]'")
    schema = engine.SchemaBuilder().add_text_field("name", stored=True, tokenizer_name="raw")
    schema = schema.add_integer_field("weight", fast=True).build()
    built = engine.Index(schema)
    writer = built.writer(200_000_000, 1)
    for name, weight in zip(stream.names, stream.weights.tolist(), strict=True):
        writer.add_document(engine.Document(name=name, weight=weight))
    writer.commit()
    writer.wait_merging_threads()
    built.reload()
    searcher = built.searcher()

    def ask(typed):
        found: list[str] = []
        for edits in range(0 if len(typed) < 3 else 2 if len(typed) < 6 else 3):
            query = engine.Query.fuzzy_term_query(schema, "name", typed, edits, True, True)
            for _, address in searcher.search(query, K, count=False, order_by_field="weight").hits:
                name = searcher.doc(address)["name"][0]
                found += [name] if name not in found else []
            if len(found) >= K:
                break
        return found[:K]

    return ask


def symspell(stream):
    """Every prefix of up to 12 letters is a word of the dictionary; its best names are kept beside it."""
    library = pytest.importorskip("symspellpy", reason="pip install 'linernotes[peers]'")
    dictionary = library.SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
    best: dict[str, list[str]] = {}
    for name, weight in zip(stream.names[:MOST_TERMS], stream.weights[:MOST_TERMS].tolist(), strict=True):
        for end in range(1, min(len(name), 12) + 1):
            names = best.setdefault(name[:end], [])
            if len(names) < K:
                names.append(name)
                dictionary.create_dictionary_entry(name[:end], weight if len(names) == 1 else 0)

    def ask(typed):
        edits = 0 if len(typed) < 3 else 1 if len(typed) < 6 else 2
        found: list[str] = []
        for item in dictionary.lookup(typed[:12], library.Verbosity.ALL, edits):
            found += [name for name in best[item.term] if name not in found]
            if len(found) >= K:
                break
        return found[:K]

    return ask


def marisa_rapidfuzz(stream):
    """The trie for exact prefixes; when it has too few, rapidfuzz over the beginnings of the names with the first letter."""
    marisa = pytest.importorskip("marisa_trie", reason="pip install 'linernotes[peers]'")
    fuzz = pytest.importorskip("rapidfuzz", reason="pip install 'linernotes[peers]'")
    trie = marisa.Trie(stream.names)
    weight = np.zeros(len(trie), np.int64)
    for name, value in zip(stream.names, stream.weights.tolist(), strict=True):
        weight[trie[name]] = value
    by_letter = {letter: list(names) for letter, names in groupby(sorted(stream.names), key=lambda name: name[0])}

    def ask(typed):
        found = heapq.nlargest(K, trie.keys(typed), key=lambda name: weight[trie[name]])
        if len(found) < K and len(typed) > 2:
            names = by_letter.get(typed[0], [])
            edits = 1 if len(typed) < 6 else 2
            cut = [name[: len(typed)] for name in names]
            near = fuzz.process.extract(typed, cut, scorer=fuzz.distance.OSA.distance, score_cutoff=edits, limit=None)
            ranked = sorted(near, key=lambda item: (item[1], -weight[trie[names[item[2]]]]))
            found += [names[at] for _, _, at in ranked if names[at] not in found]
        return found[:K]

    return ask


def fast_autocomplete(stream):
    fuzz = pytest.importorskip("rapidfuzz", reason="pip install 'linernotes[peers]'")
    gone, distance = (
        ModuleType("pkg_resources"),
        ModuleType("Levenshtein"),
    )  # setuptools dropped the one, the other is rapidfuzz
    gone.get_distribution, distance.distance = Distribution.from_name, fuzz.distance.Levenshtein.distance
    for module in (gone, distance):
        sys.modules.setdefault(module.__name__, module)
    library = pytest.importorskip("fast_autocomplete", reason="pip install 'linernotes[peers]'")
    names = zip(stream.names[:MOST_TERMS], stream.weights[:MOST_TERMS].tolist(), strict=True)
    box = library.AutoComplete(words={name: {"count": weight} for name, weight in names})
    return lambda typed: [" ".join(words) for words in box.search(word=typed, max_cost=2, size=K)]


PEERS = {
    "linernotes": ours,
    "tantivy, fuzzy prefix": tantivy,
    "SymSpell over prefixes": symspell,
    "marisa-trie + rapidfuzz": marisa_rapidfuzz,
    "fast-autocomplete": fast_autocomplete,
}
LIMITED = ("SymSpell over prefixes", "fast-autocomplete")
PACKAGES = ("marisa-trie", "rapidfuzz", "symspellpy", "tantivy", "fast-autocomplete")


def answer_all(benchmark, group, stream, ask):
    """Ask every keystroke, timed one by one and together: (microseconds, answers)."""
    times: list[float] = []
    answers: list[list[str]] = []

    def run():
        times.clear()
        answers.clear()
        for typed, _ in stream.queries:
            began = time.thread_time_ns()
            answers.append(ask(typed))
            times.append((time.thread_time_ns() - began) / 1000)

    benchmark.group = group
    ask(stream.queries[0][0])
    benchmark.pedantic(run, rounds=1)
    assert all(len(answer) <= K and len(set(answer)) == len(answer) for answer in answers)
    return times, answers


def note(benchmark, stream, terms, built_s, times_us, answers):
    """What stands beside the time: quality, the distribution of CPU time a call, the build."""
    found = [wanted in answer for (_, wanted), answer in zip(stream.queries, answers, strict=True)]
    long = [hit for (typed, _), hit in zip(stream.queries, found, strict=True) if len(typed) >= 6]
    p50, p99 = np.percentile(times_us, [50, 99])
    benchmark.extra_info.update(terms=terms, keystrokes=len(found), build_s=built_s, p50_us=p50, p99_us=p99)
    benchmark.extra_info["success@5"] = float(np.mean(found))
    benchmark.extra_info["show"] = {
        "names": f"{terms:,}",
        "CPU a keystroke p50": f"{p50:,.0f} µs",
        "p99": f"{p99:,.0f} µs",
        "success@5": f"{np.mean(found):.3f}",
        "from 6 letters": f"{np.mean(long):.3f}",
        **({} if built_s is None else {"build": f"{built_s:.1f} s"}),
    }


@pytest.mark.parametrize("contestant", PEERS)
def test_keystrokes(benchmark, stream, contestant):
    """The whole stream of keystrokes, one after the other."""
    started = time.perf_counter()
    ask = PEERS[contestant](stream)
    built_s = time.perf_counter() - started
    times, answers = answer_all(benchmark, "autocomplete-keystrokes", stream, ask)
    benchmark.extra_info["versions"] = {name: version(name) for name in PACKAGES}
    note(
        benchmark,
        stream,
        min(len(stream.names), MOST_TERMS if contestant in LIMITED else 1 << 60),
        built_s,
        times,
        answers,
    )


def scan(stream, _):
    """Every name, every time."""
    return lambda typed: [name for name in stream.names if name.startswith(typed)][:K]


def without_errors(_, suggester):
    """The best of each subtree, no edits."""
    return lambda typed: _names(suggester, suggester.ranked(typed, K, False)[0])


def with_errors(_, suggester):
    """Edits, names only from their beginning."""
    found, work = np.zeros((K, 4), np.int64), workspace()
    names, scores = suggester.index.names, suggester.index.scores

    def ask(typed):
        query = to_symbols(typed)
        count = best_first(names, scores, query, edits_allowed(len(query)), False, NO_FLOOR, found, work)
        return _names(suggester, found[:count])

    return ask


def with_words(_, suggester):
    """Everything: words too, and a guess when nothing was found."""
    return lambda typed: _names(suggester, suggester.ranked(typed, K)[0])


def _names(suggester, rows):
    return [suggester.index.text(term) for term in rows[:, ID].tolist()]


STEPS = {
    "scan and sort": scan,
    "+ trie with the best of each subtree": without_errors,
    "+ edits, best first": with_errors,
    "+ words and guesses": with_words,
}


@pytest.mark.parametrize("contestant", STEPS)
def test_steps(benchmark, stream, contestant):
    """What each step of the answer is worth, on the same keystrokes."""
    suggester = Suggester(index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True))))
    suggester.warm_up()
    times, answers = answer_all(benchmark, "autocomplete-steps", stream, STEPS[contestant](stream, suggester))
    note(benchmark, stream, len(stream.names), None, times, answers)


@pytest.mark.parametrize("contestant", ["Lucene, exact", "Lucene, 1 edit", "Lucene, 2 edits"])
def test_keystrokes_lucene(benchmark, stream, contestant, tmp_path):
    """The same stream in a JVM that has answered it twice before."""
    if not all(jar.exists() for jar in JARS):
        pytest.skip(INSTALL_LUCENE)
    edits = {"Lucene, exact": "0", "Lucene, 1 edit": "1", "Lucene, 2 edits": "2"}[contestant]
    keys = (f"{name}\t{weight}" for name, weight in zip(stream.names, stream.weights.tolist(), strict=True))
    (tmp_path / "keys.tsv").write_text("\n".join(keys), encoding="utf-8")
    (tmp_path / "queries.txt").write_text("\n".join(typed for typed, _ in stream.queries), encoding="utf-8")
    java = ["java", "-Xmx4g", "-cp", ":".join(map(str, JARS)), str(Path(__file__).parent / "lucene" / "Suggest.java")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [*java, str(tmp_path / "keys.tsv"), str(tmp_path / "queries.txt"), edits, str(K)]
    with subprocess.Popen(command, **pipes, text=True, encoding="utf-8") as process:
        built_ms, used = process.stdout.readline().split("\t")

        def run():
            process.stdin.write("again\n")
            process.stdin.flush()
            return [process.stdout.readline().rstrip("\n").split("\t") for _ in stream.queries]

        run(), run()
        benchmark.group = "autocomplete-keystrokes"
        lines = benchmark.pedantic(run, rounds=1)
        process.stdin.close()
    times = [int(line[0]) / 1000 for line in lines]
    benchmark.extra_info["versions"] = {"lucene": LUCENE}
    benchmark.extra_info["index_bytes"] = int(used)
    note(benchmark, stream, len(stream.names), int(built_ms) / 1000, times, [line[1:] for line in lines])


@pytest.mark.parametrize("contestant", ["linernotes", "marisa-trie"])
def test_build(benchmark, stream, contestant, tmp_path):
    """From folded keys to an index; ours has the weights, the words and the display texts in it, and is then mapped by another process."""
    if contestant == "marisa-trie":
        marisa = pytest.importorskip("marisa_trie", reason="pip install 'linernotes[peers]'")
        benchmark.group = "autocomplete-build"
        trie = benchmark.pedantic(lambda: marisa.Trie(stream.names), rounds=1)
        trie.save(str(tmp_path / "names.marisa"))
        per_term = (tmp_path / "names.marisa").stat().st_size / len(trie)
        benchmark.extra_info["show"] = {
            "names": f"{len(trie):,}",
            "bytes a name": f"{per_term:.0f}",
            "holds": "names, unranked",
        }
        return
    keys, count = pa.array(stream.names), len(stream.names)
    scores = index.scores_of(np.sort(stream.weights.astype(float))[::-1])
    owners = np.arange(count, dtype=np.int32)
    build_from_text(keys[:1000], owners[:1000]), words.build(keys[:1000], scores[:1000], {})  # compile
    benchmark.group = "autocomplete-build"
    benchmark.pedantic(lambda: (build_from_text(keys, owners), words.build(keys, scores, {})), rounds=1)
    built = index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True)))
    index.save(built, tmp_path)
    measured = subprocess.run([sys.executable, "-c", MAP, str(tmp_path)], capture_output=True, text=True, check=True)
    mapped_ms = float(measured.stdout)
    benchmark.extra_info.update(mapped_ms=mapped_ms, bytes_per_term=built.bytes / count)
    benchmark.extra_info["show"] = {
        "names": f"{count:,}",
        "letters a name": f"{np.mean([len(name) for name in stream.names]):.0f}",
        "bytes a name": f"{built.bytes / count:.0f}",
        "holds": "names, display text, weights, words",
        "mapped by another process in": f"{mapped_ms:.1f} ms",
    }


MAP = """
import sys, time
from pathlib import Path
from autocomplete.index import load
started = time.perf_counter()
load(Path(sys.argv[1]))
print((time.perf_counter() - started) * 1000)
"""
DATA = Path(os.environ.get("LINER_AUTOCOMPLETE_DATA", "."))
"""A folder of `terms.tsv` and `NAME.queries.tsv` files: recorded misspellings, which are other people's and not in this repository."""
RATE = 1_000
SECONDS = {"tiny": 0.2, "small": 3, "full": 10}
CONNECTIONS = 16


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return Suggester(build_from_file(DATA / "terms.tsv", tmp_path_factory.mktemp("recorded")))


@pytest.mark.parametrize(
    "contestant", [path.name.removesuffix(".queries.tsv") for path in sorted(DATA.glob("*.queries.tsv"))]
)
def test_recorded_misspellings(benchmark, recorded, contestant):
    """`liner autocomplete evaluate` on each file."""
    benchmark.group = "autocomplete-misspellings"
    report = benchmark.pedantic(lambda: evaluate_file(recorded, DATA / f"{contestant}.queries.tsv"), rounds=1)
    exact, cpu = report["exact_only"], report["cpu_us"]
    benchmark.extra_info.update(report)
    benchmark.extra_info["show"] = {
        "queries": f"{report['n']:,}",
        "success@1": f"{report['success@1']:.4f}",
        "success@5": f"{report['success@5']:.4f}",
        "exact only @1": f"{exact['success@1']:.4f}",
        "exact only @5": f"{exact['success@5']:.4f}",
        "CPU p50": f"{cpu['p50']:.0f} µs",
        "p99": f"{cpu['p99']:.0f} µs",
        "p99.9": f"{cpu['p99.9']:.0f} µs",
    }


@pytest.mark.parametrize("contestant", ["plain ASGI", "FastAPI"])
def test_http(benchmark, stream, bench_size, contestant, tmp_path, monkeypatch):
    """Open loop on loopback: a request every millisecond whether or not the last was answered; latency from when it was due."""
    folder = tmp_path / "autocomplete" / "index"
    index.save(index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True))), folder)
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
        index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True))),
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
