import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from discover_weekly.interactions import MAX_WEIGHT, align, core, read
from shared.errors import BadInput

ROWS = [("u2", "b", 2.0), ("u1", "a", 1.0), ("u10", "c", 4.0), ("u1", "b", 3.0)]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def write_csv(path, rows, header=("user_id", "item_id", "weight"), delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_parquet(path, rows):
    users, items, weights = zip(*rows, strict=True)
    pq.write_table(pa.table({"user_id": users, "item_id": items, "weight": weights}), path)
    return path


def as_pairs(interactions):
    coo = interactions.matrix.tocoo()
    return {
        (str(interactions.users[u]), str(interactions.items[i])): float(w)
        for u, i, w in zip(coo.row, coo.col, coo.data, strict=True)
    }


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_every_format_gives_the_same_matrix(tmp_path, kind):
    path = tmp_path / f"plays.{kind}"
    if kind == "parquet":
        write_parquet(path, ROWS)
    else:
        write_csv(path, ROWS, delimiter="," if kind == "csv" else "\t")
    found = read(path)
    assert as_pairs(found) == {(user, item): weight for user, item, weight in ROWS}
    assert found.users.tolist() == ["u1", "u10", "u2"]
    assert found.matrix.dtype == np.float32


def test_whatever_pythons_csv_writes_is_read_back(tmp_path):
    rows = [('Beyoncé, "live"', "line\nbreak", 1.0), ("two\r\nlines", "тест", 2.0), (" space ", "'", 3.0)]
    assert set(as_pairs(read(write_csv(tmp_path / "q.csv", rows)))) == {(user, item) for user, item, _ in rows}


def test_columns_in_any_order_and_further_columns_are_fine(tmp_path):
    rows = [(2020, "x", "a", "u1"), (2021, "y", "b", "u2")]
    found = read(write_csv(tmp_path / "o.csv", rows, ("timestamp", "note", "item_id", "user_id")))
    assert as_pairs(found) == {("u1", "a"): 1.0, ("u2", "b"): 1.0}


def test_a_byte_order_mark_and_quoted_headers_are_fine(tmp_path):
    path = tmp_path / "bom.csv"
    path.write_bytes('\ufeff"user_id","item_id"\r\n1,2\r\n'.encode())
    assert as_pairs(read(path)) == {("1", "2"): 1.0}


def test_whole_number_ids_of_parquet_equal_those_of_csv(tmp_path):
    numbers = [(1, 7, 1.0), (12, 8, 2.0)]
    assert as_pairs(read(write_parquet(tmp_path / "n.parquet", numbers))) == as_pairs(
        read(write_csv(tmp_path / "n.csv", numbers))
    )


def test_the_same_pair_is_added_and_the_order_of_rows_does_not_matter(tmp_path):
    first = read(write_csv(tmp_path / "a.csv", [*ROWS, ("u1", "b", 0.5)]))
    second = read(write_csv(tmp_path / "b.csv", [("u1", "b", 0.5), *ROWS[::-1]]))
    assert as_pairs(first)["u1", "b"] == 3.5
    assert as_pairs(first) == as_pairs(second)
    assert first.users.tolist() == second.users.tolist()


def test_weights_of_zero_are_left_out_with_their_user_and_huge_ones_are_clipped(tmp_path):
    found = read(write_csv(tmp_path / "w.csv", [("u1", "a", 0), ("u2", "b", "1e300")]))
    assert as_pairs(found) == {("u2", "b"): MAX_WEIGHT}
    assert found.users.tolist() == ["u2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_id,weight\n1,2\n", "no column 'item_id' .found: user_id, weight"),
        ("", "no column 'user_id'"),
        ("user_id,item_id\n", "no interactions"),
        ("user_id,item_id,weight\n1,2,0\n", "no interactions"),
        ("user_id,item_id,weight\n1,2,1\n1,3,many\n", "row 2, field 'weight': got 'many'"),
        ("user_id,item_id,weight\n1,2,1\n1,3,nan\n", "row 2, field 'weight': got 'nan'"),
        ("user_id,item_id,weight\n1,2,-3\n", "row 1, field 'weight': got '-3'"),
        ("user_id,item_id,weight\n1,2,inf\n", "row 1, field 'weight': got 'inf'"),
        ("user_id,item_id,weight\n1,2,\n", "row 1, field 'weight': got ''"),
        ("user_id,item_id\n1,2\n,3\n", "row 2, field 'user_id': empty"),
        ("user_id,item_id\n1,2\n1,2,3\n", "Row #3"),
    ],
)
def test_bad_text_is_refused_in_one_line(tmp_path, text, message):
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(BadInput, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and nothing more")
    latin = tmp_path / "latin.csv"
    latin.write_bytes("user_id,item_id\nBeyonc\xe9,1\n".encode("latin-1"))
    for path in (tmp_path / "absent.csv", tmp_path, torn, latin):
        with pytest.raises(BadInput, match="not readable"):
            read(path)


@pytest.mark.parametrize("column", [[1.5, 2.0], [None, 3], [[1], [2]]])
def test_parquet_ids_of_another_kind_are_refused(tmp_path, column):
    pq.write_table(pa.table({"user_id": column, "item_id": [1, 2]}), tmp_path / "k.parquet")
    with pytest.raises(BadInput, match="'user_id'"):
        read(tmp_path / "k.parquet")


@pytest.mark.parametrize("value", [None, float("nan"), -1.0])
def test_parquet_weights_that_make_no_sense_are_refused(tmp_path, value):
    pq.write_table(pa.table({"user_id": [1, 2], "item_id": [1, 2], "weight": [1.0, value]}), tmp_path / "w.parquet")
    with pytest.raises(BadInput, match="row 2, field 'weight'"):
        read(tmp_path / "w.parquet")


def slow_core(pairs, least):
    while True:
        users, items = [user for user, _ in pairs], [item for _, item in pairs]
        kept = {(u, i) for u, i in pairs if users.count(u) >= least and items.count(i) >= least}
        if kept == pairs:
            return pairs
        pairs = kept


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_the_core_is_a_fixed_point_on_both_sides(tmp_path, least):
    rng = np.random.default_rng(0)
    pairs = {(f"u{u}", f"i{i}") for u, i in rng.integers(0, 30, (200, 2))}
    found = core(read(write_csv(tmp_path / "c.csv", sorted(pairs), ("user_id", "item_id"))), least)
    assert set(as_pairs(found)) == slow_core(pairs, least)


def test_a_core_without_members_is_refused(tmp_path):
    with pytest.raises(BadInput, match="--min-interactions 9"):
        core(read(write_csv(tmp_path / "c.csv", ROWS)), 9)


def test_another_file_is_aligned_and_its_unknown_pairs_are_counted(tmp_path):
    known = read(write_csv(tmp_path / "a.csv", ROWS))
    other = read(write_csv(tmp_path / "b.csv", [("u1", "c", 1), ("u9", "a", 1), ("u2", "z", 1)]))
    matrix, unknown = align(other, known)
    assert unknown == 2
    assert matrix.shape == known.matrix.shape
    assert list(zip(*matrix.nonzero(), strict=True)) == [(0, 2)]
