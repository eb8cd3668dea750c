"""Clicks from any table: better than a constant where there is something to learn, one clear line where there is not."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ad_targeting import columns, crosses, target_encoding
from ad_targeting.columns import Raw, Table, encode, features
from ad_targeting.ctr import blend, fit_predict
from ad_targeting.ctr_files import ctr_files
from shared.cli import main
from shared.errors import BadInput

ROWS = 1_200


def impressions(seed, rows=ROWS):
    """A site and a phone whose *pair* decides, a price, a moment, a random id; cells are missing here and there."""
    rng = np.random.default_rng(seed)
    site, phone = rng.integers(0, 8, rows), rng.integers(0, 8, rows)
    price, hour = rng.gamma(2, 2, rows), rng.integers(0, 24, rows)
    logit = 2.5 * ((site + phone) % 2) - 2 + 0.15 * (price - 4)
    cells = {
        "id": [f"{value:x}" for value in rng.integers(0, 1 << 60, rows)],
        "at": [f"2026-11-{1 + i % 20:02d}T{h:02d}:00:00" for i, h in enumerate(hour)],
        "site": [f"s{value}" for value in site],
        "phone": [
            "" if missing else f"p{value}" for value, missing in zip(phone, rng.random(rows) < 0.02, strict=True)
        ],
        "price": [f"{value:.2f}" for value in price],
        "always": ["x"] * rows,
    }
    return cells, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)


def write(path, cells, clicks, label="click"):
    lines = [",".join([label, *cells]), *(",".join(map(str, row)) for row in zip(clicks, *cells.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ctr")
    return write(folder / "train.csv", *impressions(1)), write(folder / "test.csv", *impressions(2))


def test_a_cross_is_found_and_the_report_is_what_it_says(files, capsys):
    assert main(["ad-targeting", "ctr", "--train", files[0], "--test", files[1], "--label", "click", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"auc", "logloss", "ne", "ece", "fit_s"}
    assert report["auc"] > 0.72
    assert report["ne"] < 0.92
    assert report["ece"] < 0.08
    assert main(["ad-targeting", "ctr", "--train", files[0], "--test", files[1]]) == 0
    assert "auc" in capsys.readouterr().out


def test_the_labels_of_the_test_file_are_never_looked_at(files, tmp_path):
    cells, clicks = impressions(2)
    train = columns.read(files[0], "click")
    right, wrong = (
        columns.read(write(tmp_path / name, cells, labels), "click")
        for name, labels in (("a", clicks), ("b", 1 - clicks))
    )
    assert np.array_equal(fit_predict(*encode(train, right)), fit_predict(*encode(train, wrong)))


def test_noise_is_not_learnt(tmp_path):
    rng = np.random.default_rng(5)
    cells = {f"f{i}": rng.integers(0, 50, ROWS) for i in range(4)}
    train = write(tmp_path / "train.csv", cells, rng.integers(0, 2, ROWS))
    report = ctr_files(train, write(tmp_path / "test.csv", cells, rng.integers(0, 2, ROWS)), "click")
    assert report["ne"] < 1.06


def test_unseen_values_other_order_and_more_columns(files, tmp_path):
    cells, clicks = impressions(2, 60)
    odd = {"more": ["1"] * 60, **dict(reversed(cells.items())), "site": ["never seen"] * 60, "price": ["?"] * 60}
    assert 0 < ctr_files(files[0], write(tmp_path / "odd.csv", odd, clicks), "click")["logloss"] < 2


def test_one_class_in_the_test_file_has_no_auc(files, tmp_path):
    cells, _ = impressions(2, 20)
    report = ctr_files(files[0], write(tmp_path / "ones.csv", cells, [1] * 20), "click")
    assert report["auc"] is None
    assert report["ne"] is None
    assert report["logloss"] > 0


def test_spellings_of_labels_and_files(tmp_path):
    for text in ("\ufeffclick;a\n1;x\n0;y\n", 'click\ta\r\n1.0\t"x"\r\n0.0\ty\r\n', '"click","a"\nTrue,x\nfalse,y\n'):
        path = tmp_path / "table"
        path.write_text(text, encoding="utf-8")
        raw = columns.read(path, "click")
        assert raw.clicks.tolist() == [1, 0]
        assert raw.cells["a"].to_pylist() == ["x", "y"]


def test_poison_rows_are_left_out_and_counted(files, tmp_path, capsys):
    path = tmp_path / "poison.csv"
    lines = Path(files[0]).read_text().splitlines()
    path.write_text("\n".join([*lines[:700], "1,too,few", "maybe,i,t,s,p,1,x", ",i,t,s,p,1,x", *lines[700:]]) + "\n")
    assert columns.read(path, "click").left_out == 3
    ctr_files(str(path), files[1], "click")
    assert "left out 3 rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable as CSV"),
        ("a,b\n1,2\n", "no column 'click' (found: a, b)"),
        ("click,a\n", "no rows"),
        ("click,a\n7,x\n8,y\n", "2 of 2 labels are neither 0 nor 1"),
        ("click,a,a\n1,x,x\n", "column 'a' stands there twice"),
        ("click,a\n" + "1,x\n0,y\n" * 5, "expected at least 30 rows"),
        ("click,a\n" + "1,x\n" * 100, "100 ones in 100 rows"),
        ("click,site\n" + "1,x\n0,x\n" * 50, "no column of the train file tells rows apart"),
        ("click,zz\n" + "1,x\n0,y\n" * 50, "the test file has no column 'zz'"),
        ("click\n" + "1\n0\n" * 50, "no column of the train file tells rows apart"),
    ],
)
def test_a_file_to_learn_from_that_cannot_be_used(files, tmp_path, capsys, text, message):
    path = tmp_path / "odd.csv"
    path.write_text(text)
    assert main(["ad-targeting", "ctr", "--train", str(path), "--test", files[1], "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_files_that_are_no_tables(files, tmp_path, capsys):
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(256)) * 50)
    for path in (binary, tmp_path / "nowhere.csv", tmp_path):
        assert main(["ad-targeting", "ctr", "--train", files[0], "--test", str(path), "--json"]) == 2
        assert path.name in capsys.readouterr().err


def test_a_table_in_another_encoding_is_read_with_its_odd_letters_replaced(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("click,a\n1,Björk\n0,x\n1,é,é\n".encode("latin-1"))
    raw = columns.read(path, "click")
    assert raw.cells["a"].to_pylist() == ["Bj\ufffdrk", "x"]
    assert raw.left_out == 1


def cells_of(*values):
    return pa.array(values, pa.string())


CLICKS = np.array([1.0, 0.0, 0.0, 1.0])


def test_text_becomes_codes_with_missing_and_unknown_apart():
    (feature,) = features(cells_of("b", "a", None, "b", "c", None), CLICKS)
    assert feature.codes.tolist() == [1, 2, 0, 1, -1, 0]
    assert feature.number is None


def test_numbers_become_codes_and_stay_numbers():
    (feature,) = features(cells_of("1", "-2.5", None, "1", "1e999", "x"), CLICKS)
    assert feature.codes.tolist() == [1, 2, 0, 1, -1, -1]
    assert np.array_equal(feature.number, [1, -2.5, np.nan, 1, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize("moment", ["2026-11-23T07:00:00", "2026-11-23 07:59:59.5+00:00", "26112307"])
def test_times_become_hour_and_weekday(moment):
    hour, weekday = features(cells_of(moment, moment, None, moment.replace("23", "24")), CLICKS)
    assert hour.codes.tolist() == [8, 8, 0, 8]
    assert weekday.codes[3] - weekday.codes[0] == 1


def test_what_tells_nothing_is_left_out():
    assert features(cells_of("x", "x", "x", "x"), CLICKS) == []
    assert features(cells_of(None, None, None, None), CLICKS) == []
    assert features(cells_of("a", "b", "c", "d"), CLICKS) == []
    assert len(features(cells_of("a", "a", None, None), CLICKS)) == 1  # missing or not tells something


def test_an_id_in_digits_is_told_from_an_amount():
    rng = np.random.default_rng(6)
    ids = rng.integers(0, 100, 4_000)
    by_id = (rng.random(4_000) < rng.random(100)[ids]).astype(np.float64)
    (as_id,) = features(pa.array(ids.astype(str)), by_id)
    assert len(np.unique(as_id.codes)) == 100
    (as_amount,) = features(pa.array(ids.astype(str)), (rng.random(4_000) < ids / 100).astype(np.float64))
    assert len(np.unique(as_amount.codes)) <= columns.QUANTILES


def test_the_surprise_is_that_of_each_row_left_out():
    codes, clicks = np.array([0, 0, 0, 1, 1, 2]), np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    losses = []
    for i in range(6):
        same = [j for j in range(6) if codes[j] == codes[i] and j != i]
        rate = (clicks[same].sum() + 10 * 0.5) / (len(same) + 10)
        losses.append(-np.log(rate if clicks[i] else 1 - rate))
    assert crosses.surprise(codes, clicks) == pytest.approx(np.mean(losses))


def test_crosses_are_judged_on_the_whole_of_a_sorted_table(monkeypatch):
    monkeypatch.setattr(crosses, "JUDGED_ROWS", 500)
    codes = np.random.default_rng(7).integers(0, 4, (2_000, 4))
    clicks = ((codes[:, 1] + codes[:, 3]) % 2).astype(np.float64)
    order = np.argsort(clicks, kind="stable")
    own, _ = crosses.cross(codes[order], clicks[order], codes[:1])
    assert np.corrcoef(own[:, 0] // 4 % 2 ^ own[:, 0] % 2, clicks[order])[0, 1] == pytest.approx(1)


def test_crosses_know_pairs_not_values():
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 4, (2_000, 3))
    clicks = ((codes[:, 0] + codes[:, 1]) % 2).astype(np.float64)
    assert crosses.best_pairs(codes, clicks)[0] == (0, 1)
    own, other = crosses.cross(codes, clicks, np.array([[-1, 0, 0], [0, 0, 9]]))
    assert len(np.unique(own[:, 0])) == 16
    assert other[0, 0] == -1  # a value not known
    assert (
        crosses.cross(codes, clicks, np.array([[1, 6, 0], [2, 9, 0]]))[1][:, 0] == -1
    ).all()  # nor is it another pair
    assert other[1, 0] == own[(codes[:, 0] == 0) & (codes[:, 1] == 0), 0][0]


def test_a_row_is_not_in_its_own_rate():
    codes = np.zeros((10, 1), np.int64)
    rates, other = target_encoding.encode(codes, np.array([1.0] + [0.0] * 9), np.array([[0], [-1]]), 1)
    assert rates[0, 0] == min(rates[:, 0])
    assert rates[0, 1] == 10
    assert other[0, 0] == pytest.approx((1 + 3 * 0.1) / 13)
    assert other[1].tolist() == pytest.approx([0.1, 0.0])  # a value not known has the overall rate


def test_a_blend_follows_the_likelihood():
    rng = np.random.default_rng(8)
    truth = rng.standard_normal(3_000) * 2
    clicks = (rng.random(3_000) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    shares = blend(np.column_stack([truth, rng.standard_normal(3_000)]), clicks)
    assert shares[0] > 0.95
    assert shares.sum() == pytest.approx(1)
    few = blend(np.column_stack([truth, truth])[:30], clicks[:30])
    assert few == pytest.approx([0.5, 0.5])


def test_a_table_without_numbers_and_with_one_column():
    rng = np.random.default_rng(9)
    codes = rng.integers(0, 3, (300, 1))
    clicks = (rng.random(300) < 0.2 + 0.25 * codes[:, 0]).astype(np.float64)
    table = Table(codes, np.empty((300, 0)), clicks)
    p = fit_predict(table, table)
    assert p[codes[:, 0] == 2].mean() > p[codes[:, 0] == 0].mean()


def test_a_test_file_that_lacks_a_column():
    train = Raw({"a": cells_of("x", "y", "x", "y")}, CLICKS, 0)
    with pytest.raises(BadInput, match="no column 'a'"):
        encode(train, Raw({}, CLICKS, 0))
