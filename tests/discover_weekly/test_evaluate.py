import csv

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack

from discover_weekly import evaluate as module
from discover_weekly import ials, models
from discover_weekly.evaluate import evaluate, evaluate_files, given, hide, print_table, strong
from discover_weekly.models import Case, choose, choose_share, rank, standardised
from shared.errors import BadInput

FIXED = {
    "ials": {"weights": "log", "unobserved_weight": 0.1, "regularisation": 0.01, "factors": 8},
    "ease": {"weights": "binary", "regularisation": 10.0},
}


def tastes(users=300, items=90, seed=0):
    """Listeners of three genres who mostly stay in their own."""
    rng = np.random.default_rng(seed)
    same = np.arange(users)[:, None] % 3 == np.arange(items) % 3
    popularity = 1 / np.arange(1, items + 1) ** 0.3
    played = rng.random((users, items)) < np.where(same, 0.5, 0.03) * popularity
    return csr_matrix(played * rng.integers(1, 30, (users, items)), dtype=np.float32)


def write_csv(path, matrix):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user_id", "item_id", "weight"))
        pairs = matrix.tocoo()
        writer.writerows(zip(pairs.row, pairs.col, pairs.data, strict=True))
    return str(path)


def test_held_out_users_are_never_trained_on_and_nothing_shown_is_hidden():
    matrix = tastes()
    seen_in_tests = []
    for seed in range(3):
        split = strong(matrix, seed)
        assert split.test.train is split.validation.train
        assert split.test.train.shape[0] == 300 - 30 - 30
        for case in (split.test, split.validation):
            assert case.history.multiply(case.relevant).nnz == 0
            assert (np.diff(case.history.indptr) > 0).all()
            assert (np.diff(case.relevant.indptr) > 0).all()
        whole = split.test.history + split.test.relevant
        assert (whole != matrix[split.users][:, np.flatnonzero(whole.getnnz(axis=0) >= 0)]).nnz == 0
        seen_in_tests.append(set(split.users.tolist()))
    assert seen_in_tests[0] != seen_in_tests[1]


def test_items_of_held_out_users_alone_are_dropped_and_counted():
    matrix = tastes()
    split = strong(matrix, 0)
    lonely = csr_matrix(([5.0], ([split.users[0]], [0])), (300, 1), dtype=np.float32)
    again = strong(csr_matrix(hstack([matrix, lonely])), 0)
    assert again.dropped == split.dropped + 1
    assert again.test.train.shape[1] == split.test.train.shape[1]


@pytest.mark.parametrize(("plays", "hidden"), [(1, 0), (2, 1), (5, 1), (10, 2), (13, 3)])
def test_a_fifth_is_hidden_and_something_always_shown(plays, hidden):
    shown, found = hide(csr_matrix(np.ones((4, plays))), np.random.default_rng(0))
    assert np.diff(found.indptr).tolist() == [hidden] * 4
    assert np.diff(shown.indptr).tolist() == [plays - hidden] * 4


def test_given_hides_validation_pairs_from_the_training_that_is_validated():
    matrix, relevant = tastes(), tastes(seed=1)
    relevant = csr_matrix(relevant - relevant.multiply(matrix > 0))
    relevant.eliminate_zeros()
    split = given(matrix, relevant, 7)
    assert split.dropped == 7
    assert (split.test.train != matrix).nnz == 0
    assert split.validation.train.nnz == matrix.nnz - split.validation.relevant.nnz


def test_lists_leave_out_what_was_shown_and_blends_are_sums_of_standard_scores():
    history = tastes(12, 30)
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 12, 30)).astype(np.float32)
    ids = rank(history, [lambda _: first, lambda _: second], [(0.3, 0.7), (1.0, 0.0)], 5)
    assert ids.shape == (2, 12, 5)
    mixed = 0.3 * standardised(first) + 0.7 * standardised(second)
    mixed[history.nonzero()] = -np.inf
    np.testing.assert_array_equal(ids[0], np.argsort(-mixed, axis=1)[:, :5])
    first[history.nonzero()] = -np.inf
    np.testing.assert_array_equal(ids[1], np.argsort(-first, axis=1)[:, :5])


def test_standard_scores_of_equal_scores_are_zero():
    found = standardised(np.array([[3, 3, 3], [1, 2, 3]], np.float32))
    assert found[0].tolist() == [0, 0, 0]
    assert found[1].mean() == pytest.approx(0, abs=1e-6)
    assert found[1].std() == pytest.approx(1)


def planted(best):
    """A fit whose lists find everything where each setting equals `best`, and less the further away it is."""
    case = Case(tastes(), csr_matrix((40, 90)), csr_matrix(np.eye(40, 90)))

    def fit(_, choice):
        wrong = sum(abs(np.log10(choice[name] / best[name])) for name in best)
        scores = np.zeros((40, 90), np.float32)
        scores[np.arange(40), np.arange(40)] = np.where(np.arange(40) < 5 * wrong, -1, 1)
        return lambda _: scores

    return case, fit


def test_the_search_climbs_to_the_best_settings():
    axes = {"a": (0.001, 0.01, 0.1, 1.0), "b": (1.0, 10.0, 100.0, 1000.0)}
    best = {"a": 0.001, "b": 1000.0}
    case, fit = planted(best)
    assert choose(case, fit, {"a": 0.1, "b": 10.0}, axes) == best


def test_one_heavy_pair_among_tiny_ones_stays_within_what_can_be_trained():
    pairs = csr_matrix(np.append(np.full(100_000, 1e-6), 1.0)[None])
    assert models.weighting("log", pairs)(pairs).data.max() == ials.MAX_WEIGHT


