from collections import Counter

import numpy as np
import pytest

from copyright_detect import vote
from copyright_detect.vote import CELL, SLOTS, add, candidates, enough, hit_of, no_votes, slope

NOTHING = np.zeros((0, 2), np.int64)


def hits(*pairs):
    frames, references = np.array(pairs, np.int64).reshape(-1, 2).T
    return frames.copy(), references.copy()


def crowd(votes, need=3, muted=NOTHING, most=10, new=1000):
    return [hit_of(votes, hit) for hit in candidates(votes, new, need, muted, most)]


def test_counts_are_those_of_the_hits_in_the_window():
    rng, votes, all_hits = np.random.default_rng(1), no_votes(), []
    for now in range(0, 400, 10):
        new = [(now + int(rng.integers(10)), int(rng.integers(5000))) for _ in range(30)]
        new.sort()
        add(votes, *hits(*new), now - 100)
        all_hits = [hit for hit in all_hits + new if hit[0] >= now - 100]
        expected = Counter(((reference - frame) >> CELL) % SLOTS for frame, reference in all_hits)
        assert {slot: int(n) for slot, n in enumerate(votes.counts) if n} == expected


def test_a_candidate_has_a_crowd_of_its_offset():
    votes = no_votes()
    add(votes, *hits((10, 1010), (50, 900), (60, 1061), (90, 1089)), 0)
    assert crowd(votes) == [(10, 1010)]
    assert crowd(votes, need=4) == []
    assert crowd(votes, muted=np.array([[1000, 2000]])) == []


def test_the_largest_crowds_come_first_and_no_more_than_asked():
    votes = no_votes()
    small, large = [(i, 5000 + i) for i in range(4)], [(i, 9000 + i) for i in range(4, 12)]
    add(votes, *hits(*small, *large), 0)
    assert crowd(votes) == [(4, 9004), (0, 5000)]
    assert crowd(votes, most=1) == [(4, 9004)]


def test_hits_beyond_what_is_remembered_push_out_the_oldest():
    votes = no_votes()
    many = vote.MOST_HITS + 100
    add(votes, np.arange(many), np.arange(many) + 7777, 0)
    assert votes.counts.sum() == vote.MOST_HITS == votes.span[1] - votes.span[0]
    add(votes, *hits(), many)
    assert not votes.counts.any()


@pytest.mark.parametrize("tempo", [0.95, 0.98, 1.0, 1.02, 1.05])
def test_the_slope_is_the_tempo_of_the_crowd(tempo):
    votes, rng = no_votes(), np.random.default_rng(2)
    line = [(t, int(round(50_000 + tempo * t))) for t in range(0, 200, 5)]
    noise = [(int(rng.integers(200)), int(rng.integers(49_900, 50_300))) for _ in range(30)]
    add(votes, *hits(*sorted(noise + line)), 0)
    newest = next(i for i in range(votes.span[1]) if hit_of(votes, i) == line[-1])
    assert slope(votes, newest) == pytest.approx(tempo, abs=0.0101)


def test_more_chance_hits_ask_for_more_votes():
    votes = no_votes()
    assert enough(votes, 1_000_000) == 3
    add(votes, np.zeros(20_000, np.int64), np.arange(20_000) * 5, 0)
    assert enough(votes, 100_000) > 10


def test_a_catalogue_beyond_the_cells_brings_chance_no_further_down():
    votes = no_votes()
    add(votes, np.zeros(30_000, np.int64), np.arange(30_000) * 500, 0)  # 97 h of catalogue
    assert enough(votes, 15_000_000) == enough(votes, SLOTS << CELL) > 3
    assert len(candidates(votes, 1000, enough(votes, 15_000_000), NOTHING, 1000)) < 20
