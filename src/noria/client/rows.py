"""Rows on their way to a service."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import orjson

from noria.errors import ParamError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ARROW", "JSON", "body", "dumped", "table"]

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
_INFINITE = (float("inf"), float("-inf"))


def body(rows: Any) -> tuple[bytes, str]:
    """Rows as a request, and of which type it is."""
    if isinstance(rows, Sequence):
        return dumped({"rows": [_finite(row) for row in rows]}), JSON
    written = io.BytesIO()
    rows.write_ipc_stream(written)
    return written.getvalue(), ARROW


def _finite(row: Any) -> Any:
    """A row whose infinite numbers are words, which the service refuses: JSON would make nulls of them."""
    if not isinstance(row, Mapping):
        return row
    odd = {name: str(value) for name, value in row.items() if isinstance(value, Real) and value in _INFINITE}
    return {**row, **odd} if odd else row


def dumped(value: Any) -> bytes:
    """Anything as JSON."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise ParamError(
            "The rows hold values that JSON cannot.", got=str(error), do="Send a table."
        ) from error


def _plain(value: Any) -> Any:
    """A mapping that is no dict, or a number of another library."""
    return (
        dict(value) if isinstance(value, Mapping) else value.item() if hasattr(value, "item") else str(value)
    )


def table(rows: Any) -> pl.DataFrame:
    """A table of any kind as one of Polars."""
    import polars as pl

    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    try:
        if rows is None or isinstance(rows, str | bytes):
            raise TypeError
        return rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    except (TypeError, ValueError) as error:
        raise ParamError(
            "These are no rows.", got=type(rows).__name__,
            do="Give a dict, a list of dicts, or a table of Polars, pandas or Arrow.",
        ) from error  # fmt: skip
