"""Types for columns that were read as text, decided on every value and only where nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from polars.selectors import by_name

__all__ = ["Typing"]

_HEAD = 1_000
_EXACT = 2**53
_LEADING_ZERO = r"^[+-]?0\d"
_LOSSY = r"^[+-]?(?:0\d|\d{16,}$)"
_Make = Callable[[pl.Expr], pl.Expr]


def _integer(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Int64, strict=False)


def _float(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Float64, strict=False)


def _date(text: pl.Expr) -> pl.Expr:
    return text.str.to_date("%Y-%m-%d", strict=False)


def _datetime(text: pl.Expr) -> pl.Expr:
    spaced = text.str.replace("T", " ", literal=True)
    seconds = pl.when(spaced.str.len_bytes() == 16).then(spaced + ":00").otherwise(spaced)
    return seconds.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)


def _boolean(text: pl.Expr) -> pl.Expr:
    return text == "true"


def _all_parse(text: pl.Expr, made: pl.Expr) -> pl.Expr:
    """Whether no value got lost on the way."""
    return made.null_count() == text.null_count()


def _fits_integer(text: pl.Expr) -> pl.Expr:
    return _all_parse(text, _integer(text)) & ~text.str.contains(_LEADING_ZERO).any()


def _fits_float(text: pl.Expr) -> pl.Expr:
    number = _float(text)
    return _all_parse(text, number) & number.is_finite().all() & ~text.str.contains(_LOSSY).any()


def _fits_date(text: pl.Expr) -> pl.Expr:
    return _all_parse(text, _date(text)) & (text.str.len_bytes() == 10).all()


def _fits_datetime(text: pl.Expr) -> pl.Expr:
    return _all_parse(text, _datetime(text)) & (text.str.len_bytes() >= 16).all()


def _fits_boolean(text: pl.Expr) -> pl.Expr:
    return text.is_in(["true", "false"]).all()


_KINDS: dict[str, tuple[_Make, _Make]] = {
    "integer": (_fits_integer, _integer),
    "float": (_fits_float, _float),
    "date": (_fits_date, _date),
    "datetime": (_fits_datetime, _datetime),
    "boolean": (_fits_boolean, _boolean),
}


class Typing:
    """The narrowest type that every value of a text column fits; text where there is none.

    Integers, floats, ISO dates and datetimes, and ``true``/``false`` are recognised. Anything that
    would change by being parsed stays text: leading zeros, more digits than a float holds, ``nan``.

    Parameters
    ----------
    names : list of str
        The columns, all of them text.

    Examples
    --------
    >>> frame = pl.DataFrame({"n": ["1", "2"], "zip": ["01234", "99999"], "d": ["2024-01-31", None]})
    >>> typing = Typing(frame.columns)
    >>> typing.look(frame)
    >>> typing.apply(frame).dtypes
    [Int64, String, Date]
    """

    def __init__(self, names: list[str]) -> None:
        self._fits = {kind: list(names) for kind in _KINDS}
        self._seen: set[str] = set()

    def look(self, frame: pl.DataFrame) -> None:
        """Rule out what the values of `frame` contradict."""
        nulls = dict(zip(frame.columns, frame.null_count().row(0), strict=True))
        filled = {name for name, count in nulls.items() if count < frame.height}
        heads = [frame] if self._seen else [frame.head(_HEAD), frame]  # most kinds are ruled out at once
        self._seen |= filled
        for kind in _KINDS:
            spared = [name for name in self._fits[kind] if name not in filled]
            rest = [name for name in self._fits[kind] if name in filled]
            if kind == "float":
                safe = dict.fromkeys(self._exact_integers(frame, rest))
                spared += safe
                rest = [name for name in rest if name not in safe]
            for rows in heads:
                rest = self._passing(kind, rows, rest)
            self._fits[kind] = spared + rest

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with every column in the type that was decided."""
        left = set(self._seen)
        made = []
        for kind, (_, make) in _KINDS.items():
            names = [name for name in self._fits[kind] if name in left]
            left.difference_update(names)
            made.append(make(by_name(*names)))
        return frame.with_columns(made)

    def _exact_integers(self, frame: pl.DataFrame, names: list[str]) -> list[str]:
        """The integer columns that a float would hold exactly as well."""
        integers = set(self._fits["integer"])
        whole = [name for name in names if name in integers]
        return _true(frame, whole, _integer(by_name(*whole)).abs().max() <= _EXACT)

    @staticmethod
    def _passing(kind: str, frame: pl.DataFrame, names: list[str]) -> list[str]:
        """The columns all of whose values fit."""
        fits, _ = _KINDS[kind]
        return _true(frame, names, fits(by_name(*names)))


def _true(frame: pl.DataFrame, names: list[str], verdict: pl.Expr) -> list[str]:
    """The names for which the verdict over their columns is true."""
    return [name for name, true in frame.select(verdict).row(0, named=True).items() if true] if names else []
