"""A raw table, or one raw row, to the types that a schema promises."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.data._dates import EPOCHS, date_expr, date_reader, epoch_expr, epoch_reader
from noria.data._numbers import BLANK, PLACEHOLDERS, missing_words, number_expr, number_reader
from noria.errors import ColumnError, nearest

__all__ = [
    "FALSE_WORDS",
    "TRUE_WORDS",
    "RowConformer",
    "column_expr",
    "conform",
    "family",
    "unreadable",
    "used",
    "written",
]

TRUE_WORDS = frozenset({"true", "yes", "y", "t", "1", "1.0", "on"})
FALSE_WORDS = frozenset({"false", "no", "n", "f", "0", "0.0", "off"})

_Reader = Callable[[Any], Any]
_NUMERIC = "a number"
_TEXT = "text"
_MOMENT = "a date"
_EXACT = 2.0**53
_MICROSECOND = timedelta(microseconds=1)


def used(schema: Schema, roles: Iterable[Role] | None = None) -> tuple[Column, ...]:
    """The columns with one of the roles; all but the ignored ones if no roles are named."""
    wanted = set(Role) - {Role.IGNORE} if roles is None else set(roles)
    return tuple(column for column in schema if column.role in wanted)


def written(schema: Schema) -> frozenset[str]:
    """The numbers that were written as text in a way of their own: thousands marks, percentages, units.

    One file of them may look like plain numbers, so that their text must not be read before the schema does:
    beside ``1.234.567``, the text ``1.234`` is 1234.

    Examples
    --------
    >>> sizes = Schema((Column("m", Type.NUMBER), Column("of", Type.NUMBER, parse=Parse(percent=True))))
    >>> sorted(written(sizes))
    ['of']
    """
    numbers = (column for column in schema if column.type is Type.NUMBER)
    return frozenset(column.name for column in numbers if replace(column.parse, nulls=()) != Parse())


def conform(table: pl.DataFrame, schema: Schema, *, roles: Iterable[Role] | None = None) -> pl.DataFrame:
    """Give a raw table the types of a schema.

    Numbers become Float64 (what cannot be read, and the infinite, becomes null), categories, texts and ids
    String, booleans Boolean, datetimes ``Datetime("us")`` in naive UTC; images, documents and vectors stay as
    they are. Doing it twice changes nothing.

    Parameters
    ----------
    table : Table
        Raw or already typed; columns that the schema does not know are left out.
    schema : Schema
    roles : iterable of Role, optional
        Only columns with these roles; all but the ignored ones by default.

    Returns
    -------
    Table
        The columns in the schema's order, with the rows of `table`.

    Raises
    ------
    ColumnError
        If a column is missing, or none of its values can be read as what it should be.

    Examples
    --------
    >>> schema = Schema((Column("km", Type.NUMBER, parse=Parse(suffix="km", thousands=",")),))
    >>> conform(pl.DataFrame({"km": ["1,200 km", "?", "7"]}), schema)["km"].to_list()
    [1200.0, None, 7.0]
    """
    columns, kinds = used(schema, roles), dict(table.schema)
    for column in columns:
        if column.name not in kinds:
            raise _missing(column.name, kinds)
    typed = table.select([column_expr(column, kinds[column.name]) for column in columns])
    for column in columns:
        _check_readable(column, table[column.name], typed[column.name])
    return typed


def _missing(name: str, present: Iterable[str]) -> ColumnError:
    present = list(present)
    close = nearest(name, present)
    do = f"There are: {', '.join(present[:12])}."
    if close:
        do = f"Rename {close!r} to {name!r}, or add the column."
    return ColumnError(f"The table has no column {name!r}.", do=do)


def _check_readable(column: Column, raw: pl.Series, typed: pl.Series) -> None:
    """Raise if there were values, and none of them could be read."""
    if raw.dtype != pl.String or typed.null_count() < typed.len() or column.type not in _EXPECTED:
        return
    text = raw.drop_nulls().str.strip_chars(BLANK)
    known = [*PLACEHOLDERS, *(null.lower() for null in column.parse.nulls), ""]
    lost = text.filter(~text.str.to_lowercase().is_in(known))
    if lost.len():
        raise unreadable(column, lost[0])


def unreadable(column: Column, value: object) -> ColumnError:
    """The error that a column should hold something else than this value."""
    return ColumnError(
        f"The column {column.name!r} should hold {_EXPECTED[column.type]}.",
        got=repr(value),
        do=f"Write {_EXAMPLE[column.type]}, or leave it empty where it is unknown.",
    )


_EXPECTED = {Type.NUMBER: "numbers", Type.BOOLEAN: "yes or no", Type.DATETIME: "dates"}
_EXAMPLE = {
    Type.NUMBER: "a number such as 12.5",
    Type.BOOLEAN: "true or false",
    Type.DATETIME: "a date such as 2021-03-05",
}


# --- a whole column --------------------------------------------------------------------------------


def family(dtype: pl.DataType) -> str:
    """The kind of values that a storage type holds."""
    if dtype.is_float():
        return "real"
    if dtype.is_numeric():
        return "whole" if dtype.is_integer() else "decimal"
    if getattr(dtype, "time_zone", None):
        return "zoned"
    return _FAMILIES.get(dtype.base_type(), "other")


_FAMILIES = {
    pl.String: "text",
    pl.Categorical: "level",
    pl.Enum: "level",
    pl.Boolean: "boolean",
    pl.Date: "moment",
    pl.Datetime: "moment",
    pl.Duration: "span",
    pl.Time: "clock",
    pl.Null: "null",
}


def column_expr(column: Column, dtype: pl.DataType) -> pl.Expr:
    """How Polars reads one raw column."""
    kind, raw = family(dtype), pl.col(column.name)
    if column.type not in _BY_TYPE:
        return raw
    if kind == "level":
        kind, raw = "text", raw.cast(pl.String)
    if kind == "null":
        return raw.cast(_STORED[column.type])
    read = _BY_TYPE[column.type].get(kind)
    if read is None:
        raise ColumnError(
            f"The column {column.name!r} should hold {_EXPECTED.get(column.type, 'single values')}.",
            got=f"values of type {dtype}",
            do="Give the values that the model was trained on, or train again.",
        )
    return read(raw, column.parse).alias(column.name)


def _finite(number: pl.Expr, parse: Parse) -> pl.Expr:
    """Null where it is not finite, or a number that stands for a missing value."""
    keep = number.is_finite()
    lost = _lost_numbers(parse)
    if lost:
        keep = keep & ~number.is_in(lost)
    return pl.when(keep).then(number).otherwise(None)


def _lost_numbers(parse: Parse) -> list[float]:
    """The numbers among the texts that stand for a missing value: -999."""
    read = number_reader(Parse(prefix=parse.prefix, suffix=parse.suffix))
    return [number for number in map(read, parse.nulls) if number is not None]


def _number(raw: pl.Expr, parse: Parse) -> pl.Expr:
    return _finite(raw.cast(pl.Float64), parse)


def _number_text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    return _finite(number_expr(raw, parse), parse)


def _text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    text = raw.str.strip_chars(BLANK)
    return pl.when(text.is_in(["", *parse.nulls])).then(None).otherwise(text)


def _any_as_text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    return _text(raw.cast(pl.String), parse)


def _real_as_text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    whole = (raw == raw.round(0)) & (raw.abs() < _EXACT)
    text = (
        pl.when(whole).then(raw.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(raw.cast(pl.String))
    )
    return _text(pl.when(raw.is_finite()).then(text).otherwise(None), parse)


def _boolean_number(raw: pl.Expr, _: Parse) -> pl.Expr:
    number = raw.cast(pl.Float64)
    return pl.when(number.is_finite()).then(number != 0.0).otherwise(None)


def _boolean_text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    text = _text(raw, parse).str.to_lowercase()
    true, false = _words(parse)
    known = text.is_not_null() if false is None else text.is_in(sorted(true | false))
    return pl.when(known).then(text.is_in(sorted(true))).otherwise(None)


def _words(parse: Parse) -> tuple[frozenset[str], frozenset[str] | None]:
    """The words for true and for false; None where everything else means false."""
    own = frozenset(parse.true)
    return (TRUE_WORDS, FALSE_WORDS) if own <= TRUE_WORDS else (own, None)


def _moment(raw: pl.Expr, _: Parse) -> pl.Expr:
    return raw.cast(pl.Datetime("us"), strict=False)  # null beyond 290,000 years


def _zoned(raw: pl.Expr, _: Parse) -> pl.Expr:
    return raw.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"), strict=False)


def _moment_text(raw: pl.Expr, parse: Parse) -> pl.Expr:
    return date_expr(_text(raw, parse), parse)


def _moment_number(raw: pl.Expr, parse: Parse, as_text: _Expression = _any_as_text) -> pl.Expr:
    if parse.format in EPOCHS:
        return epoch_expr(raw, parse.format)
    return date_expr(as_text(raw, parse), parse)


_Expression = Callable[[pl.Expr, Parse], pl.Expr]
_AS_TEXT: dict[str, _Expression] = {
    **dict.fromkeys(("whole", "decimal", "boolean", "moment", "zoned", "span", "clock"), _any_as_text),
    "text": _text,
    "real": _real_as_text,
}
_AS_NUMBER: dict[str, _Expression] = {
    **dict.fromkeys(("whole", "real", "decimal", "boolean"), _number),
    "text": _number_text,
    "span": lambda raw, _: raw.dt.total_microseconds() * 1e-6,
    "clock": lambda raw, _: raw.cast(pl.Int64) // 1000 * 1e-6,
}
_AS_BOOLEAN: dict[str, _Expression] = {
    **dict.fromkeys(("whole", "real", "decimal"), _boolean_number),
    "boolean": lambda raw, _: raw,
    "text": _boolean_text,
}
_AS_MOMENT: dict[str, _Expression] = {
    "moment": _moment,
    "zoned": _zoned,
    "text": _moment_text,
    "whole": _moment_number,
    "real": lambda raw, parse: _moment_number(raw, parse, _real_as_text),
}
_BY_TYPE: dict[Type, dict[str, _Expression]] = {
    Type.NUMBER: _AS_NUMBER,
    Type.BOOLEAN: _AS_BOOLEAN,
    Type.DATETIME: _AS_MOMENT,
    **dict.fromkeys((Type.CATEGORY, Type.TEXT, Type.ID, Type.CONSTANT), _AS_TEXT),
}
_STORED = dict.fromkeys(_BY_TYPE, pl.String()) | {
    Type.NUMBER: pl.Float64(),
    Type.BOOLEAN: pl.Boolean(),
    Type.DATETIME: pl.Datetime("us"),
}


# --- one value --------------------------------------------------------------------------------


class RowConformer:
    """`conform` for single rows: compiled once, then well under a microsecond per number.

    Parameters
    ----------
    schema : Schema
    roles : iterable of Role, optional
        Only columns with these roles; all but the ignored ones by default.
    strict : bool
        Raise for a value that cannot be read; otherwise it becomes None, as in a batch.

    Attributes
    ----------
    names : tuple of str
        The columns, in the order of the tuples.

    Examples
    --------
    >>> schema = Schema((Column("age", Type.NUMBER), Column("left", Type.BOOLEAN)))
    >>> RowConformer(schema)({"age": "41", "left": "yes"})
    (41.0, True)
    """

    def __init__(self, schema: Schema, *, roles: Iterable[Role] | None = None, strict: bool = False) -> None:
        columns = used(schema, roles)
        self.names = tuple(column.name for column in columns)
        self._readers = [(column.name, _reader(column, strict)) for column in columns]

    def __call__(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The typed values: float, str, bool, naive UTC datetime, or None.

        Raises
        ------
        ColumnError
            If a column is missing, or holds a kind of value that it never can.
        """
        try:
            return tuple([read(row[name]) for name, read in self._readers])
        except KeyError as error:
            name = next((name for name in self.names if name not in row), None)
            if name is None:
                raise
            raise _missing(name, row) from error


