"""One SQL text on both engines: the list of what differs silently, and every statement in the nine packages held to it."""

from pathlib import Path

import pytest

from shared.sql import forbidden

ROOT = Path(__file__).parents[2]
PACKAGES = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"]

GOOD = [
    "select a from t order by a nulls last",
    "select a from t order by a desc nulls first, b nulls last limit 10",
    "select row_number() over (partition by a order by b desc nulls last, c nulls last) as place from t order by place nulls last",
    "select weekday, cast(coalesce(sum(b), 0) as bigint) as b from t",
    "select cast(sum(a) as bigint) as n, cast(count(*) as bigint) as m from t",
    "select cast(floor(a / b) as bigint) as hours from t",
    "select cast(a as bigint), a / b as share, 1.5e0 as x, cast(0.5 as double) as y from t",
    "select 'list( // now \" at time zone' as quoted -- order by a // b",
    "select a || b as both_texts from t where c like 'x%'",
    "select listened, modern, now, dividend, sums, firstly, last_played from t",
]
BAD = {
    "select dayofweek(day) from t": "days of the week",
    "select ts at time zone 'Europe/Berlin' from t": "time zones",
    "select a // b from t": "below zero",
    "select a div b from t": "below zero",
    "select a ^ b from t": "power",
    "select log(a) from t": "base",
    "select substr(a, 0, 3) from t": "position 0",
    "select lower(name) from t": "ASCII",
    "select concat(a, b) from t": "NULL",
    "select regexp_replace(a, 'x', 'y') from t": "replaces",
    "select list(a) from t": "no stated order",
    "select first(a) from t": "any of several rows",
    "select hash(a) from t": "another function",
    "select items[1] from t": "first item",
    "select now() as t": "depend on the run",
    "select a * 1.5 from t": "decimal",
    "select sum(a) as n from t": "128 bits",
    'select "name" from t': "quotes",
    r"select 'a\n' as text": "escape",
    "select a from t order by a": "nulls first or nulls last",
    "select a from t order by a nulls last, b desc limit 3": "order by b desc",
    "select rank() over (order by a) from t": "nulls first or nulls last",
    "select cast(a / b as int) from t": "floor or round",
    "select cast(2.5 as bigint) from t": "floor or round",
    "select cast(avg(a) as integer) from t": "floor or round",
}


@pytest.mark.parametrize("sql", GOOD)
def test_what_both_engines_answer_alike_is_allowed(sql):
    assert forbidden(sql) == []


@pytest.mark.parametrize("sql", BAD)
def test_what_differs_silently_is_found(sql):
    assert any(BAD[sql] in each for each in forbidden(sql)), forbidden(sql)


def test_every_statement_in_a_file_is_held_to_the_list():
    """A statement that only ever runs on one engine says so in its first line."""
    files = [path for package in PACKAGES for path in package.rglob("*.sql")]
    statements = [path for path in files if not path.read_text().startswith("-- DuckDB only")]
    found = {str(path.relative_to(ROOT)): forbidden(path.read_text()) for path in statements}
    assert {path: problems for path, problems in found.items() if problems} == {}


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("select cast(floor(-7 / 2e0) as bigint) as x", -4),
        ("select cast(sum(n) as bigint) as x from (select 1 as n union all select null as n) as t", 1),
        ("select 'a' || cast(null as string) as x", None),
        ("select cast(round(2.5e0) as bigint) as x", 3),
        ("select -7 % 3 as x", -1),
        ("select n as x from (select 1 as n union all select null as n) as t order by n nulls first limit 1", None),
    ],
)
def test_what_is_advised_instead_is_answered_alike(engine, sql, answer):
    assert engine.query(sql, {}).column("x").to_pylist() == [answer]
