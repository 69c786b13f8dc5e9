"""What the columns of a raw table mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import polars as pl

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.data._dates import as_datetime, check_format
from noria.data._guess import epoch_of, guess, own_boolean
from noria.data._numbers import LOST, PLACEHOLDERS, Reading, as_number
from noria.data._seen import LEVELS, Seen, measure
from noria.data.conform import column_expr
from noria.errors import ColumnError, ParamError, TargetError, suggestion

__all__ = ["infer", "infer_task"]

_CLASSES = 20


def infer(
    table: pl.DataFrame,
    *,
    target: str | None = None,
    overrides: Mapping[str, str | Mapping[str, Any]] | None = None,
) -> Schema:
    """Infer each column's semantic type, its role, and how its text is read.

    Types are decided on the distinct values and checked against every row. A column of one value, or of none,
    becomes a constant; running numbers and all-distinct codes become ids; both are ignored, with a note. A
    missing value counts as a value: a column of ``"Y"`` and nulls is no constant.

    Parameters
    ----------
    table : Table
    target : str, optional
        The column to be learned.
    overrides : mapping, optional
        By column, what is known better: a type or a role (``{"zip": "category"}``), or several fields
        (``{"zip": {"type": "category", "role": "feature", "parse": {"nulls": ["-1"]}}}``).

    Returns
    -------
    Schema

    Raises
    ------
    ColumnError
        If the target or an overridden column is not in the table.
    ParamError
        If an override names an unknown type, role or field.
    TargetError
        If the target cannot be learned: constant, all null, or all-distinct text.

    Examples
    --------
    >>> table = pl.DataFrame({"km": ["1,200 km", "7 km", "?"], "left": ["yes", "no", "no"]})
    >>> [(column.name, str(column.type)) for column in infer(table)]
    [('km', 'number'), ('left', 'boolean')]
    """
    for name in overrides or ():
        if name not in table.columns:
            raise ColumnError(f"There is no column {name!r} to override.", do=suggestion(name, table.columns))
    wishes = {name: _wish(name, given) for name, given in (overrides or {}).items()}
    chosen = [name for name, wish in wishes.items() if wish.role is Role.TARGET]
    target = target if target is not None or not chosen else chosen[0]
    if target is not None and target not in table.columns:
        raise ColumnError(f"There is no target column {target!r}.", do=suggestion(target, table.columns))
    columns = []
    for name in table.columns:
        wish, seen = wishes.get(name, _Wish()), Seen(table[name])
        column = _infer_target(seen, wish, table) if name == target else _infer_column(seen, wish)
        columns.append(replace(column, role=wish.role) if wish.role and name != target else column)
    return Schema(tuple(columns), rows=table.height)


def infer_task(column: Column, table: pl.DataFrame) -> str:
    """The task that a target column asks for.

    A number is a class if it takes two whole values, or at most 20 with more than 20 rows each on average. A
    number that has the role of the target already was judged before, and asks for regression.

    Parameters
    ----------
    column : Column
        Of a schema that was inferred from `table`.
    table : Table
        The raw rows.

    Returns
    -------
    {"classification", "regression"}

    Raises
    ------
    TargetError
        If it cannot be learned.

    Examples
    --------
    >>> table = pl.DataFrame({"price": [1.5, 2.5, 8.0, 9.25]})
    >>> infer_task(infer(table)["price"], table)
    'regression'
    """
    rows = table.height - column.nulls
    if column.distinct < 2:
        got = "no value" if not column.distinct else "one value"
        raise TargetError(
            f"The target {column.name!r} has nothing to learn.",
            got=f"{got} in {table.height:,} rows",
            do="Name another target, or give rows of more than one kind.",
        )
    if column.type is Type.NUMBER:
        few = column.distinct <= _CLASSES and rows > 20 * column.distinct
        coded = column.role is not Role.TARGET and (few or column.distinct == 2)
        if not coded:
            return "regression"
        number = table.select(column_expr(column, table.schema[column.name])).to_series().drop_nulls()
        return "classification" if bool((number == number.round(0)).all()) else "regression"
    if column.type in {Type.DATETIME, Type.IMAGE, Type.DOCUMENT, Type.VECTOR}:
        raise TargetError(
            f"The target {column.name!r} cannot be learned.",
            got=f"a column of type {column.type}",
            do="Name a target of numbers or of classes.",
        )
    if (rows >= 20 and column.distinct > rows / 2) or column.distinct == rows > 2:
        raise TargetError(
            f"The target {column.name!r} is text that hardly ever repeats.",
            got=f"{column.distinct:,} distinct values in {rows:,} rows",
            do="Name a target of numbers or of classes.",
        )
    return "classification"


@dataclass(frozen=True)
class _Wish:
    """What the user says about a column."""

    type: Type | None = None
    role: Role | None = None
    parse: tuple[tuple[str, Any], ...] = ()


def _wish(name: str, given: str | Mapping[str, Any]) -> _Wish:
    """Read and check one override."""
    if isinstance(given, str):
        is_role = given in set(Role) and given not in set(Type)
        given = {"role": given} if is_role else {"type": given}
    _known(name, "field", given, ["type", "role", "parse"])
    kind, role, parse = given.get("type"), given.get("role"), given.get("parse") or {}
    _known(name, "type", [kind] if kind else [], list(Type))
    _known(name, "role", [role] if role else [], list(Role))
    if not isinstance(parse, Mapping):
        raise _mistyped(name, "parse", parse, "a mapping such as {nulls: ['?']}")
    parse = {"true" if key is True else key: value for key, value in parse.items()}  # as YAML reads the key
    _known(name, "parse field", parse, [field.name for field in fields(Parse)])
    parse = {key: _parse_field(name, key, value) for key, value in parse.items()}
    if parse.get("format"):
        check_format(name, parse["format"])
    return _Wish(Type(kind) if kind else None, Role(role) if role else None, tuple(parse.items()))


def _parse_field(name: str, key: str, value: Any) -> Any:
    """A field of `Parse`, of its type; one word may stand for a list of them."""
    kind = type(getattr(Parse(), key))
    if kind is tuple:
        return tuple(_word(name, key, one) for one in (value if isinstance(value, list | tuple) else [value]))
    if not isinstance(value, kind):
        wanted = "true or false" if kind is bool else "a text, in quotes"
        raise _mistyped(name, f"parse: {key}", value, wanted)
    return value


def _word(name: str, key: str, value: Any) -> str:
    """A text as it stands in the column, which YAML may have read as a number, a date or a boolean."""
    if isinstance(value, bool) and not (key == "true" and value):
        raise _mistyped(name, f"parse: {key}", value, "the text as it stands in the column, in quotes")
    if not isinstance(value, str | int | float | date):
        raise _mistyped(name, f"parse: {key}", value, "a list of texts, such as ['?', '-999']")
    return str(value).lower() if key == "true" else str(value)


def _mistyped(name: str, key: str, value: object, wanted: str) -> ParamError:
    return ParamError(
        f"The override of column {name!r} has a value of the wrong type under '{key}'.",
        got=repr(value),
        do=f"Write {wanted}.",
    )


def _known(name: str, what: str, given: Iterable[Any], known: Sequence[str]) -> None:
    for one in given:
        if one not in known:
            raise ParamError(
                f"The override of column {name!r} has an unknown {what}.",
                got=repr(one),
                do=suggestion(str(one), known),
            )


def _infer_column(seen: Seen, wish: _Wish) -> Column:
    """Type, parsing, notes and counts of a column."""
    if wish.type is not None:
        return _wished(seen, wish.type, wish)
    column = guess(seen)
    if wish.role is Role.TIME and seen.numeric and column.type in {Type.ID, Type.CATEGORY}:
        column = Column(seen.name, Type.NUMBER)
    column = measure(seen, replace(column, parse=replace(column.parse, **dict(wish.parse))))
    if column.distinct == 0 or (column.distinct == 1 and column.nulls == 0):
        note = "every value is missing" if column.distinct == 0 else "every value is the same"
        notes = (*column.notes, f"ignored: {note}")
        return replace(column, type=Type.CONSTANT, role=Role.IGNORE, notes=notes)
    if column.type is Type.CATEGORY and column.distinct > LEVELS:
        return replace(column, notes=(*column.notes, f"{column.distinct:,} levels"))
    return column


def _wished(seen: Seen, kind: Type, wish: _Wish) -> Column:
    """A column whose type the user has set: only its parsing is found out."""
    own, text = dict(wish.parse), seen.kind == "text"
    reading = Reading(Parse(), 1.0)
    if text and kind in _READINGS:
        reading = _READINGS[kind](seen) or reading
    elif kind is Type.DATETIME and seen.numeric:
        reading = Reading(Parse(format=epoch_of(seen) or "%Y%m%d"), 1.0)
    nulls = tuple(seen.among(PLACEHOLDERS if kind in _READINGS else LOST)) if text else ()
    parse = replace(reading.parse, nulls=nulls)
    role = Role.IGNORE if kind in {Type.CONSTANT, Type.ID} else Role.FEATURE
    return measure(seen, Column(seen.name, kind, role, replace(parse, **own), notes=reading.notes))


_READINGS: dict[Type, Callable[[Seen], Reading | None]] = {
    Type.NUMBER: lambda seen: as_number(seen.look, forced=True),
    Type.DATETIME: lambda seen: as_datetime(seen.look, seen.counts, forced=True),
    Type.BOOLEAN: own_boolean,
}


def _infer_target(seen: Seen, wish: _Wish, table: pl.DataFrame) -> Column:
    """The target's column; its type says whether it asks for classes or for a number."""
    column = _infer_column(seen, wish)
    if wish.type is not None and not column.distinct and seen.counts.height:
        raise TargetError(
            f"No value of the target {seen.name!r} can be read as a {wish.type}.",
            got=repr(seen.counts["text"].sort()[0]),
            do="Leave the task and the target's type out, or name another target.",
        )
    if wish.type is Type.TEXT:
        return replace(column, role=Role.TARGET)
    if wish.type is None and seen.numeric and column.type in {Type.ID, Type.CATEGORY, Type.DATETIME}:
        column = measure(seen, Column(seen.name, Type.NUMBER, parse=Parse(**dict(wish.parse))))
    given = replace(column, role=Role.TARGET) if wish.type is not None else column
    if infer_task(given, table) == "classification" and column.type is not Type.BOOLEAN:
        nulls = column.parse.nulls or (tuple(seen.among(LOST)) if seen.kind == "text" else ())
        classes = Column(seen.name, Type.CATEGORY, parse=Parse(nulls=nulls), notes=column.notes)
        column = measure(seen, classes)
    return replace(column, role=Role.TARGET)