def _reader(column: Column, strict: bool) -> _Reader:
    """The function that reads one column's values."""
    build = _READERS.get(column.type)
    if build is None:
        return lambda value: value
    by_kind = {**build(column.parse), type(None): lambda value: value}
    get = by_kind.get

    def read_any(value: Any) -> Any:
        read = get(value.__class__)
        return read(value) if read is not None else _read_other(column, by_kind, value)

    plain = column.type is Type.NUMBER and not _lost_numbers(column.parse)
    read = _fast_number(read_any) if plain else read_any
    return _strictly(column, read) if strict and column.type in _EXPECTED else read


def _fast_number(read_any: _Reader) -> _Reader:
    """The short way for plain floats."""

    def read(value: Any) -> Any:
        if value.__class__ is float and value - value == 0.0:
            return value
        return read_any(value)

    return read


def _strictly(column: Column, read: _Reader) -> _Reader:
    """The same, but for an error where there is a value that cannot be read."""
    missing = missing_words(column.parse)

    def strict(value: Any) -> Any:
        found = read(value)
        if found is None and value is not None and str(value).strip(BLANK).lower() not in missing:
            raise unreadable(column, value)
        return found

    return strict


def _read_other(column: Column, by_kind: Mapping[type, _Reader], value: Any) -> Any:
    """A NumPy scalar, or a value of a subclass."""
    if hasattr(value, "item"):
        value = value.item()
    read = next((by_kind[kind] for kind in type(value).__mro__ if kind in by_kind), None)
    if read is None:
        raise ColumnError(
            f"The column {column.name!r} should hold {_EXPECTED.get(column.type, 'single values')}.",
            got=f"{reprlib.repr(value)} of type {type(value).__name__}",
            do="Give a value such as those that the model was trained on.",
        )
    return read(value)


