"""Arrow IPC streams as the bodies of requests and answers: many rows, typed, without JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from noria.errors import ParamError

__all__ = ["STREAM", "body", "rows"]

STREAM = "application/vnd.apache.arrow.stream"


def rows(sent: bytes) -> list[dict[str, Any]]:
    """The rows of a stream, with values as JSON knows them, and moments.

    Raises
    ------
    ParamError
        If it is none, or holds columns that are no single values.
    """
    import polars as pl
    from polars import selectors

    try:
        table = pl.read_ipc_stream(io.BytesIO(sent))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise ParamError(
            "The request is no Arrow IPC stream.",
            got=str(error).splitlines()[0] if str(error) else None,
            do=f"Write the table with pyarrow.ipc.new_stream, or send JSON instead of {STREAM}.",
        ) from error
    odd = table.select(selectors.binary() | selectors.nested() | selectors.object()).columns
    if odd:
        raise ParamError(f"The column {odd[0]!r} does not hold single values.", got=table.schema[odd[0]])
    return table.with_columns(
        selectors.decimal().cast(pl.Float64),
        (selectors.categorical() | selectors.enum()).cast(pl.String),
        selectors.duration().dt.total_microseconds() * 1e-6,
    ).to_dicts()


def body(answers: Sequence[Mapping[str, Any]]) -> bytes:
    """Answers as a stream: a column per output and, if a row was refused, ``error`` as JSON text."""
    import polars as pl

    told = [
        {**answer, "error": json.dumps(answer["error"], ensure_ascii=False)} if "error" in answer else answer
        for answer in answers
    ]
    written = io.BytesIO()
    pl.DataFrame(told, infer_schema_length=None).write_ipc_stream(
        written, compat_level=pl.CompatLevel.oldest()
    )
    return written.getvalue()
