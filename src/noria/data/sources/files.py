"""Local files, one or many, in every format that Noria reads."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl
from polars.selectors import by_name

from noria._lazy import require
from noria.core.files import exists, local
from noria.data.sources.ask import BATCH_ROWS, Ask, File, Reading, checked, plain
from noria.data.sources.databases import open_sqlite_file
from noria.data.sources.delimited import open_delimited, same_columns, telling
from noria.data.sources.encoding import COMPRESSED, decompress
from noria.data.sources.json_files import open_json, open_json_lines
from noria.errors import SourceError, nearest, suggestion

__all__ = ["DATA_SUFFIXES", "open_files", "open_glob", "open_path", "sniff_suffix"]

_Open = Callable[[File, Ask], Reading]


def open_path(ask: Ask) -> Reading:
    """Read one file of this machine."""
    path = local(ask.text)
    if not exists(path):
        raise SourceError(f"There is no file {ask.text}.", do=_near(path))
    if path.is_dir():
        raise SourceError(
            f"{ask.text} is a folder, not a file.", do=f"Name a file, or several as '{path / '*.csv'}'."
        )
    return open_files([File(path, ask.text)], ask)


def _near(path: Path) -> str:
    """What to try instead of a path that does not exist."""
    folder = path.parent
    if not exists(folder) or not folder.is_dir():
        return f"There is no folder {folder} either."
    close = nearest(path.name, (entry.name for entry in folder.iterdir()))
    return f"Did you mean {str(folder / close)!r}?" if close else f"Look into the folder {folder}."


def open_glob(ask: Ask) -> Reading:
    """Read all files that match a pattern as one table, in the order of their names."""
    paths = sorted(glob.glob(str(Path(ask.text).expanduser()), recursive=True))  # noqa: PTH207 - any depth
    files = [File(Path(path), path) for path in paths if Path(path).is_file()]
    if not files:
        raise SourceError(f"No file matches {ask.text}.", do=_near(Path(ask.text)))
    return open_files(files, ask)


def open_files(files: Sequence[File], ask: Ask) -> Reading:
    """Read files at hand as one table; they need the same columns, in any order."""
    for file in files:
        if file.path.stat().st_size == 0:
            raise SourceError(f"{file.name} is empty.", do="Give a file with a header and rows.")
    if all(_inner_suffix(file) in _DELIMITED for file in files):
        return open_delimited(files, ask)
    readings = [_open_one(file, ask) for file in files]
    if len(readings) == 1:
        return readings[0]
    batches = partial(_stacked, readings) if all(reading.batches for reading in readings) else None
    return Reading(ask.text, lambda: _stack(readings, [reading.whole() for reading in readings]), batches)


def _inner_suffix(file: File) -> str:
    """The extension below that of the compression."""
    inner = Path(file.path.stem).suffix.lower()
    return inner if file.format in COMPRESSED else file.format


def _open_one(file: File, ask: Ask) -> Reading:
    suffix = _inner_suffix(file)
    if suffix not in _FORMATS:
        raise SourceError(
            f"{file.name} has the unknown extension {suffix!r}.", do=suggestion(suffix, DATA_SUFFIXES)
        )
    if file.format in COMPRESSED:
        return Reading(file.name, lambda: _whole_compressed(file, ask))
    return _FORMATS[suffix](file, ask)


def _whole_compressed(file: File, ask: Ask) -> pl.DataFrame:
    with tempfile.TemporaryDirectory(prefix="noria-") as folder:
        return _open_one(decompress(file, Path(folder)), ask).whole()


def _stacked(readings: Sequence[Reading]) -> Iterator[pl.DataFrame]:
    """The batches of all, with the types that `_stack` gives the whole."""
    first = [checked(next(_batches(reading), pl.DataFrame()), reading.name).clear() for reading in readings]
    types = _stack(readings, first).schema
    for reading in readings:
        with telling(reading.name):
            for batch in _batches(reading):
                yield pl.DataFrame([batch[name].cast(kind) for name, kind in types.items()])


def _batches(reading: Reading) -> Iterator[pl.DataFrame]:
    assert reading.batches is not None
    return reading.batches()


def _stack(readings: Sequence[Reading], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One frame under the other; a column of unlike types becomes text."""
    first = frames[0]
    for reading, frame in zip(readings, frames, strict=True):
        same_columns(readings[0].name, first.columns, reading.name, frame.columns)
    types, others = first.schema, [frame.schema for frame in frames]
    text = {name for name in types if not all(_alike(other[name], types[name]) for other in others)}
    same = by_name(*first.columns)
    even = [frame.select(same).with_columns(by_name(*text).cast(pl.String)) for frame in frames]
    with telling(readings[0].name):
        return pl.concat(even, how="vertical_relaxed")