def test_without_a_judge_the_search_stays_where_it_began():
    nobody = csr_matrix((0, 90))
    case, start = Case(tastes(), nobody, nobody), {"a": 10.0}
    assert (
        choose(case, lambda *_: lambda rows: np.zeros(rows.shape, np.float32), start, {"a": (1.0, 10.0, 100.0)})
        == start
    )


def test_equal_weights_are_not_searched_twice():
    matrix = tastes()
    matrix.data[:] = 1
    kinds = set()

    def fit(train, choice):
        kinds.add(choice["weights"])
        return models.fit_popularity(train)

    choose(strong(matrix, 0).validation, fit, models.EASE_START, models.EASE_AXES)
    assert kinds == {"binary"}


def test_the_share_of_a_blend_goes_to_the_scorer_that_is_right():
    case, fit = planted({"a": 1.0})
    right, wrong = fit(None, {"a": 1.0}), fit(None, {"a": 1e-6})
    assert choose_share(case, [right, wrong]) < 0.5 < choose_share(case, [wrong, right])


def test_strong_report_has_the_documented_shape_and_models_beat_popularity(capsys):
    report = evaluate(tastes(), seeds=2, fixed=FIXED)
    assert list(report["models"]) == ["popularity", "ials", "ease", "blend"]
    assert report["seeds"] == [0, 1]
    for found in report["models"].values():
        for name in ("recall@20", "recall@50", "ndcg@100"):
            low, high = found[f"{name}_ci"]
            assert 0 <= low <= found[name] <= high <= 1
        assert {"coverage", "fit_s", "score_s", "settings"} <= set(found)
    for name in ("ials", "ease", "blend"):
        assert report["models"][name]["ndcg@100"] > 1.3 * report["models"]["popularity"]["ndcg@100"]
    print_table(report)
    assert "blend" in capsys.readouterr().out


def test_a_blend_that_is_all_ease_leaves_the_other_models_as_they_are(monkeypatch):
    found = []
    for share in (0.5, 1.0):
        monkeypatch.setattr(models, "choose_share", lambda *_, share=share: share)
        found.append(evaluate(tastes(), seeds=1, fixed=FIXED)["models"])
    for name in ("popularity", "ials", "ease"):
        assert found[1][name]["ndcg@100"] == found[0][name]["ndcg@100"]
    assert found[1]["blend"]["ndcg@100"] == found[1]["ease"]["ndcg@100"]


def test_files_are_evaluated_with_a_search(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEEDS", 1)
    monkeypatch.setattr(models, "IALS_START", FIXED["ials"])
    monkeypatch.setattr(models, "IALS_AXES", {"unobserved_weight": (0.03, 0.1)})
    monkeypatch.setattr(models, "FACTORS", {"factors": (4, 8)})
    monkeypatch.setattr(module, "TUNING_PAIRS", 1000)
    monkeypatch.setattr(module, "TUNING_ITEMS", 60)
    path = write_csv(tmp_path / "plays.csv", tastes())
    report = evaluate_files(path, None, None, 2, "ials,blend")
    assert list(report["models"]) == ["ials", "blend"]
    assert report["protocol"] == "strong"


def test_a_pair_in_both_files_is_dropped_and_counted():
    rng = np.random.default_rng(3)
    matrix = csr_matrix((rng.random((40, 30)) < 0.3).astype(np.float32))
    relevant = csr_matrix((rng.random((40, 30)) < 0.2).astype(np.float32))
    split = given(matrix, relevant, 5)
    both = relevant.multiply(matrix).nnz
    assert both > 0
    assert split.dropped == 5 + both
    assert split.test.relevant.multiply(split.test.history).nnz == 0


def test_given_files_are_judged_on_the_other_file(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "IALS_START", FIXED["ials"])
    monkeypatch.setattr(models, "IALS_AXES", {})
    monkeypatch.setattr(models, "FACTORS", {"factors": (8,)})
    shown, hidden = hide(tastes(), np.random.default_rng(4))
    train, test = write_csv(tmp_path / "train.csv", shown), write_csv(tmp_path / "test.csv", hidden)
    report = evaluate_files(train, test, None, 1, None)
    assert report["protocol"] == "given"
    assert report["tested_users"] == (np.diff(hidden.indptr) > 0).sum()
    assert report["models"]["blend"]["ndcg@100"] > report["models"]["popularity"]["ndcg@100"]


def test_a_catalogue_too_large_for_ease_says_so_and_blends_ials_alone(monkeypatch, capsys):
    monkeypatch.setattr(module.ease, "MAX_ITEMS", 50)
    report = evaluate(tastes(), seeds=1, fixed=FIXED)
    assert "at most 50" in report["models"]["ease"]["not_run"]
    assert report["models"]["blend"]["ndcg@100"] == report["models"]["ials"]["ndcg@100"]
    print_table(report)
    assert "not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "given", 1, None), "--protocol given"),
        (("x.csv", "strong", 1, None), "--protocol strong"),
        ((None, None, 1, "ials,svd"), "--models: got 'svd'"),
        ((None, None, 99, None), "--min-interactions 99"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path, arguments, message):
    with pytest.raises(BadInput, match=message):
        evaluate_files(write_csv(tmp_path / "plays.csv", tastes()), *arguments)


def test_too_few_users_are_refused():
    with pytest.raises(BadInput, match="at least 20"):
        evaluate(tastes(users=19))


def test_a_test_file_without_known_pairs_is_refused(tmp_path):
    train = write_csv(tmp_path / "train.csv", tastes())
    test = tmp_path / "test.csv"
    test.write_text("user_id,item_id\nnobody,nothing\n")
    with pytest.raises(BadInput, match="no user can be tested"):
        evaluate_files(train, str(test), None, 1, "popularity")
