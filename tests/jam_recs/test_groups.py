"""Groups on files small enough to count by hand: ties, leaks, what the group had before, and lines that are wrong."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jam_recs.closed_form import ease_scores, filter_scores, fit_ease
from jam_recs.group_blend import SIGNALS, conditional_logit, learn
from jam_recs.group_files import Case, read_folder
from jam_recs.groups import evaluate_groups, expected, list_measured, measured
from jam_recs.strategies import STRATEGIES, queue
from shared.cli import main
from shared.errors import BadInput

MEMBERS = "0 0,1\n1 2,3\n2 4,5\n"
USERS = "".join(f"{user} {item} 5\n" for user in range(6) for item in ((user % 3) * 4 + 0, (user % 3) * 4 + 1))
TRAIN = "0 0\n0 1\n1 4\n1 5\n2 8\n2 9\n"
TEST = "0 2\n1 6\n2 8\n"  # the last pair leaks
NEGATIVE = "(0,2) 3 7 10 11\n(1,6) 2 4 10 11\n(2,8) 1 2 3 4\n"


@pytest.fixture
def folder(tmp_path):
    for name, text in {"groupMember": MEMBERS, "userRatingTrain": USERS, "groupRatingTrain": TRAIN,
                       "groupRatingTest": TEST, "groupRatingNegative": NEGATIVE}.items():  # fmt: skip
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path


def test_leaking_pairs_are_removed_counted_and_warned_of(folder, capsys):
    report = evaluate_groups(folder)
    assert report["leaking_pairs"] == 1
    assert report["cases"] == 2
    assert report["known_negatives"] == 1  # item 4 of group 1
    assert "1 of 3 test pairs" in capsys.readouterr().err
    assert set(report["methods"]) == {"ours", "popularity", "group-ease", "graph-filter", "alpha-3", *STRATEGIES}
    assert all(0 <= found["ndcg@10"] <= found["hr@10"] <= 1 for found in report["methods"].values())


def test_the_verb_prints_one_json_object(folder, capsys):
    assert main(["jam-recs", "evaluate", "--groups", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"methods", "tie_share", "leaking_pairs"} <= set(report)
    assert {"hr@10", "ndcg@10"} <= set(report["methods"]["ours"])


def test_file_names_may_carry_a_prefix_and_fields_tabs(folder):
    for path in list(folder.glob("*.txt")):
        path.rename(folder / f"mafengwo_{path.name}")
    (folder / "mafengwo_groupRatingTrain.txt").write_text(TRAIN.replace(" ", "\t"))
    split = read_folder(folder)
    assert split.train.groups.toarray()[0].nonzero()[0].tolist() == [0, 1]
    assert split.cases[0].candidates.tolist() == [2, 3, 7, 10, 11]
    assert split.train.members.toarray()[2].nonzero()[0].tolist() == [4, 5]


def test_ids_with_holes_are_the_same_groups(folder):
    dense = evaluate_groups(folder)["methods"]
    for name, scales in {"groupMember": (10**9, 10**7), "userRatingTrain": (10**7, 10**8),
                         "groupRatingTrain": (10**9, 10**8), "groupRatingTest": (10**9, 10**8)}.items():  # fmt: skip
        path = folder / f"{name}.txt"
        rows = [[int(field) for field in line.replace(",", " ").split()] for line in path.read_text().splitlines()]
        scaled = [
            [row[0] * scales[0], *(other * scales[1] for other in row[1 : None if "M" in name else 2])] for row in rows
        ]
        path.write_text("".join(f"{row[0]}\t{','.join(map(str, row[1:]))}\n" for row in scaled))
    path = folder / "groupRatingNegative.txt"
    rows = [
        line.strip("(").replace(")", ",").replace(" ", "").split(",")
        for line in NEGATIVE.replace(" ", ",").splitlines()
    ]
    path.write_text("".join(f"({int(g) * 10**9},{int(i) * 10**8})\t" + "\t".join(str(int(o) * 10**8) for o in rest if o) + "\n"
                            for g, i, *rest in rows))  # fmt: skip
    assert evaluate_groups(folder)["methods"] == dense


def test_what_others_may_have_written(folder):
    """Groups of one, implicit ones and stars, pairs and candidates twice, lists of any length, items that nobody rated."""
    files = {
        "groupMember": "0,0\n1\t2\t3\n2 4,5,4\n",
        "userRatingTrain": USERS + USERS.replace(" 5\n", "\t4.5\t881250949\n"),
        "groupRatingTrain": TRAIN + "1 4 1\n",
        "groupRatingTest": "0 2 1\n0 2 1\n1 6 1\n",
        "groupRatingNegative": "(0,2) 3 2 3 99 98\n(1,6) 2\n",
    }
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    split = read_folder(folder)
    assert [len(case.candidates) for case in split.cases] == [4, 4, 2]
    assert split.train.members.sum() == 5
    report = evaluate_groups(folder)
    assert all(0 <= found["ndcg@10"] <= found["hr@10"] <= 1 for found in report["methods"].values())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("groupMember", "0 0,x\n", r"groupMember.txt: line 1: field 'x'; expected group member"),
        ("groupMember", "0 0,1\n1 2,3\n", None),
        ("groupMember", "1 2,3\n2 4,5\n", "group 0 is tested but has no members"),
        ("groupMember", "", "groupMember.txt: empty"),
        ("groupRatingTrain", "0 0\n\n1\n", r"groupRatingTrain.txt: line 3: 1 fields"),
        ("groupRatingTrain", "0 -4\n", r"line 1: field '-4'; expected id item, whole numbers, 0"),
        ("userRatingTrain", "0 99999999999999999\n", r"userRatingTrain.txt: line 1: field '99999999999999999'"),
        ("userRatingTrain", "0 1.5\n", r"line 1: field '1.5'"),
        ("groupRatingTest", "0 2\n1 7\n", r"line 2, pair \(1, 7\): no line in groupRatingNegative.txt"),
        ("groupRatingTest", "2 8\n", "no test pair is left"),
        ("groupRatingNegative", "(0,2)\n", r"groupRatingNegative.txt: line 1: 2 fields"),
        ("groupRatingNegative", "\xff\xfe", "groupRatingNegative.txt: empty"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(folder, name, text, message):
    (folder / f"{name}.txt").write_text(text, "utf-8")
    if message is None:
        assert len(read_folder(folder).cases) == 2  # group 2 has no members, and its only pair leaks
        return
    with pytest.raises(BadInput, match=message):
        read_folder(folder)


def test_bytes_that_are_no_text_and_missing_files_are_named(folder):
    (folder / "groupMember.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not readable as text"):
        read_folder(folder)
    (folder / "groupMember.txt").unlink()
    with pytest.raises(BadInput, match="0 files groupMember"):
        read_folder(folder)


def test_ties_are_counted_as_expectation():
    assert expected(0, 0) == (1, 1)
    assert expected(9, 1) == (0.5, pytest.approx(1 / np.log2(11) / 2))
    assert expected(10, 5) == (0, 0)
    hit, gain = expected(0, 100)  # a constant score is chance
    assert hit == pytest.approx(10 / 101)
    assert gain == pytest.approx((1 / np.log2(np.arange(2, 12))).sum() / 101)


def test_scores_by_hand():
    cases = [Case(0, np.arange(3)), Case(0, np.arange(3))]
    found = measured([np.array([2.0, 1, 3]), np.array([1.0, 1, 0])], cases)
    assert found["hr@10"] == 1
    assert found["ndcg@10"] == pytest.approx((1 / np.log2(3) + (1 + 1 / np.log2(3)) / 2) / 2)
    assert found["tie_share"] == 0.5


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_list_among_equals_is_chance(name):
    signals = type("S", (), {"liking": [np.ones((3, 101), np.float32)], "had": [np.zeros(101, bool)]})
    found = list_measured(name, signals, np.random.default_rng(0))
    assert found["hr@10"] == pytest.approx(10 / 101)


def test_strategies_by_hand():
    liking = np.array([[0.95, 0.5, 0.0, 0.8], [0.1, 0.5, 0.0, 0.0], [0.0, 0.4, 1.0, 0.0]])
    assert queue("average", liking, 2).tolist() == [1, 0]
    assert queue("least-misery", liking, 1).tolist() == [1]
    assert queue("most-pleasure", liking, 2).tolist() == [2, 0]
    assert queue("multiplicative", liking, 1).tolist() == [1]
    assert queue("borda", liking, 1).tolist() == [1]
    assert queue("round-robin", liking, 3).tolist() == [0, 1, 2]
    assert queue("ep-fuzzda", liking, 1).tolist() == [1]
    assert queue("alpha-0", liking, 2).tolist() == [1, 0]
    assert queue("alpha-6", liking, 2).tolist() == [1, 2]
    assert len(set(queue("gfar", liking, 9).tolist())) == 4


def test_ease_is_ridge_regression_from_either_side():
    rng = np.random.default_rng(0)
    for rows, items in ((40, 12), (9, 30)):
        x = (rng.random((rows, items)) < 0.3).astype(np.float64)
        gram = x.T @ x
        expected_scores = np.zeros((rows, items))
        for j in range(items):
            others = np.delete(np.arange(items), j)
            column = np.linalg.solve(gram[np.ix_(others, others)] + 7 * np.eye(items - 1), gram[others, j])
            expected_scores[:, j] = x[:, others] @ column
        matrix = csr_matrix(x.astype(np.float32))
        np.testing.assert_allclose(ease_scores(fit_ease(matrix, 7.0), matrix), expected_scores, atol=2e-4)


def test_the_filter_is_its_formula():
    x = np.array([[1, 1, 0], [0, 1, 1]], np.float32)
    normal = x / np.sqrt(x.sum(axis=1, keepdims=True)) / np.sqrt(x.sum(axis=0))
    np.testing.assert_allclose(filter_scores(csr_matrix(x), csr_matrix(x)), normal @ normal.T @ normal, rtol=1e-6)


def test_the_logit_finds_the_signal_that_tells_and_inverts_none():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 20, len(SIGNALS)))
    values[:, 0, 2] += 2
    values[:, 0, 3] -= 2  # tells as much, the wrong way round
    weights = conditional_logit(values)
    assert weights.argmax() == 2
    assert weights[3] == 0


def test_a_group_without_a_history_is_told_by_its_members(folder):
    (folder / "groupRatingTrain.txt").write_text("1 4\n1 5\n2 9\n2 10\n")
    report = evaluate_groups(folder)  # group 0 chose nothing yet
    assert report["cases"] == 3
    assert set(learn(read_folder(folder).train, True, 1)) != {0.0}