def _alike(one: pl.DataType, other: pl.DataType) -> bool:
    return one == other or (one.is_numeric() and other.is_numeric()) or pl.Null in (one, other)


def _columnar(lazy: Callable[[Path], pl.LazyFrame]) -> _Open:
    """A format that Polars reads lazily and that carries its own types."""

    def opened(file: File, _ask: Ask) -> Reading:
        def whole() -> pl.DataFrame:
            with telling(file.name):
                return checked(lazy(file.path).collect(), file.name)

        def batches() -> Iterator[pl.DataFrame]:
            with telling(file.name):
                yield from map(plain, lazy(file.path).collect_batches(chunk_size=BATCH_ROWS))

        return Reading(file.name, whole, batches)

    return opened


def _arrow(path: Path) -> pl.LazyFrame:
    """An Arrow file, or a stream where the magic bytes of a file are not there."""
    with path.open("rb") as data:
        is_file = data.read(6) == b"ARROW1"
    return pl.scan_ipc(path, glob=False) if is_file else pl.read_ipc_stream(path).lazy()


def _open_excel(file: File, ask: Ask) -> Reading:
    """A sheet of a workbook: the one named by `table`, else the first."""
    fastexcel = require("fastexcel", extra="excel")

    def whole() -> pl.DataFrame:
        try:
            book = fastexcel.read_excel(file.path)
            names = book.sheet_names
            sheet = ask.table if ask.table is not None else names[0]
            if ask.table is None and len(names) > 1:
                others = f"the first of {len(names)} sheets; {file.name}#{names[1]} is another"
                ask.repaired(file.name, others)
            if sheet not in names:
                raise SourceError(f"{file.name} has no sheet {sheet!r}.", do=suggestion(sheet, names))
            frame = book.load_sheet(sheet, schema_sample_rows=None).to_polars()
        except fastexcel.FastExcelError as error:
            raise SourceError(f"{file.name} cannot be read.", got=str(error).splitlines()[0]) from error
        return checked(frame, f"{file.name}, sheet {sheet!r},")

    return Reading(file.name, whole, tabled=True)


def _open_text(file: File, ask: Ask) -> Reading:
    return open_delimited([file], ask)


_DELIMITED = frozenset({".csv", ".tsv", ".tab", ".txt"})
_FORMATS: dict[str, _Open] = {
    **dict.fromkeys(_DELIMITED, _open_text),
    ".parquet": _columnar(partial(pl.scan_parquet, glob=False)),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), _columnar(_arrow)),
    **dict.fromkeys((".jsonl", ".ndjson"), open_json_lines),
    ".json": open_json,
    **dict.fromkeys((".xlsx", ".xls", ".xlsb", ".ods"), _open_excel),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), open_sqlite_file),
}

DATA_SUFFIXES = tuple(sorted(_FORMATS))

_MAGIC = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"PK\x03\x04": ".xlsx",
    b"\x1f\x8b": ".gz",
    b"SQLite format 3": ".sqlite",
    b"[": ".json",
    b"{": ".jsonl",
}


def sniff_suffix(path: Path) -> str:
    """The extension that a file's first bytes ask for; ``".csv"`` where they say nothing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "data"
    ...     _ = file.write_bytes(b"PAR1")
    ...     sniff_suffix(file)
    '.parquet'
    """
    with path.open("rb") as data:
        head = data.read(512).lstrip()
    return next((suffix for magic, suffix in _MAGIC.items() if head.startswith(magic)), ".csv")
