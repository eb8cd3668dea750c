"""Keystrokes of mistyped names: ours beside Lucene, tantivy, SymSpell, marisa-trie + rapidfuzz and fast-autocomplete.

All contestants get the same folded names and weights, and answer the same keystrokes: every prefix of names with one or two typing errors.
Lucene's suggesters run as their documentation says, in a warm JVM; the others are in `autocomplete_peers.py`.
"""

import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.bench.autocomplete_peers import LIMITED, MOST_TERMS, PACKAGES, PEERS
from tests.bench.autocomplete_stream import K, answer_all, note

LUCENE = "9.12.0"
JARS = [
    Path.home() / f".m2/repository/org/apache/lucene/{name}/{LUCENE}/{name}-{LUCENE}.jar"
    for name in ("lucene-suggest", "lucene-core", "lucene-analysis-common")
]
INSTALL_LUCENE = f"mvn dependency:get -Dartifact=org.apache.lucene:lucene-suggest:{LUCENE}"


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
