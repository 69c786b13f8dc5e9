"""A form for one row of a model's input, made from its signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from noria.core.schema import Column, Role, Type
from noria.core.signature import Signature

__all__ = ["Field", "fields"]

_FEW = 20  # levels up to which all of them are shown at once
_DAY = 86_400
_About = Callable[[Column, Any], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """One control of the form.

    Attributes
    ----------
    id, name : str
        Of the element, and of the column.
    quoted : str
        The column as errors write it.
    control : str
        ``number``, ``select``, ``list`` (text with proposals), ``switch``, ``choice`` (yes, no, not known),
        ``date``, ``moment``, ``area`` or ``line``.
    value : object
        The example's, as the control shows it; None if it is not known.
    required : bool
        Whether the column was never empty in training, and has to be given.
    before, after : str
        The unit around a number.
    low, high : float, optional
        What a number was between in training.
    step : float, optional
        Of a number.
    options : tuple of str
        The levels of a category, most frequent first.
    empty : float
        Share of rows that had no value in training, 0 to 1.
    hint : str
    blank : str
        What it means to leave it empty.
    """

    id: str
    name: str
    quoted: str
    control: str
    value: Any
    required: bool = True
    before: str = ""
    after: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    empty: float = 0.0
    hint: str = ""
    blank: str = "not known"


def fields(signature: Signature, example: Mapping[str, Any]) -> list[Field]:
    """The controls of a form, in the order of the columns.

    Parameters
    ----------
    signature : Signature
    example : mapping
        A row of typed values, as `noria.data.conform` makes them.

    Examples
    --------
    >>> from noria.core.schema import Schema
    >>> signature = Signature(Schema((Column("age", Type.NUMBER, low=18, high=90),), rows=50), ())
    >>> [made] = fields(signature, {"age": 41.0})
    >>> made.control, made.value, made.step, made.hint
    ('number', '41', 1.0, '18 to 90 in training')
    """
    rows = signature.inputs.rows
    return [_field(at, column, example.get(column.name), rows) for at, column in enumerate(signature.columns)]


def _field(at: int, column: Column, value: Any, rows: int) -> Field:
    about: dict[str, Any] = {"value": None if value is None else str(value), "required": not column.nulls}
    about |= _ABOUT.get(column.type, _as_text("line"))(column, value)
    if column.role is Role.SERIES and value is None:
        about |= {"required": False, "blank": "all together"}
    empty = column.nulls / rows if rows else 0.0
    return Field(f"field-{at}", column.name, repr(column.name), empty=empty, **about)


def _number(column: Column, value: float | None) -> dict[str, Any]:
    known = [number for number in (column.low, column.high, value) if number is not None]
    hint = f"{_plain(column.low)} to {_plain(column.high)} in training" if column.low is not None else ""
    if column.parse.percent:
        hint = f"{hint}; a share: 0.12 means 12%"
    return {
        "control": "number",
        "value": None if value is None else _plain(value),
        "before": column.parse.prefix.strip(),
        "after": "" if column.parse.percent else column.parse.suffix.strip(),
        "low": column.low,
        "high": column.high,
        "step": _step(known),
        "hint": hint,
    }


def _step(known: list[float]) -> float:
    """One for whole numbers; else a power of ten, about a hundredth of the range."""
    if all(number == int(number) for number in known):
        return 1.0
    width = max(known) - min(known)
    return float(10.0 ** math.floor(math.log10(width / 100))) if width > 0 else 1.0


def _plain(number: float | None) -> str:
    """As a number box takes it; whole numbers, which may be ids or moments, to the last digit."""
    if number is None:
        return ""
    return f"{number:.0f}" if number == int(number) and abs(number) < 2**53 else f"{number:.12g}"


def _category(column: Column, value: str | None) -> dict[str, Any]:
    if 0 < len(column.levels) <= _FEW:
        return {"control": "select", "options": column.levels}
    hint = f"such as {column.levels[0]}" if column.levels and value is None else ""
    return {"control": "list", "options": column.levels, "hint": hint}


def _boolean(column: Column, value: bool | None) -> dict[str, Any]:
    return {"control": "choice" if column.nulls else "switch", "value": value}


def _datetime(column: Column, value: datetime | None) -> dict[str, Any]:
    low, high = column.low, column.high
    seconds = [moment for moment in (low, high) if moment is not None]
    whole = all(moment % _DAY == 0 for moment in seconds) and (value is None or value.time() == time())
    hint = ""
    if low is not None and high is not None:
        first, last = (_moment(moment, whole) for moment in (low, high))
        hint = f"{first} to {last} in training"
        if column.role is Role.TIME:
            hint = f"after {last}, the last moment with a known value"
    shown = None if value is None else value.date().isoformat() if whole else value.isoformat("T", "seconds")
    return {"control": "date" if whole else "moment", "value": shown, "hint": hint}


def _moment(seconds: float, whole: bool) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M")


def _as_text(control: str) -> _About:
    return lambda _column, _value: {"control": control}


_ABOUT: dict[Type, _About] = {
    Type.NUMBER: _number,
    Type.CATEGORY: _category,
    Type.BOOLEAN: _boolean,
    Type.DATETIME: _datetime,
    Type.TEXT: _as_text("area"),
}
