"""Values that are there, and cannot be read as what they should be."""

from __future__ import annotations

import polars as pl

from noria.core.schema import Column, Role, Schema, Type
from noria.data._numbers import BLANK, missing_words
from noria.data.conform import column_expr, unreadable, used

__all__ = ["Unread"]

_READ = (Type.NUMBER, Type.BOOLEAN, Type.DATETIME)


class Unread:
    """The values in a stream of tables that `noria.data.conform` makes null though they are there.

    Infinite numbers are among them; not a number, and words such as ``n/a``, stand for a missing value.

    Parameters
    ----------
    schema : Schema

    Attributes
    ----------
    lost : dict of str to (int, object)
        By column, how many there were, and the first.

    Examples
    --------
    >>> unread = Unread(Schema((Column("age", Type.NUMBER), Column("town", Type.CATEGORY))))
    >>> unread.without(pl.DataFrame({"age": ["41", "old", "n/a"], "town": ["x", "", "y"]}))["age"].to_list()
    ['41', None, 'n/a']
    >>> unread.lost
    {'age': (1, 'old')}
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.lost: dict[str, tuple[int, object]] = {}
        self._read: set[str] = set()

    def without(self, table: pl.DataFrame) -> pl.DataFrame:
        """The next table, null where a feature cannot be read."""
        kinds, nulled = table.schema, []
        asked = [one for one in used(self.schema) if one.type in _READ and one.name in kinds]
        for column, read in zip(asked, table.select(_is_read(one, kinds[one.name]) for one in asked)):
            name, values = column.name, table[column.name].filter(~read)
            if read.any():
                self._read.add(name)
            if values.len():
                count, first = self.lost.get(name, (0, values[0]))
                self.lost[name] = count + values.len(), first
                if column.role is Role.FEATURE:
                    nulled.append(pl.when(~read).then(None).otherwise(pl.col(name)).alias(name))
        return table.with_columns(nulled)

    def check(self) -> None:
        """Raise ColumnError if a column had texts in all these tables, and none of them could be read."""
        for name, (_, first) in self.lost.items():
            if name not in self._read and isinstance(first, str):
                raise unreadable(self.schema[name], first)


def _is_read(column: Column, kind: pl.DataType) -> pl.Expr:
    """Whether a value that is there can be read; null where there is none."""
    raw = pl.col(column.name)
    there, read = raw.is_not_null(), pl.lit(value=True)
    if kind.is_float():
        there, read = raw.is_not_nan(), raw.is_finite()
    elif kind == pl.String:
        text = raw.str.strip_chars(BLANK).str.to_lowercase()
        there = there & ~text.is_in(missing_words(column.parse))
        read = column_expr(column, kind).is_not_null()
    return pl.when(there).then(read).alias(column.name)
