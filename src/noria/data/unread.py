"""Values that are there, and cannot be read as what they should be."""

from __future__ import annotations

import polars as pl

from noria.core.schema import Column, Schema, Type
from noria.data._numbers import BLANK, missing_words
from noria.data.conform import column_expr, used

__all__ = ["unread"]

_READ = (Type.NUMBER, Type.BOOLEAN, Type.DATETIME)


def unread(table: pl.DataFrame, schema: Schema) -> dict[str, pl.Series]:
    """The values of each column that `noria.data.conform` makes null though they are there.

    Infinite numbers are among them; not a number, and words such as ``n/a``, stand for a missing value.

    Examples
    --------
    >>> schema = Schema((Column("age", Type.NUMBER), Column("town", Type.CATEGORY)))
    >>> found = unread(pl.DataFrame({"age": ["41", "old", "n/a"], "town": ["x", "", "y"]}), schema)
    >>> {name: values.to_list() for name, values in found.items()}
    {'age': ['old']}
    """
    kinds = {name: kind for name, kind in table.schema.items() if kind == pl.String or kind.is_float()}
    asked = [one for one in used(schema) if one.type in _READ and one.name in kinds]
    lost = [_is_lost(column, kinds[column.name]) for column in asked]
    found = {one.name: table[one.name].filter(at) for one, at in zip(asked, table.select(lost))}
    return {name: values for name, values in found.items() if values.len()}


def _is_lost(column: Column, kind: pl.DataType) -> pl.Expr:
    """Whether a value is there, and is not after it was read."""
    raw = pl.col(column.name)
    if kind.is_float():
        return raw.is_infinite().fill_null(value=False)
    text = raw.str.strip_chars(BLANK).str.to_lowercase()
    there = raw.is_not_null() & ~text.is_in(missing_words(column.parse))
    return (there & column_expr(column, kind).is_null()).alias(column.name)
