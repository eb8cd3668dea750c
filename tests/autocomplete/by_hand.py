"""Small indexes made by hand."""

import pyarrow as pa

from autocomplete import index
from autocomplete.records import TERMS
from autocomplete.suggest import Suggester


def terms_of(*rows):
    """Terms of rows (text, weight[, type[, id]])."""
    full = [(*row, None, None)[:4] for row in rows]
    columns = [pa.array(column, field.type) for column, field in zip(zip(*full, strict=True), TERMS, strict=True)]
    return pa.table(columns, schema=TERMS)


def suggester_of(*rows):
    """A suggester over rows (text, weight[, type[, id]])."""
    return Suggester(index.build(terms_of(*rows)))


def texts(answer):
    return [suggestion.text for suggestion in answer.suggestions]
