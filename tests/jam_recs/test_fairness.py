"""The protocol of session fairness: metrics by hand, groups as described, files that are wrong."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jam_recs import fairness as f
from jam_recs.refill import share_of_ideal
from shared.cli import main
from shared.errors import BadInput, NotFound
from shared.lake import Lake


@pytest.fixture(scope="module")
def plays():
    rng = np.random.default_rng(0)
    taste = rng.integers(0, 4, 80)
    chance = np.where(np.arange(120)[None, :] % 4 == taste[:, None], 0.5, 0.05)
    return csr_matrix((rng.random((80, 120)) < chance).astype(np.float32) * rng.integers(1, 50, (80, 120)))


@pytest.fixture(scope="module")
def listeners(plays):
    return f.prepare(plays, 1)


def test_metrics_by_hand():
    liking = np.tile([[1.0, 0.0], [0.0, 0.5]], 12)  # [2, 24]
    hits = np.zeros((2, 24), bool)
    hits[0, 3] = True
    mean, least, window, zero, run = f.session_metrics(liking, hits, np.arange(24))
    assert (mean, least, window) == (0.375, 0.25, 0.25)
    assert zero == 0.5  # the second member found nothing
    assert run == 1


def test_a_listener_keeps_what_was_heard_apart_from_the_truth(listeners, plays):
    assert listeners.heard.multiply(listeners.truth).nnz == 0
    assert listeners.heard.nnz + listeners.truth.nnz == plays[np.diff(plays.indptr) >= f.LEAST_ARTISTS].nnz


def test_a_queue_holds_nothing_that_a_member_has_heard(listeners):
    group = f.draw_groups(listeners, "random", 1, 1)[0]
    liking, unheard = f.liking_of(listeners, group)
    assert listeners.heard[group][:, unheard].nnz == 0
    ideal = np.sort(liking, axis=1)[:, -f.LENGTH :].mean(axis=1)
    np.testing.assert_allclose(ideal, 1)


def test_a_group_that_has_heard_nearly_everything_is_refused(listeners):
    heard = csr_matrix(np.ones(listeners.heard.shape, np.float32))
    with pytest.raises(BadInput, match="heard all but 0"):
        f.liking_of(f.Listeners(heard, listeners.truth, listeners.liking), np.arange(6))


def test_an_outlier_is_far_from_the_other_five(listeners):
    rows = listeners.heard.toarray()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for group in f.draw_groups(listeners, "outlier", 10, 3):
        near = rows[group] @ rows[group].T
        assert len(set(group.tolist())) == f.SIZE
        assert near[0, 1:5].mean() > near[0, 5]


@pytest.fixture
def short_slider(monkeypatch):
    """Every setting more costs a thousand resamples for each rule that it dominates."""
    monkeypatch.setattr(f, "SLIDER", (0.0, 3.0))


def test_some_slider_is_fairer_than_the_plain_average(listeners, short_slider):
    judged = f.judge(listeners, f.draw_groups(listeners, "outlier", 12, 1), "outlier")
    plain, fair = judged["strategies"]["alpha-0"], judged["strategies"]["alpha-3"]
    assert judged["strategies"]["average"]["mean"] == pytest.approx(plain["mean"], abs=1e-6)
    assert fair["min"] > plain["min"]
    assert judged["dominated_by"]["least-misery"]
    assert judged["dominated_by"]["average"] == []  # nothing has a better mean than the best mean


def test_a_heavy_listeners_scores_are_brought_to_one_scale():
    scores = np.array([[10.0, -5.0], [0.1, 0.05]], np.float32)
    assert share_of_ideal(scores, np.array([[10.0], [0.1]], np.float32)).tolist() == [[1, 0], [1, 0.5]]


def test_without_a_file_and_without_a_week_the_verb_says_what_to_do(tmp_path):
    with pytest.raises(NotFound, match="run liner discover-weekly demo first"):
        f.published_plays(Lake(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "plays.tsv: empty; expected lines `user artist plays`"),
        ("user\tartist\tplays\n", "empty"),
        ("1\t2\t3\n1\t2\n", r"line 2: 2 fields; expected user artist plays"),
        ("1\t2\t-3\n", r"line 1: field '-3'; expected user artist plays, whole numbers"),
        ("1\tABBA\t3\n", r"line 1: field 'ABBA'"),
        ("1\t2\tNaN\n", r"line 1: field 'NaN'"),
        ("1\t2\t99999999999999999\n", r"line 1: field '99999999999999999'"),
        ("user\tartist\tplays\n1\t2\t3\n", "0 listeners of 10 artists and more, 1 artists; expected at least"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, message):
    path = tmp_path / "plays.tsv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        f.prepare(f.read_plays(path), 1)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "plays.tsv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="not readable as text"):
        f.read_plays(tmp_path / "plays.tsv")


def test_the_verb_reads_a_file_and_prints_one_json_object(tmp_path, plays, capsys, short_slider):
    path = tmp_path / "plays.tsv"
    pairs = plays.tocoo()
    rows = zip(pairs.row, pairs.col, pairs.data.astype(int), strict=True)
    path.write_text("".join(f"{user}\t{artist}\t{count}\n" for user, artist, count in rows))
    assert main(["jam-recs", "fairness", "--interactions", str(path), "--sessions", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["kinds"]) == {"random", "outlier"}
    assert main(["jam-recs", "fairness", "--interactions", str(path), "--sessions", "1"]) == 2
    assert "--sessions 1" in capsys.readouterr().err
