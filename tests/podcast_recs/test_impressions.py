"""Logs in MIND's format: read as they are, in order of time, judged as MIND judges, without looking ahead."""

import json

import numpy as np
import pytest

from podcast_recs.behaviors import read_behaviors, read_news
from podcast_recs.impressions import measure, stream
from podcast_recs.world import behaviors_of, news_of
from shared.cli import main
from shared.clock import DAY_MS
from shared.errors import BadInput

ROW = "{n}\tU{u}\t11/{day:02}/2019 {hour}:14:46 {half}\t{history}\t{shown}\n"


def row(n=1, u=1, day=12, hour=2, half="PM", history="N5 N6", shown="N1-0 N2-1"):
    return ROW.format(n=n, u=u, day=day, hour=hour, half=half, history=history, shown=shown)


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="behaviors.tsv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to_file


def test_rows_are_read_in_the_order_of_time(write):
    log = read_behaviors(write(row(1, day=13) + row(2, day=12, half="AM") + row(3, day=12, half="PM", history="")))
    assert np.diff(log.at).tolist() == [12 * 3_600_000, 24 * 3_600_000]
    assert log.history_in(1).size == 0
    assert [log.items[item] for item in log.shown_in(0)] == ["N1", "N2"]
    assert log.clicked.tolist() == [False, True] * 3


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("1\tU1\tnow\tN1\tN1-0\n", "time is not like 11/12/2019 2:14:46 PM"),
        ("1\tU1\t11/12/2019 2:14:46 PM\tN1\n", "not five fields"),
        ("1\tU1\t11/12/2019 2:14:46 PM\tN1\tN1-2\n", "an impression is not like N1-0"),
        ("1\tU1\t11/12/2019 2:14:46 PM\tN1\t \n", "nothing was shown"),
    ],
)
def test_a_broken_row_is_counted_and_the_rest_goes_on(write, broken, reason):
    log = read_behaviors(write(broken + row()))
    assert len(log.at) == 1
    assert log.rejected == {reason: 1}
    with pytest.raises(BadInput, match="no impression could be read"):
        read_behaviors(write(broken))


@pytest.mark.parametrize(("name", "complaint"), [("absent.tsv", "no such file"), (".", "not a text file")])
def test_no_file(tmp_path, name, complaint):
    with pytest.raises(BadInput, match=complaint):
        read_behaviors(tmp_path / name)


def test_measures_by_hand():
    clicked = np.array([1, 0, 0, 0, 1, 0], bool)
    scores = np.array([0.5, 0.9, 0.1, 0.2, 0.7, 0.7])
    found = measure(scores, clicked, np.array([0, 3, 6]))
    assert found["auc"] == pytest.approx((0.5 + 0.75) / 2)
    assert found["mrr"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["ndcg@5"] == pytest.approx((1 / np.log2(3) + 1) / 2)
    assert found["tested"] == 2


def test_impressions_without_a_choice_are_not_tested():
    found = measure(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1, 1, 1, 0], bool), np.array([0, 2, 4]))
    assert found["tested"] == 1
    with pytest.raises(BadInput, match="no tested impression"):
        measure(np.array([0.1, 0.2]), np.array([1, 1], bool), np.array([0, 2]))


def test_a_row_is_described_before_its_own_clicks(write):
    rows = [row(n, u=n % 5, day=1 + n // 4, hour=1 + n % 4, shown="N1-0 N2-1 N3-0") for n in range(40)]
    log = read_behaviors(write("".join(rows)))
    other = log._replace(clicked=np.concatenate([log.clicked[:-3], ~log.clicked[-3:]]))
    np.testing.assert_array_equal(stream(log, None, 28), stream(other, None, 28))


@pytest.fixture(scope="module")
def files(setting, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mind")
    (folder / "behaviors.tsv").write_text("".join(behaviors_of(setting.audience, setting.audience.end - 10 * DAY_MS)))
    (folder / "news.tsv").write_text("".join(news_of(setting.audience)))
    return folder


def test_evaluate_prints_one_object_and_beats_chance(files, capsys):
    arguments = ["podcast-recs", "evaluate-impressions", "--behaviors", str(files / "behaviors.tsv"), "--json"]
    assert main([*arguments, "--news", str(files / "news.tsv")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"auc", "mrr", "ndcg@5", "ndcg@10", "fit_s"} <= set(found)
    assert found["auc"] > 0.55


def test_too_few_rows_to_learn_from(write, capsys):
    assert main(["podcast-recs", "evaluate-impressions", "--behaviors", str(write(row())), "--json"]) == 2
    assert "expected at least 15" in capsys.readouterr().err


def test_news_that_is_none(write):
    with pytest.raises(BadInput, match="row 1: 1 fields"):
        read_news(write("N1\n", "news.tsv"), ["N1"])
