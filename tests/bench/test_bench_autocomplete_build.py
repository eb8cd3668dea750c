"""From folded names to an index that another process maps."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from autocomplete import index, words
from autocomplete.trie import build_from_text
from tests.bench.autocomplete_stream import built


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
    made = built(stream)
    index.save(made, tmp_path)
    measured = subprocess.run([sys.executable, "-c", MAP, str(tmp_path)], capture_output=True, text=True, check=True)
    mapped_ms = float(measured.stdout)
    benchmark.extra_info.update(mapped_ms=mapped_ms, bytes_per_term=made.bytes / count)
    benchmark.extra_info["show"] = {
        "names": f"{count:,}",
        "letters a name": f"{np.mean([len(name) for name in stream.names]):.0f}",
        "bytes a name": f"{made.bytes / count:.0f}",
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
