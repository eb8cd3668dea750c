"""The user's files: everything that `csv` writes is read; everything else is refused in one line that says where and what."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autocomplete.terms import read_queries, read_terms
from shared.errors import BadInput


def write(path, rows, delimiter="\t"):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


ROWS = [["a\tb", 1.5], ['say "hi"', 2], ["two\nlines", 3], ["comma, here", 4e6], ["Björk", 0], [" spaced ", 1]]


@pytest.mark.parametrize(("name", "delimiter"), [("t.tsv", "\t"), ("t.csv", ","), ("t.txt", "\t")])
def test_quoted_as_csv_does(tmp_path, name, delimiter):
    table = read_terms(write(tmp_path / name, [["text", "weight"], *ROWS], delimiter))
    assert list(zip(table["text"].to_pylist(), table["weight"].to_pylist(), strict=True)) == [
        (t, float(w)) for t, w in ROWS
    ]
    assert table["type"].null_count == table["id"].null_count == len(ROWS)


def test_columns_are_found_by_name(tmp_path):
    path = write(
        tmp_path / "t.tsv", [["\ufeffid", "weight", "else", "text", "type"], ["7", "1", "x", "Muse", "artist"]]
    )
    assert read_terms(path).to_pylist() == [{"text": "Muse", "weight": 1.0, "type": "artist", "id": "7"}]


def test_a_quoted_header_behind_a_byte_order_mark(tmp_path):
    (tmp_path / "t.tsv").write_text('\ufeff"text"\t"weight"\nMuse\t3\n')
    assert read_terms(tmp_path / "t.tsv")["text"].to_pylist() == ["Muse"]


def test_parquet_with_any_number_type(tmp_path):
    pq.write_table(
        pa.table({"text": ["Muse"], "weight": pa.array([3], pa.int32()), "id": pa.array([9])}), tmp_path / "t.parquet"
    )
    assert read_terms(tmp_path / "t.parquet").to_pylist() == [{"text": "Muse", "weight": 3.0, "type": None, "id": "9"}]


BAD = [
    ("text,weight\n", "no terms; expected a header"),
    ("", "no column 'text'"),
    ("name,weight\na,1\n", r"no column 'text' in the comma-separated header \['name', 'weight'\]"),
    ("text\na\n", "no column 'weight'"),
    ("text,weight\na,1\nb\n", "row 2: got 1 fields; expected 2"),
    ("text,weight\na,1,2\n", "row 1: got 3 fields; expected 2"),
    ("text,weight\na,many\n", "row 1, field 'weight': got 'many'; expected a number"),
    ("text,weight\na,\n", "row 1, field 'weight': got ''; expected a number"),
    ("text,weight\na,1\nb,nan\n", "row 2, field 'weight': got nan; expected a finite number"),
    ("text,weight\na,inf\n", "row 1, field 'weight': got inf"),
    ("text,weight\na,-1\n", r"row 1, field 'weight': got -1.0; expected a finite number, not negative"),
    ("text,weight\n,1\n", "row 1, field 'text': got ''; expected at least one visible character"),
    ("text,weight\n  ,1\n", "row 1, field 'text': got '  '"),
    ("text,weight\n\u0301,1\n", "row 1, field 'text'"),
    ("text,weight\n" + "a" * 1001 + ",1\n", "row 1, field 'text': got 1,001 characters; expected at most 1,000"),
    ('text,weight\n"a,1\n', "line 2: .*quote fields as Python's csv module does"),
    ('text,weight\n"a"b,1\n', "line 2: "),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_text_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "terms.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=message) as refused:
        read_terms(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_bytes_that_are_not_utf8(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"text,weight\n\xff\xfe,1\n")
    with pytest.raises(BadInput, match="is not UTF-8"):
        read_terms(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(BadInput, match=name):
        read_terms(tmp_path / name)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a", None], "weight": [1.0, 2.0]}, "row 2, field 'text': got null"),
        ({"text": ["a"], "weight": pa.array([None], pa.float64())}, "row 1, field 'weight': got null"),
        ({"text": ["a", "b"], "weight": [1.0, float("nan")]}, "row 2, field 'weight': got nan"),
        ({"text": ["a"], "weight": ["1"]}, "column 'weight' holds string; expected number"),
        ({"text": [1], "weight": [1.0]}, "column 'text' holds int64; expected text"),
        ({"name": ["a"], "weight": [1.0]}, "no column 'text'"),
    ],
)
def test_bad_parquet_is_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match=message):
        read_terms(tmp_path / "t.parquet")


def test_torn_parquet_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        read_terms(tmp_path / "t.parquet")


def test_queries(tmp_path):
    assert read_queries(write(tmp_path / "q.tsv", [["typed", "wanted"], ["bjrk", "Bjo\u0308rk"]])) == [
        ("bjrk", "Björk")
    ]
    with pytest.raises(BadInput, match="no queries"):
        read_queries(write(tmp_path / "q.tsv", [["typed", "wanted"]]))
