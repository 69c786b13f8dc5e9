"""JSON: lines of objects, and arrays of objects."""

from __future__ import annotations

import codecs
import glob
import itertools
import json
import reprlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from noria.data.sources.ask import BATCH_ROWS, Ask, File, Reading, checked, plain, records
from noria.data.sources.delimited import telling
from noria.data.sources.encoding import utf8
from noria.errors import SourceError

__all__ = ["open_json", "open_json_lines"]

_SHOWN, _DEEPEST = 80, 64
_WHOLE = "Is the file whole? One object a line is JSON lines; all else has to be one array of objects."


def open_json(file: File, ask: Ask) -> Reading:
    """A JSON array of objects, one object, or JSON lines under another name."""

    def whole() -> pl.DataFrame:
        with tempfile.TemporaryDirectory(prefix="noria-") as folder:
            path = utf8(file, Path(folder), ask)
            with path.open(encoding="utf-8-sig") as data:
                if _is_object(data.readline()):
                    return checked(_json_lines(path, file.name), file.name)
            try:
                rows = _parsed(path.read_text(encoding="utf-8-sig"))
            except ValueError as error:
                raise SourceError(f"{file.name} is not JSON.", got=str(error), do=_WHOLE) from error
            if isinstance(rows, dict) and not any(isinstance(value, dict | list) for value in rows.values()):
                rows = [rows]  # one row, written over several lines
            return checked(_from_objects(rows, file.name), file.name)

    return Reading(file.name, whole)


def _parsed(text: str) -> Any:
    """The value that a text of JSON is; ValueError where it is none, or nested deeper than Python reads."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error


def _deep(values: list[Any]) -> bool:
    """Whether objects or arrays lie in one another deeper than a column's type can be."""
    for _ in range(_DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in values)
        values = [value for some in inner for value in some if isinstance(value, dict | list)]
        if not values:
            return False
    return True


def _too_deep(where: str) -> SourceError:
    return SourceError(
        f"{where} is nested too deeply.",
        got=f"more than {_DEEPEST} levels",
        do="Give what lies that deep as text, or as columns of its own.",
    )


def _refuse_deep(path: Path, name: str) -> None:
    """Look for lines of too many levels, which Polars would take minutes for."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.count(b"{") + line.count(b"[") > _DEEPEST:
                with suppress(ValueError):  # what is no JSON is told of later
                    if _deep([[_parsed(line.decode("utf-8-sig"))]]):
                        raise _too_deep(f"{name}, line {number}")


def _is_object(line: str) -> bool:
    """Whether one line is one whole JSON object."""
    try:
        return isinstance(_parsed(line), dict)
    except ValueError:
        return False


def open_json_lines(file: File, ask: Ask) -> Reading:
    """One JSON object a line; types are decided on all lines."""

    def whole() -> pl.DataFrame:
        with tempfile.TemporaryDirectory(prefix="noria-") as folder:
            return checked(_json_lines(utf8(file, Path(folder), ask), file.name), file.name)

    def batches() -> Iterator[pl.DataFrame]:
        with tempfile.TemporaryDirectory(prefix="noria-") as folder:
            path = utf8(file, Path(folder), ask)
            _refuse_deep(path, file.name)
            schema = _common_schema(path)
            if schema is None:
                yield checked(_json_lines(path, file.name), file.name)
                return
            with telling(file.name):
                yield from (plain(pl.read_ndjson(chunk, schema=schema)) for chunk in _chunks(path))

    return Reading(file.name, whole, batches)


def _chunks(path: Path) -> Iterator[bytes]:
    """The lines that are not blank, many at a time."""
    with path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        lines = (line for line in file if line.strip())
        while chunk := b"".join(itertools.islice(lines, BATCH_ROWS)):
            yield chunk


def _common_schema(path: Path) -> pl.Schema | None:
    """The columns and types that hold all lines; None where Polars finds none."""
    try:
        seen = [pl.read_ndjson(chunk, infer_schema_length=None).clear() for chunk in _chunks(path)]
        merged = pl.concat(seen, how="diagonal_relaxed").schema if seen else None
    except pl.exceptions.PolarsError:
        return None
    flags = {name for frame in seen for name, dtype in frame.schema.items() if dtype == pl.Boolean}
    return None if merged is None or any(merged[name] != pl.Boolean for name in flags) else merged


def _json_lines(path: Path, name: str) -> pl.DataFrame:
    """JSON lines by Polars; by Python where Polars finds no type that all values share."""
    _refuse_deep(path, name)
    try:
        return pl.read_ndjson(glob.escape(str(path)), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        pass
    rows = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                rows += [_parsed(line)] if line.strip() else []
            except ValueError as error:
                raise SourceError(
                    f"{name}, line {number} is not JSON.", got=line.strip()[:_SHOWN], do=_WHOLE
                ) from error
    return _from_objects(rows, name)


def _from_objects(rows: Any, name: str) -> pl.DataFrame:
    """A frame from JSON objects; nested values of unlike shapes become JSON text."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceError(
            f"{name} is not a table: it needs a JSON array of objects, or one object a line.",
            got=reprlib.repr(rows),
            do='Write it as [{"a": 1}, {"a": 2}].',
        )
    if _deep(rows):
        raise _too_deep(name)
    try:
        return pl.from_dicts(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError, OverflowError):
        names = list(dict.fromkeys(key for row in rows for key in row))
        flat = [[_flat(row.get(key)) for row in rows] for key in names]
        return records(names, flat, name)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