def _read_number(parse: Parse) -> dict[type, _Reader]:
    lost, finite = frozenset(_lost_numbers(parse)), math.isfinite

    def clean(number: float | None) -> float | None:
        return None if number is None or not finite(number) or number in lost else number

    def whole(number: int) -> float | None:
        try:
            known = float(number)
        except OverflowError:
            return None
        return None if known in lost else known

    text = number_reader(parse)
    return {
        float: clean,
        int: whole,
        bool: float,
        Decimal: lambda number: clean(float(number)),
        str: lambda value: clean(text(value)),
        timedelta: lambda span: span // _MICROSECOND * 1e-6,
        time: lambda clock: _micros(clock) * 1e-6,
    }


def _micros(clock: time) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond


def _read_text(parse: Parse) -> dict[type, _Reader]:
    lost = frozenset({"", *parse.nulls})

    def text(value: str) -> str | None:
        value = value.strip(BLANK)
        return None if value in lost else value

    def real(number: float) -> str | None:
        if not math.isfinite(number):
            return None
        whole = number == int(number) and abs(number) < _EXACT
        return text(str(int(number))) if whole else by_polars(number)

    def by_polars(value: object) -> str | None:
        return text(pl.Series([value]).cast(pl.String)[0])

    slow = dict.fromkeys((Decimal, date, datetime, time, timedelta), by_polars)
    return {str: text, int: lambda n: text(str(n)), float: real, bool: lambda b: text(str(b).lower()), **slow}


