"""Logs in MIND's format: read as they are, in order of time, judged as MIND judges, without looking ahead."""

import json

import numpy as np
import pytest

from podcast_recs.behaviors import read_behaviors, read_news
from podcast_recs.impressions import described, evaluate, measure, tastes
from podcast_recs.lexical import Lexical
from podcast_recs.streamed import COLUMNS, PRIOR_CLICKS, Stream
from shared.cli import main
from shared.clock import DAY_MS
from shared.errors import BadInput
from shared.world.podcast_audience import make_audience
from tests.podcast_recs.mind_format import behaviors_of, news_of
from tests.podcast_recs.mind_log import make_log
from tests.podcast_recs.mind_log import write as write_log

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
    np.testing.assert_array_equal(described(log, None, 28), described(other, None, 28))


def test_counters_are_those_of_counting_again(write):
    rows = [
        row(n, u=n % 3, day=1 + n // 4, hour=1 + n % 4, history="", shown=f"N{n % 4}-{n % 2} N9-{1 - n % 2}")
        for n in range(24)
    ]
    log = read_behaviors(write("".join(rows)))
    found = described(log, None, 16)
    place = 0
    for at in range(len(log.at)):
        for item in log.shown_in(at):
            before = np.flatnonzero(log.shown[: log.shown_of[at]] == item)
            clicks = log.clicked[before].sum()
            np.testing.assert_allclose(np.expm1(found[place, 10:12]), [len(before), clicks], atol=1e-5)
            own = [b for b in before if log.user[np.searchsorted(log.shown_of, b, side="right") - 1] == log.user[at]]
            assert found[place, 16:19].tolist() == [len(own), log.clicked[own].sum(), 0]
            place += 1


def test_a_title_may_hold_a_line_separator_and_a_short_row_is_passed_over(write):
    path = write("N1\tnews\tworld\tOne\u2028two\tmore\nN2\tbroken\nN3\tsport\tgolf\tA hole\t\n", "news.tsv")
    news = read_news(path, ["N1", "N2", "N3"])
    assert news.category.tolist() == [0, -1, 2]
    assert news.text == ["One\u2028two more", "", "A hole "]


@pytest.mark.parametrize("news", [True, False])
def test_empty_histories_no_clicks_and_items_without_text_are_no_obstacle(write, news):
    lines = [
        row(n, u=n, day=1 + n // 10, history="", shown=f"N{n}-{int(n % 3 > 0)} N{n + 1}-0 N2-0") for n in range(60)
    ]
    log = read_behaviors(write("".join(lines)))
    about = read_news(
        write("N1\ta\tb\tone two\t\nN2\ta\tc\ttwo three\t\nN3\tc\td\tthree one\t\n", "news.tsv"), log.items
    )
    assert 0 <= evaluate(log, about if news else None)["auc"] <= 1


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    audience = make_audience(2, 600, 40, 14)
    folder = tmp_path_factory.mktemp("mind")
    (folder / "behaviors.tsv").write_text("".join(behaviors_of(audience, audience.end - 10 * DAY_MS)))
    (folder / "news.tsv").write_text("".join(news_of(audience)))
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
    with pytest.raises(BadInput, match="no row of it has id, category, subcategory, title"):
        read_news(write("N1\n", "news.tsv"), ["N1"])


@pytest.fixture(scope="module")
def mind(tmp_path_factory):
    """600 impressions with the structure of the real log."""
    folder = tmp_path_factory.mktemp("mind_log")
    write_log(folder, *make_log(1, impressions=600, items=12_000, users=300))
    return read_behaviors(folder / "behaviors.tsv"), folder / "news.tsv"


def test_the_made_log_has_the_shape_of_the_real_one(mind):
    log, news = mind
    sizes = np.diff(log.shown_of)
    assert 0.03 < log.clicked.mean() < 0.06
    assert 25 < sizes.mean() < 45
    assert sizes.max() <= 299
    assert (np.diff(log.history_of) == 0).any()
    tested = log.shown[log.shown_of[420] :]
    assert np.isin(tested, log.shown[: log.shown_of[420]], invert=True).mean() > 0.5
    assert all(read_news(news, log.items).text)


def test_a_log_read_in_parts_is_described_as_in_one(mind):
    log, news = mind
    about = read_news(news, log.items)
    given = tastes(log, 420), Lexical(about.text, 8).fitted()
    whole = Stream(log, about, *given).describe(0, 600)
    parts = Stream(log, about, *given)
    split = [int(log.shown_of[row]) for row in (200, 420)]
    np.testing.assert_array_equal(parts.describe(200, 420), whole[split[0] : split[1]])
    np.testing.assert_array_equal(parts.describe(420, 600), whole[split[1] :])


def test_a_lift_is_clicks_beside_what_chance_would_have_brought(write):
    rows = [row(1, hour=1, shown="N1-1 N2-0"), row(2, hour=2, shown="N1-0 N2-0 N3-0 N4-1"), row(3, hour=3)]
    log = read_behaviors(write("".join(rows)))
    found = described(log, None, 2)[log.shown_of[2] :, COLUMNS.index("lift ever")]
    due = np.array([1 / 2 + 1 / 4, 1 / 2 + 1 / 4])
    np.testing.assert_allclose(found, (np.array([1, 0]) + PRIOR_CLICKS) / (due + PRIOR_CLICKS), rtol=1e-6)


def test_quotes_in_news_are_letters(write):
    path = write('N1\ta\tb\t"An open quote\tand "more"\tu\t[{"Label": "x"}]\t[]\nN2\ta\tb\ttwo\t\tu\t[]\t[]\n', "n.tsv")
    assert read_news(path, ["N1", "N2"]).text == ['"An open quote and "more"', "two "]
