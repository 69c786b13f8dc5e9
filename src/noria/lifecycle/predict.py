"""Batch prediction of tables and of files larger than memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import polars as pl

from noria.core.events import Events
from noria.core.features import FeaturedModel
from noria.core.protocol import Conversational, Model
from noria.core.schema import Column, Type
from noria.core.words import quoted
from noria.data.unread import Unread
from noria.errors import ColumnError, ParamError, StorageError

__all__ = ["aligned", "answered", "asked", "joined", "save", "scored", "write"]

_QUESTION = 10_000  # characters
_IS_NOT = {
    Type.NUMBER: ("is no number", "are no numbers"),
    Type.BOOLEAN: ("is neither yes nor no", "are neither yes nor no"),
    Type.DATETIME: ("is no date", "are no dates"),
}


def write(model: Model | FeaturedModel, batches: Iterable[pl.DataFrame], output: Path, events: Events) -> int:
    """Predict batch by batch and write rows and predictions to a file, which appears when it is complete.

    Parameters
    ----------
    model : Model
    batches : iterable of Table
    output : Path
        Ends in ``.csv``, ``.parquet`` or ``.jsonl``.
    events : Events

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ParamError, StorageError
        As `save`.
    ColumnError
        If batches do not have the same columns.
    """
    return save(aligned(scored(model, batches, events)), output)


def scored(
    model: Model | FeaturedModel, batches: Iterable[pl.DataFrame], events: Events
) -> Iterator[pl.DataFrame]:
    """The batches beside their predictions.

    Values that cannot be read count as missing; ``predict.unread`` says in the end which and how many.

    Parameters
    ----------
    model : Model
    batches : iterable of Table
    events : Events

    Raises
    ------
    ColumnError
        If a column is missing, or none of its values in all batches can be read as what it should be.
    """
    inputs, rows = model.signature.inputs, 0
    unread = Unread(inputs)
    for batch in batches:
        yield joined(batch, model.predict(unread.without(batch)))
        rows += batch.height
        events.emit("predict.progress", rows=rows)
    unread.check()
    for name, (count, first) in unread.lost.items():
        events.emit("predict.unread", what=_said(inputs[name], count, first))


def _said(column: Column, count: int, first: object) -> str:
    """What was lost, in words."""
    one, many = _IS_NOT[column.type]
    name, value = quoted(column.name), quoted(str(first))
    if count == 1:
        return f"1 value of {name} {one} and counts as missing: {value}."
    return f"{count:,} values of {name} {many} and count as missing, such as {value}."


def save(tables: Iterable[pl.DataFrame], output: Path) -> int:
    """Write tables of the same columns, one below the other, to a file, which appears when it is complete.

    Parameters
    ----------
    tables : iterable of Table
    output : Path
        Ends in ``.csv``, ``.parquet`` or ``.jsonl``.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ParamError
        If the ending is another one.
    StorageError
        If the file cannot be written; nothing is left behind.
    """
    kind = _WRITERS.get(output.suffix.lower())
    if kind is None:
        raise ParamError(
            "The output's ending is not one that can be written.",
            got=output.name,
            do=f"Use one of: {', '.join(_WRITERS)}.",
        )
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    rows, writer = 0, ExitStack()
    try:
        with _telling(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            put = writer.enter_context(kind(draft))
        try:
            for table in tables:
                with _telling(output):
                    put(table)
                rows += table.height
        finally:
            with _telling(output):
                writer.close()
        with _telling(output):
            draft.replace(output)
    finally:
        with suppress(OSError):
            draft.unlink()
    return rows


@contextmanager
def _telling(output: Path) -> Iterator[None]:
    """Turn what the system says while the output is written into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {output}.",
            got=error.strerror or str(error),
            do="Free some space, or write elsewhere.",
        ) from error


