"""The keystrokes that every contestant answers, and what is noted of each: quality, CPU time a call, the build."""

import time

import numpy as np

from autocomplete import index
from autocomplete.folding import fold
from shared.world.names import artist_names, titles
from shared.world.searches import BACKSPACE, mistype, prefixes
from tests.autocomplete.by_hand import terms_of

TERMS = {"tiny": 2_000, "small": 100_000, "full": 1_000_000}
KEYSTROKES = {"tiny": 30, "small": 400, "full": 1_000}
K = 5


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


def built(stream):
    """The index of a stream's names."""
    return index.build(terms_of(*zip(stream.names, stream.weights.tolist(), strict=True)))


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
