"""One SQL text for DuckDB and Spark: what they would silently answer differently is forbidden, and the rest is made alike.

Both engines speak enough of one dialect that no translator stands between them. The danger is not the statement that one of them
refuses, but the one that both accept and understand differently; `forbidden` holds that list, and a test runs it over every statement.
"""

import re

import pyarrow as pa

RULES = [
    (
        r"\b(dayofweek|weekday|isodow|dow)\s*(\(|from\b)",
        "days of the week are numbered differently; let the day enter as a column",
    ),
    (
        r"\bat\s+time\s+zone\b|\b(from|to)_utc_timestamp\b",
        "time zones are read differently; let local time enter as a column",
    ),
    (
        r"\b((now|today|rand|random|uuid)\s*\(|current_(date|time|timestamp)\b)",
        "the answer would depend on the run; pass it in",
    ),
    (r"//|\bdiv\b", "rounds differently below zero, or is unknown; write cast(floor(a / b) as bigint)"),
    (r"\^", "power here, exclusive or there; write power(a, b) or xor"),
    (r"\blog\s*\(", "base 10 here, base e there; write ln or log10"),
    (r"\b(substr|substring)\s*\([^()]*,\s*0\s*[,)]", "position 0 means different things; count from 1"),
    (r"\b(lower|upper|initcap)\s*\(", "differs beyond ASCII; fold case before the data is written"),
    (r"\bconcat\s*\(", "skips NULL here, is NULL there; write ||"),
    (
        r"\bregexp_(replace|extract)\s*\(",
        "replaces the first or all, extracts group 0 or 1; do it before the data is written",
    ),
    (r"\b(collect_list|collect_set|list|array_agg|string_agg|listagg|group_concat)\s*\(", "a list in no stated order"),
    (
        r"\b(first|last|any_value|arbitrary|mode)\s*\(",
        "any of several rows; use min, max or row_number over a total order",
    ),
    (r"\b(hash|xxhash64|approx_\w+)\s*\(", "another function in each engine"),
    (r"\w\s*\[", "the first item is 1 here, 0 there; join a table of items instead"),
    (r"(?<![\w.])(?<!cast\()\d+\.\d+(?![\de])", "a decimal whose scale differs; write cast(1.5 as double) or 1.5e0"),
    (r"(?<!cast\()(?<!cast\(coalesce\()\bsum\s*\(", "128 bits here, 64 there; write cast(sum(x) as bigint)"),
    (r'"', "quotes a name here, a text there; use plain names and single quotes"),
    (r"\\", "an escape in Spark's texts, a letter in DuckDB's"),
]
NULLS_STATED = re.compile(r"\bnulls\s+(first|last)$")
FRACTION = re.compile(r"/|\d\.\d|\bavg\s*\(|\bdouble\b")
WHOLE = re.compile(r"^(floor|ceil|round)\s*\(")
INTEGER_CAST = re.compile(r"^(.*)\bas\s+(tiny|small|big)?int(eger)?$", re.DOTALL)
ORDER_ENDS = re.compile(r"\b(limit|rows|range|offset)\b")


def forbidden(sql: str) -> list[str]:
    """What in a statement DuckDB and Spark would answer differently, each with what to write instead; [] for a good one."""
    text = re.sub(r"--[^\n]*", " ", sql.lower())
    text = re.sub(r"'(?:[^'\\]|'')*'", "''", text)  # a text with a backslash stays, and is found
    found = [f"{match.group().strip()}: {advice}" for rule, advice in RULES for match in re.finditer(rule, text)]
    for start in re.finditer(r"\border\s+by\b", text):
        for key in _split(_until_closed(text[start.end() :])):
            if not NULLS_STATED.search(key):
                found.append(f"order by {key}: state where NULL goes: nulls first or nulls last")
    for start in re.finditer(r"\bcast\s*\(", text):
        inner = INTEGER_CAST.match(_until_closed(text[start.end() :], ends=None).strip())
        if inner and FRACTION.search(inner[1]) and not WHOLE.match(inner[1]):
            found.append(f"cast({inner[0]}): rounds here, cuts there; write floor or round inside the cast")
    return found


def _until_closed(text: str, ends: re.Pattern[str] | None = ORDER_ENDS) -> str:
    """`text` up to the bracket that closes one opened before it, or to a word on that level that ends the clause."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if (
            depth < 0
            or letter == ";"
            or (depth == 0 and ends and text[place - 1 : place].isspace() and ends.match(text, place))
        ):
            return text[:place]
    return text


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` without what engines differ in although the values are equal: nullability, metadata, names of list items."""
    return pa.schema([pa.field(field.name, _plain_type(field.type)) for field in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if pa.types.is_large_string(kind):
        return pa.string()
    return kind
