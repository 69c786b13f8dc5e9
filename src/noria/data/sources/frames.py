"""Tables that are already in memory."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from noria.data.sources.ask import BATCH_ROWS, Ask, Reading, plain, records
from noria.data.sources.delimited import telling, unique_names
from noria.errors import SourceError

__all__ = ["distinct", "from_arrow", "is_rows", "open_object"]

_INDEX = "__index_level_"
_STREAM = "__arrow_c_stream__"
_INTERCHANGE = "__dataframe__"


def open_object(ask: Ask) -> Reading:
    """Read a Polars, pandas or Arrow table, a mapping of columns, or a list of rows."""
    source = ask.source
    make = next((make for fits, make in _OBJECTS if fits(source)), None)
    if make is not None:
        return Reading("The table", lambda: plain(make(source, ask)), _batches_of(source))
    raise SourceError(
        f"A {type(source).__name__} is not a table.",
        do="Give a path, a URL, a Polars, pandas or Arrow table, a dict of lists, or a list of dicts.",
    )


def _batches_of(source: Any) -> Callable[[], Iterator[pl.DataFrame]] | None:
    if not isinstance(source, pl.LazyFrame):
        return None
    return lambda: map(plain, source.collect_batches(chunk_size=BATCH_ROWS))


def distinct(names: Sequence[str], name: str, ask: Ask) -> list[str]:
    """The names of columns, as they are where none is there twice; repairs are told."""
    return list(names) if len(set(names)) == len(names) else unique_names(names, name, ask)


def from_arrow(source: Any, ask: Ask) -> pl.DataFrame:
    """Through the Arrow PyCapsule interface, so that nobody's package is imported here."""
    import pyarrow as pa
    import pyarrow.interchange

    named = hasattr(source, "set_axis") and [str(name) for name in getattr(source, "columns", ())]  # pandas
    if named and len(set(named)) < len(named):
        source = source.set_axis(distinct(named, "The table", ask), axis=1)
    try:
        table = pa.table(source) if hasattr(source, _STREAM) else pa.interchange.from_dataframe(source)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SourceError(
            "The table has a column that Arrow cannot hold.",
            got="; ".join(str(part) for part in error.args),
            do="Give that column one type, for instance text.",
        ) from error
    kept = [place for place, name in enumerate(table.column_names) if not name.startswith(_INDEX)]
    table = table.select(kept)
    table = table.rename_columns(distinct(table.column_names, "The table", ask))
    with telling("The table"):
        return pl.DataFrame(pl.from_arrow(table))


def _from_columns(source: Mapping[str, Any], _ask: Ask) -> pl.DataFrame:
    columns = {str(name): _values(str(name), values) for name, values in source.items()}
    longest = max(map(len, columns.values()), default=0)
    for name, values in columns.items():
        if len(values) != longest:
            raise SourceError(
                f"Column {name!r} is shorter than the others.", got=f"{len(values)} values, not {longest}"
            )
    return records(list(columns), list(columns.values()), "The table")


def _values(name: str, given: Any) -> list[Any]:
    """The values of a column, which one text or a mapping is none of."""
    if not isinstance(given, str | bytes | Mapping):
        with suppress(TypeError):
            return list(given)
    raise SourceError(
        f"Column {name!r} holds no list of values.",
        got=reprlib.repr(given),
        do="If the dict is a row, put it in a list, or use predict_one.",
    )


def _from_rows(source: list[Mapping[str, Any]], _ask: Ask) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in source for name in row))
    return records(names, [[row.get(name) for row in source] for name in names], "The table")


def is_rows(source: Any) -> bool:
    """Whether it is a list of dicts, which are rows of one table."""
    return isinstance(source, list | tuple) and all(isinstance(row, Mapping) for row in source)


_OBJECTS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Ask], pl.DataFrame]], ...] = (
    (lambda source: isinstance(source, pl.DataFrame), lambda source, _: source),
    (lambda source: isinstance(source, pl.LazyFrame), lambda source, _: source.collect()),
    (lambda source: hasattr(source, _STREAM) or hasattr(source, _INTERCHANGE), from_arrow),
    (lambda source: isinstance(source, Mapping), _from_columns),
    (is_rows, _from_rows),
)
