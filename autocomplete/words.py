"""Names by their words: a word that is not the first (`hendrix`), and words in any order (`garfunkel simon`).

The trie of names answers from the first letter on. The rest goes through an inverted index: each distinct word with the ids of the names
that hold it. Ids are ranks by weight, so a posting list is sorted best first and an intersection may stop early (Gog, Pibiri, Venturini,
«Efficient and effective query auto-completion», SIGIR 2020). The words stand in a trie of their own, searched by the same `best_first`;
a word weighs what the best name with it weighs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from autocomplete.edits import SPACE
from autocomplete.search import HOW, ID, NO_FLOOR, PENALTY_SPENT, SCORE, best_first
from autocomplete.trie import Trie, build_from_text

MAX_WORDS = 8
READINGS = 16
"""Words of the index that the last typed word, a prefix, may stand for when other words are typed too."""
LONGEST_LIST = 4096
"""Names tried of the rarest word: the heaviest."""
WORD_START_PENALTY = 5000
ANY_ORDER_PENALTY = 5000
BY_NAME, BY_WORD, BY_WORDS = 0, 1, 2


class Words(NamedTuple):
    """The inverted index. Word ids are in order of the best name that holds the word."""

    trie: Trie
    scores: npt.NDArray[np.int32]  # (words,) score of the word's best name
    starts: npt.NDArray[np.int32]  # (words + 1,) where each word's postings begin
    postings: npt.NDArray[np.int32]  # ids of the names with the word, ascending


def build(folded: pa.StringArray, scores: npt.NDArray[np.int32], slots: dict[int, int]) -> Words:
    """The inverted index of folded names given in order of id; slots: see `folding.to_symbols`."""
    split = pc.split_pattern(folded, " ")
    names = pc.list_parent_indices(split).to_numpy().astype(np.int32)
    encoded = pc.list_flatten(split).dictionary_encode()  # codes in order of first appearance: by best name
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    codes, names = codes[order], names[order]
    new = np.ones(len(codes), bool)
    new[1:] = (codes[1:] != codes[:-1]) | (names[1:] != names[:-1])  # `the the` holds `the` once
    codes, names = codes[new], names[new]
    starts = np.searchsorted(codes, np.arange(len(encoded.dictionary) + 1)).astype(np.int32)
    best = names[starts[:-1]]
    scores = scores[best]
    for array in (scores, starts, names):
        array.flags.writeable = False
    return Words(
        build_from_text(encoded.dictionary, np.arange(len(best), dtype=np.int32), slots), scores, starts, names
    )


@njit(cache=True, nogil=True)
def by_word_start(words, scores, query, edits, found, results, work):  # type: ignore[no-untyped-def]
    """Add to `found` the names in which some word begins with the query, if they score high enough; returns the new number of results.

    Exact: words come out best first, and when one that was not fetched could still matter, twice as many are fetched.
    """
    k = len(found)
    fetch = k
    while True:
        floor = found[k - 1, SCORE] + WORD_START_PENALTY if results == k else NO_FLOOR
        matched = np.empty((fetch, 4), np.int64)
        count = best_first(words.trie, words.scores, query, edits, np.bool_(False), np.int64(floor), matched, work)
        for row in range(count):
            penalty = matched[row, PENALTY_SPENT]
            gain = matched[row, SCORE] - words.scores[matched[row, ID]] - WORD_START_PENALTY  # bonus minus penalties
            for at in range(words.starts[matched[row, ID]], words.starts[matched[row, ID] + 1]):
                name = words.postings[at]
                if results == k and (scores[name] + gain, -name) < (found[k - 1, SCORE], -found[k - 1, ID]):
                    break  # so does every later one: ids ascend as scores fall
                results = offer(found, results, name, scores[name] + gain, penalty, BY_WORD)
        if count < fetch or (results == k and found[k - 1, SCORE] > matched[count - 1, SCORE] - WORD_START_PENALTY):
            return results
        fetch *= 2


@njit(cache=True, nogil=True)
def offer(found, results, identifier, score, penalty, how):  # type: ignore[no-untyped-def]
    """Insert a name into the sorted `found`, once, with its higher score; returns the new number of results."""
    for at in range(results):
        if found[at, ID] == identifier:
            if found[at, SCORE] >= score:
                return results
            found[at : results - 1] = found[at + 1 : results].copy()
            results -= 1
            break
    at = results
    while at > 0 and (found[at - 1, SCORE], -found[at - 1, ID]) < (score, -identifier):
        at -= 1
    if at == len(found):
        return results
    stop = min(results + 1, len(found))
    for row in range(stop - 1, at, -1):
        found[row] = found[row - 1]
    found[at, ID], found[at, SCORE], found[at, PENALTY_SPENT], found[at, HOW] = identifier, score, penalty, how
    return stop


@njit(cache=True, nogil=True)
def by_all_words(words, scores, query, skip, found, results, work):  # type: ignore[no-untyped-def]
    """Add to `found` the names that hold every typed word but number `skip` (−1: none), in any order, the last one as a prefix.

    Words are read as typed; the prefix stands for the READINGS best words that begin with it. The names of the rarest word are
    tried in order of weight.
    """
    bounds, count = _split(query)
    if count < 2 or count > MAX_WORDS:
        return results
    readings = np.empty((count, READINGS, 4), np.int64)
    numbers = np.zeros(count, np.int64)
    rarest, fewest = -1, len(scores) * READINGS + 1
    for word in range(count):
        if word == skip:
            continue
        whole = word < count - 1
        typed = query[bounds[word] : bounds[word + 1] - 1]
        numbers[word] = best_first(
            words.trie, words.scores, typed, np.int64(0), whole, np.int64(NO_FLOOR), readings[word], work
        )
        names = 0
        for row in range(numbers[word]):
            names += words.starts[readings[word, row, ID] + 1] - words.starts[readings[word, row, ID]]
        if names == 0:
            return results
        if names < fewest:
            rarest, fewest = word, names
    for row in range(numbers[rarest]):
        start, stop = words.starts[readings[rarest, row, ID]], words.starts[readings[rarest, row, ID] + 1]
        for at in range(start, min(stop, start + LONGEST_LIST)):
            name = words.postings[at]
            score = scores[name] - ANY_ORDER_PENALTY
            if results == len(found) and (score, -name) < (found[results - 1, SCORE], -found[results - 1, ID]):
                break
            if _holds_all(words, readings, numbers, rarest, skip, name):
                results = offer(found, results, name, score, 0, BY_WORDS)
    return results


@njit(cache=True, nogil=True)
def _split(query):  # type: ignore[no-untyped-def]
    """(bounds, words): word i is query[bounds[i] : bounds[i + 1] − 1]."""
    bounds = np.zeros(len(query) + 2, np.int64)
    count = 1
    for at in range(len(query)):
        if query[at] == SPACE:
            bounds[count] = at + 1
            count += 1
    bounds[count] = len(query) + 1
    return bounds, count


@njit(cache=True, nogil=True)
def _holds_all(words, readings, numbers, rarest, skip, name):  # type: ignore[no-untyped-def]
    """Whether `name` holds a reading of every other typed word."""
    for word in range(len(numbers)):
        if word in (rarest, skip):
            continue
        held = False
        for row in range(numbers[word]):
            held = held or _holds(words, readings[word, row, ID], name)
        if not held:
            return False
    return True


@njit(cache=True, nogil=True)
def _holds(words, word, name):  # type: ignore[no-untyped-def]
    """Whether `name` is in the posting list of `word`."""
    low, high = words.starts[word], words.starts[word + 1]
    while low < high:
        middle = (low + high) // 2
        if words.postings[middle] < name:
            low = middle + 1
        else:
            high = middle
    return low < words.starts[word + 1] and words.postings[low] == name
