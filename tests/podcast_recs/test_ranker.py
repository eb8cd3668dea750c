"""A new ranker replaces the old only where it is no worse on the newest slates, which it did not learn from."""

import numpy as np
import pytest

from podcast_recs.differences import Differences
from podcast_recs.features import NAMES
from podcast_recs.learning import Examples, fit, renewed
from podcast_recs.ranker import Ranker, ordered_well
from shared.errors import BadInput

ON = Differences()


def examples(slates=200, seed=0, taught=1.0):
    """Slates of ten in which the first column says what is started; `taught` turns that around in all but the newest fifth."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(10 * slates, len(NAMES))).astype(np.float32)
    sign = np.where(np.arange(len(rows)) < 8 * slates, taught, 1.0)
    started = sign * rows[:, 0] > 1
    minutes = np.full(len(rows), 60_000)
    positions = np.tile(np.arange(10), slates).astype(np.int8)
    return Examples(
        rows, np.full(slates, 10), positions, started, 40 * minutes, 40 * minutes, np.zeros(slates, np.int64)
    )


def test_a_better_ranker_replaces_the_old():
    old = fit(examples(taught=-1.0)._replace(started=examples(taught=-1.0).rows[:, 1] > 1), ON)
    assert renewed(old, examples(), ON) is not old


def test_a_worse_ranker_is_refused():
    old = fit(examples(), ON)
    assert renewed(old, examples(taught=-1.0), ON) is old


class Broken:
    def score(self, rows):
        return np.full(len(rows), np.nan)


def test_scores_that_are_no_numbers_lose_to_any():
    found = examples()
    labels = found.started.astype(np.int8)
    assert ordered_well(Broken(), found.rows, labels, found.slates) == -1
    assert isinstance(renewed(Broken(), found, ON), Ranker)


def test_well_ordered_is_one_for_the_best_order():
    class Told:
        def score(self, rows):
            return rows[:, 0]

    rows, labels = np.array([[0.1], [0.9], [0.5], [0.0]], np.float32), np.array([0, 3, 1, 0], np.int8)
    assert ordered_well(Told(), rows, labels, np.array([3, 1])) == 1
    swapped = (1 + 6 / np.log2(3)) / (6 + 1 / np.log2(3))
    assert ordered_well(
        Told(), rows[[0, 2, 1, 3]] * [[1], [2], [1], [1]], labels[[0, 2, 1, 3]], np.array([3, 1])
    ) == pytest.approx(swapped)


@pytest.mark.parametrize("text", ["", "tree\nnum_class=1\n", None])
def test_a_kept_ranker_that_is_broken_or_of_other_columns_is_refused(text):
    with pytest.raises(BadInput, match="kept ranker"):
        Ranker.read(fit(examples(), ON).text() if text is None else text, Differences(text=text is not None))
