"""Ours beside tantivy, SymSpell, marisa-trie with rapidfuzz and fast-autocomplete, each as a function from what was typed to names.

The others are parts, not search boxes; the glue here is the shortest that uses them well.
SymSpell and fast-autocomplete take kilobytes a name and get only MOST_TERMS.
"""

import heapq
import sys
from importlib.metadata import Distribution
from itertools import groupby
from types import ModuleType

import numpy as np
import pytest

from autocomplete.search import ID
from autocomplete.suggest import Suggester
from tests.bench.autocomplete_stream import K, built

MOST_TERMS = 50_000


def ours(stream):
    suggester = Suggester(built(stream))
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