def _read_boolean(parse: Parse) -> dict[type, _Reader]:
    text = _read_text(parse)[str]
    true, false = _words(parse)

    def word(value: str) -> bool | None:
        found = text(value)
        if found is None:
            return None
        found = found.lower()
        return found in true if false is None or found in true or found in false else None

    def number(value: float) -> bool | None:
        return value != 0 if math.isfinite(value) else None

    return {bool: bool, int: lambda n: n != 0, float: number, Decimal: lambda n: number(float(n)), str: word}


def _read_moment(parse: Parse) -> dict[type, _Reader]:
    as_text, parsed = _read_text(parse), date_reader(parse)

    def text(value: Any, kind: type = str) -> datetime | None:
        found = as_text[kind](value)
        return None if found is None else parsed(found)

    def aware(value: datetime) -> datetime:
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)

    epoch = epoch_reader(parse.format) if parse.format in EPOCHS else None
    return {
        str: text,
        datetime: aware,
        date: lambda day: datetime(day.year, day.month, day.day),
        int: epoch or (lambda number: text(number, int)),
        float: epoch or (lambda number: text(number, float)),
    }


_READERS: dict[Type, Callable[[Parse], dict[type, _Reader]]] = {
    Type.NUMBER: _read_number,
    Type.BOOLEAN: _read_boolean,
    Type.DATETIME: _read_moment,
    Type.CATEGORY: _read_text,
    Type.TEXT: _read_text,
    Type.ID: _read_text,
    Type.CONSTANT: _read_text,
}
