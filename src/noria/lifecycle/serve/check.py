"""Rows as they come in: which are as the model's signature says, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from noria.core.schema import Column, Type
from noria.core.signature import Signature
from noria.data.conform import RowConformer
from noria.errors import ColumnError, nearest, suggestion

__all__ = ["RowCheck"]

_STORED = {
    Type.NUMBER: pl.Float64(),
    Type.BOOLEAN: pl.Boolean(),
    Type.DATETIME: pl.Datetime("us"),
    **dict.fromkeys((Type.CATEGORY, Type.TEXT, Type.ID, Type.CONSTANT), pl.String()),
}
_SHOWN = 80
_WORD = 1_000  # characters of what is no text: reading a number or a date may take their square


class RowCheck:
    """What a signature says of single rows: every field is there, no unknown one, and each can be read.

    Parameters
    ----------
    signature : Signature
    also : iterable of str
        Fields that may stand beside those of the signature.
    text : int
        Characters that one value may have.

    Examples
    --------
    >>> from noria.core.schema import Column, Schema
    >>> check = RowCheck(Signature(Schema((Column("age", Type.NUMBER),)), ()))
    >>> check({"age": "41"})
    (41.0,)
    >>> check({"agee": 41})
    Traceback (most recent call last):
    noria.errors.ColumnError: The field 'age' is missing.
      do:  Rename 'agee' to 'age'.
    """

    def __init__(self, signature: Signature, also: Iterable[str] = (), text: int = 100_000) -> None:
        beside = tuple(Column(name, Type.TEXT) for name in signature.also)
        inputs = replace(signature.inputs, columns=(*signature.inputs.columns, *beside))
        self._read = RowConformer(inputs, strict=True)
        self.names = self._read.names
        self._types = {name: _STORED.get(inputs[name].type) for name in self.names}
        self._blank = dict.fromkeys(signature.also)
        self._known = frozenset([*signature.inputs.names, *also])
        self._width, self._text = len(self.names), text
        words = (name for name, kind in self._types.items() if kind is not None and kind != pl.String())
        self._most = dict.fromkeys(words, min(text, _WORD))
        self._least = min(self._most.values(), default=text)

    def __call__(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The typed values of a row, in the order of `names`.

        Raises
        ------
        ColumnError
            If a field is missing, unknown, too long, or cannot be read as what it should be.
        """
        row = {**self._blank, **row} if self._blank else row
        try:
            if len(row) != self._width or not row.keys() >= self._types.keys():
                self._check_fields(row)
            for name, value in row.items():
                if value.__class__ is str and len(value) > self._least:
                    self._check_length(name, value)
            return self._read(row)
        except ColumnError as error:
            error.got = _shortened(error.got)
            raise

    def table(self, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
        """Typed rows as a table."""
        return pl.DataFrame(rows, schema=self._types, orient="row", strict=False, infer_schema_length=None)

    def _check_fields(self, row: Mapping[str, Any]) -> None:
        for name in self.names:
            if name not in row:
                close = nearest(name, [other for other in row if other not in self._known])
                do = (
                    f"Rename {_quoted(close)} to {name!r}."
                    if close
                    else f"The fields are: {_listed(self.names)}."
                )
                raise ColumnError(f"The field {name!r} is missing.", do=do)
        for name in row:
            if name not in self._known:
                raise ColumnError(
                    f"There is no field {_quoted(name)}.", do=suggestion(name[:_SHOWN], self.names)
                )

    def _check_length(self, name: str, text: str) -> None:
        most = self._most.get(name, self._text)
        if len(text) > most:
            raise ColumnError(
                f"The text of {name!r} is too long.",
                got=f"{len(text):,} characters",
                do=f"Send at most {most:,}.",
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _quoted(name: str) -> str:
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}..."


def _shortened(got: object) -> object:
    text = str(got)
    return f"{text[:_SHOWN]}..." if len(text) > _SHOWN else got
