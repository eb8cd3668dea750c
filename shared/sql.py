"""One SQL text for DuckDB and Spark: what they would silently answer differently is forbidden, and the rest is made alike.

Both engines speak enough of one dialect that no translator stands between them. The danger is not the statement that one of them
refuses, but the one that both accept and understand differently; `forbidden` holds that list, and a test runs it over every statement.
"""

import pyarrow as pa


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
