"""What services have answered, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.ports import PredictionLog
from noria.core.serving import LoggedPrediction
from noria.errors import ParamError, StorageError

__all__ = ["tables", "together", "write"]

_PAGE = 10_000
_SCHEMA: Mapping[str, Any] = {
    "id": pl.String,
    "when": pl.Datetime("us", "UTC"),
    "version": pl.Int64,
    "role": pl.String,
    "seconds": pl.Float64,
    "caller": pl.String,
    "inputs": pl.String,
    "outputs": pl.String,
    "label": pl.String,
}


def tables(
    log: PredictionLog, model: str, *, since: float | None = None, limit: int | None = None
) -> Iterator[pl.DataFrame]:
    """The lines of a model with their labels, oldest first, in pieces."""
    labels = {label.id: label.label for label in log.labels(model)}
    lines = iter(log.read(model, since=since, limit=limit))
    while page := list(islice(lines, _PAGE)):
        yield _table(page, labels)


def together(pieces: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One table of all pieces."""
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *pieces])


def write(pieces: Iterable[pl.DataFrame], output: Path) -> int:
    """Write pieces to a ``.csv``, ``.parquet`` or ``.jsonl`` file, which appears when it is complete.

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
    from polars.io.plugins import register_io_source

    sink = _SINKS.get(output.suffix.lower())
    if sink is None:
        raise ParamError(
            "The output's ending is not one that can be written.",
            got=output.name,
            do=f"Use one of: {', '.join(_SINKS)}.",
        )
    rows = 0

    def read(columns: Any, predicate: Any, count: Any, size: Any) -> Iterator[pl.DataFrame]:
        nonlocal rows
        del columns, predicate, count, size
        for piece in pieces:
            rows += piece.height
            yield piece

    draft = output.with_name(f".{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        sink(register_io_source(read, schema=pl.Schema(_SCHEMA)), draft)
        draft.replace(output)
    except OSError as error:
        raise StorageError(
            f"Cannot write {output}.",
            got=error.strerror or str(error),
            do="Free some space, or write elsewhere.",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return rows


_SINKS: Mapping[str, Callable[[pl.LazyFrame, Path], Any]] = {
    ".csv": pl.LazyFrame.sink_csv,
    ".parquet": partial(pl.LazyFrame.sink_parquet, compression="zstd"),
    ".jsonl": pl.LazyFrame.sink_ndjson,
}


def _table(lines: Sequence[LoggedPrediction], labels: Mapping[str, str]) -> pl.DataFrame:
    rows = [
        (
            line.id, int(line.when * 1e6), line.version, line.role, line.seconds, line.caller, line.inputs,
            line.outputs, labels.get(line.id),
        )
        for line in lines
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
