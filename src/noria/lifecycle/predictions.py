"""What services have answered, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.ports import PredictionLog
from noria.core.serving import LoggedPrediction
from noria.lifecycle.predict import save

__all__ = ["tables", "together", "write"]

_PAGE = 10_000
_SCHEMA: Mapping[str, Any] = {
    "id": pl.String,
    "when": pl.Datetime("us", "UTC"),
    "version": pl.Int64,
    "role": pl.String,
    "seconds": pl.Float64,
    "cpu": pl.Float64,
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
    """Write pieces to a ``.csv``, ``.parquet`` or ``.jsonl`` file, as `noria.lifecycle.predict.save` does.

    Returns
    -------
    int
        Rows written.
    """
    return save(chain([pl.DataFrame(schema=_SCHEMA)], pieces), output)


def _table(lines: Sequence[LoggedPrediction], labels: Mapping[str, str]) -> pl.DataFrame:
    rows = [
        (
            line.id, int(line.when * 1e6), line.version, line.role, line.seconds, line.cpu, line.caller,
            line.inputs, line.outputs, labels.get(line.id),
        )
        for line in lines
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
