"""Arrow IPC streams as the bodies of requests and answers: many rows, typed, without JSON."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from noria.core.schema import Schema, Type
from noria.data.conform import column_expr
from noria.errors import ParamError, RequestError
from noria.lifecycle.serve import Limits

if TYPE_CHECKING:
    import polars as pl

__all__ = ["STREAM", "body", "rows"]

_ANY = Schema(())
_TEXTS = (Type.CATEGORY, Type.TEXT, Type.ID, Type.CONSTANT)
STREAM = "application/vnd.apache.arrow.stream"
_GROWN = 4  # times the bytes of a request that its texts may take, where one stands for many rows
_SMALLEST = 4  # bytes of a request per value


def rows(sent: bytes, limits: Limits, schema: Schema = _ANY) -> list[dict[str, Any]]:
    """The rows of a stream, with values as JSON knows them, and moments.

    What the schema says is text becomes text as in `noria predict`: a Float32 of 0.1 is ``0.1``.

    Raises
    ------
    ParamError
        If it is none, is compressed, or holds columns that are no single values.
    RequestError
        If the rows are more than one request may have, or become far larger than what was sent.
    """
    import polars as pl
    from polars import selectors

    table = _table(sent, limits)
    odd = table.select(selectors.binary() | selectors.nested() | selectors.object()).columns
    if odd:
        raise ParamError(f"The column {odd[0]!r} does not hold single values.", got=table.schema[odd[0]])
    kinds = {name: kind for name, kind in table.schema.items() if kind not in (pl.String, pl.Duration)}
    texts = [one for one in schema if one.type in _TEXTS and one.name in kinds]
    table = table.with_columns(column_expr(one, kinds[one.name]) for one in texts)
    table = table.with_columns(
        selectors.decimal().cast(pl.Float64),
        (selectors.categorical() | selectors.enum()).cast(pl.String),
        selectors.duration().dt.total_microseconds() * 1e-6,
    )
    sizes = table.select(selectors.string().str.len_bytes().cast(pl.Int64).sum())
    _check_size(sum(sizes.row(0)) if sizes.width else 0, _GROWN * limits.body, "bytes of text")
    try:
        return table.to_dicts()
    except (pl.exceptions.PanicException, OverflowError, ValueError) as error:
        raise ParamError("A value lies outside of what dates and times can be.", got=str(error)) from error


def _table(sent: bytes, limits: Limits) -> pl.DataFrame:
    """The table of a stream; what its headers promise is checked before anything is made of it."""
    import polars as pl
    import pyarrow as pa

    try:
        count = 0
        for message in pa.ipc.MessageReader.open_stream(sent):
            if message.type not in ("record batch", "dictionary"):
                continue
            size, compressed = _promised(message.metadata.to_pybytes(), message.type == "dictionary")
            if compressed:
                raise ParamError("The stream is compressed.", do="Write it without compression.")
            _check_size(size, limits.rows, "rows")
            count += size if message.type == "record batch" else 0
            _check_size(count, limits.rows, "rows")
        table = pa.ipc.open_stream(sent).read_all()
        table.validate(full=True)
        _check_size(table.num_rows * table.num_columns, limits.body // _SMALLEST, "values")
        return cast("pl.DataFrame", pl.from_arrow(table))
    except (pa.ArrowException, pl.exceptions.PanicException, pl.exceptions.PolarsError, OSError) as error:
        raise ParamError(
            "The request is no Arrow IPC stream.",
            got=str(error).splitlines()[0] if str(error) else None,
            do=f"Write the table with pyarrow.ipc.new_stream, or send JSON instead of {STREAM}.",
        ) from error


def _check_size(count: int, most: int, what: str) -> None:
    if not 0 <= count <= most:
        raise RequestError(
            f"Too many {what} were sent at once.", status=413, got=f"{count:,}", do=f"Send at most {most:,}."
        )


def _promised(header: bytes, dictionary: bool) -> tuple[int, bool]:
    """The rows that a message promises, and whether they are compressed.

    pyarrow tells neither before it has made the rows; it has checked the FlatBuffer, a ``Message`` with a
    ``RecordBatch`` in it (https://arrow.apache.org/docs/format/Columnar.html).
    """
    batch = _follow(header, _field(header, _follow(header, 0), 2))
    if dictionary:
        batch = _follow(header, _field(header, batch, 1))
    length = _field(header, batch, 0)
    return struct.unpack_from("<q", header, length)[0] if length else 0, _field(header, batch, 3) > 0


def _follow(buffer: bytes, place: int) -> int:
    """Where the table lies that is referred to here."""
    return place + int(struct.unpack_from("<I", buffer, place)[0])


def _field(buffer: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 if it is absent."""
    fields = table - struct.unpack_from("<i", buffer, table)[0]
    known = (struct.unpack_from("<H", buffer, fields)[0] - 4) // 2
    offset = struct.unpack_from("<H", buffer, fields + 4 + 2 * number)[0] if number < known else 0
    return table + int(offset) if offset else 0


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