def asked(model: Model | FeaturedModel, question: str, within: str | None = None) -> pl.DataFrame:
    """The one row of a question to a model whose only input is a text, and of the documents to search.

    Raises
    ------
    ParamError
        If it has other inputs, or the question is empty or far too long.
    """
    columns = model.signature.columns
    if len(columns) != 1 or columns[0].type is not Type.TEXT:
        raise ParamError(
            "This model does not take a question.",
            got=", ".join(column.name for column in columns[:8]),
            do="Give it rows with these columns.",
        )
    if not question.strip():
        raise ParamError("The question is empty.", do="Ask something.")
    if len(question) > _QUESTION:
        raise ParamError(
            "The question is too long.",
            got=f"{len(question):,} characters",
            do=f"Ask in at most {_QUESTION:,}.",
        )
    row = {columns[0].name: [question]}
    return pl.DataFrame(row if within is None else {**row, "within": [within]})


def answered(model: Model | FeaturedModel, question: str, within: str | None = None) -> pl.DataFrame:
    """The question and its answer: of a model that is talked to, what it would say."""
    row = asked(model, question, within)
    if isinstance(model, Conversational):
        return joined(
            row,
            pl.DataFrame(
                [model.converse(question, within=[within] if within else ())], infer_schema_length=None
            ),
        )
    return joined(row, model.predict(row))


def joined(rows: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """Rows beside their predictions; a column of the rows that is called like one of them gets another name.

    Examples
    --------
    >>> made = joined(pl.DataFrame({"x": [1], "low": [0]}), pl.DataFrame({"low": [2.0]}))
    >>> made.columns
    ['x', 'given_low', 'low']
    """
    taken = {*rows.columns, *predictions.columns}
    names = {}
    for name in predictions.columns:
        if name in rows.columns:
            names[name] = f"given_{name}"
            while names[name] in taken:
                names[name] = f"given_{names[name]}"
            taken.add(names[name])
    return rows.rename(names).hstack(predictions)


def aligned(tables: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same tables, all with the columns of the first, in its order.

    Raises
    ------
    ColumnError
        If one has others.
    """
    names: list[str] | None = None
    for table in tables:
        names = table.columns if names is None else names
        unlike = sorted(set(names) ^ set(table.columns))
        if unlike:
            raise ColumnError(
                "The inputs do not have the same columns.",
                got=f"not in all of them: {', '.join(unlike[:12])}",
                do="Predict them one by one, or give them the same columns.",
            )
        yield table.select(names)


class _Put(Protocol):
    def __call__(self, table: pl.DataFrame, /) -> Any: ...


@contextmanager
def _csv(path: Path) -> Iterator[_Put]:
    with path.open("wb") as file:
        yield _first_with_header(file)


def _first_with_header(file: IO[bytes]) -> _Put:
    def put(table: pl.DataFrame) -> None:
        flat = table.with_columns(_flat(column) for column in table if column.dtype.is_nested())
        flat.write_csv(file, include_header=file.tell() == 0)

    return put


def _flat(column: pl.Series) -> pl.Series:
    """A column of lists as text: of plain values joined by ``|``, of anything else as JSON."""
    if isinstance(column.dtype, pl.List) and not column.dtype.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join("|")
    return pl.Series(column.name, [json.dumps(value, default=str) for value in column.to_list()])


@contextmanager
def _json_lines(path: Path) -> Iterator[_Put]:
    with path.open("wb") as file:
        yield lambda table: table.write_ndjson(file)


@contextmanager
def _parquet(path: Path) -> Iterator[_Put]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None

    def put(table: pl.DataFrame) -> None:
        nonlocal writer
        arrow = table.to_arrow()
        if writer is None:
            writer = pq.ParquetWriter(path, arrow.schema, compression="zstd")
        try:
            writer.write_table(arrow.cast(writer.schema))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ColumnError(
                "A column is not of the same type in all inputs.",
                got=str(error).splitlines()[0],
                do="Write a .csv or .jsonl file, or predict them one by one.",
            ) from error

    try:
        yield put
    finally:
        if writer is not None:
            writer.close()


_WRITERS = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}
