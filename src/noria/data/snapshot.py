"""Content-addressed copies of tables: the data a run was trained on, kept once.

The address is a BLAKE2b digest of the *content*: names, types and values, column by column. Hashing
the bytes of a file would be shorter, but those change with the writer's version, the row groups and
the compression, so equal tables would be stored twice and old runs could not be compared with new
ones. Hashing Arrow buffers as they lie would depend on chunks, on padding, on what lies under a null
and on views or offsets of strings. So each column is brought to one canonical form first: a bitmap of
nulls, then fixed-width values with zero under nulls (and one NaN, one zero), or lengths followed by
the concatenated bytes; lists and structs by recursion. All of it is vectorised, and hashing runs on as
many columns at once as there are cores, at about the speed of memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from noria.errors import ArtifactError, DataError, NotFoundError, StorageError
from noria.settings import Settings

__all__ = ["Snapshot", "fingerprint", "open_snapshot", "save"]

_DIGEST_BYTES = 20
_VERSION = b"noria-snapshot-1"
_COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class Snapshot:
    """A stored table.

    Attributes
    ----------
    hash : str
        40 hexadecimal digits over names, types and values; the same for equal tables.
    rows, columns : int
    path : Path
        The Parquet file.
    bytes : int
        Its size on disk.
    """

    hash: str
    rows: int
    columns: int
    path: Path
    bytes: int

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields."""
        return {
            "hash": self.hash,
            "rows": self.rows,
            "columns": self.columns,
            "path": str(self.path),
            "bytes": self.bytes,
        }


def fingerprint(table: pl.DataFrame) -> str:
    """The digest of a table's content.

    Depends on the order of rows and of columns, and on nothing that is not content: not on chunks, the
    source, or the machine.

    Parameters
    ----------
    table : polars.DataFrame, rows x columns

    Returns
    -------
    str
        40 hexadecimal digits.

    Raises
    ------
    DataError
        If a column holds Python objects.

    Reference: BLAKE2, RFC 7693.

    Examples
    --------
    >>> whole = pl.DataFrame({"a": [1, 2]})
    >>> fingerprint(whole) == fingerprint(pl.concat([whole[:1], whole[1:]], rechunk=False))
    True
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = list(pool.map(_column_digest, table.iter_columns()))
    total = hashlib.blake2b(_VERSION, digest_size=_DIGEST_BYTES)
    total.update(f"{table.height},{table.width};".encode())
    for digest in digests:
        total.update(digest)
    return total.hexdigest()


def _column_digest(column: pl.Series) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    name = column.name.encode()
    digest.update(f"{len(name)}:".encode() + name + repr(column.dtype).encode() + b";")
    for part in _canonical(column.rechunk()):
        digest.update(part)
    return digest.digest()


def _canonical(column: pl.Series) -> Iterator[memoryview | bytes]:
    """The column's content in one form, part by part."""
    dtype = column.dtype
    nulls = column.is_null()
    yield b"\1" + _bits(nulls) if column.null_count() else b"\0"
    if isinstance(dtype, pl.Struct):
        for field in column.struct.fields:
            yield from _canonical(column.struct.field(field))
    elif isinstance(dtype, pl.List | pl.Array):
        lists = column.arr.to_list() if isinstance(dtype, pl.Array) else column
        yield _raw(lists.list.len().fill_null(0).cast(pl.UInt64))
        yield from _canonical(lists.drop_nulls().list.explode(keep_nulls=False, empty_as_null=False))
    elif dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        values = column if dtype == pl.Binary else column.cast(pl.String).cast(pl.Binary)
        yield _raw(values.bin.size("b").fill_null(0).cast(pl.UInt64))
        yield from _joined(values)
    elif dtype.is_decimal() or dtype in (pl.Int128, pl.UInt128):
        yield from _canonical(column.cast(pl.String))
    elif dtype == pl.Boolean:
        yield _bits(column.fill_null(False))
    elif dtype.is_float():
        yield _floats(column.fill_null(0.0))
    elif dtype.is_integer() or dtype.is_temporal():
        yield _raw(column.to_physical().fill_null(0))
    elif dtype != pl.Null:
        raise DataError(
            f"Column {column.name!r} cannot be kept: it holds {dtype} values.",
            do="Turn them into numbers or text first.",
        )


def _bits(flags: pl.Series) -> bytes:
    import numpy as np

    return np.packbits(flags.to_numpy()).tobytes()


def _raw(values: pl.Series) -> memoryview:
    """The bytes of fixed-width values without nulls."""
    return values.to_numpy().view("u1").data


def _floats(values: pl.Series) -> memoryview:
    """The bytes of floats with one NaN and one zero."""
    import numpy as np

    numbers = values.to_numpy() + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view("u1").data


def _joined(values: pl.Series) -> Iterator[memoryview | bytes]:
    """All bytes one after the other; nulls add nothing."""
    import pyarrow as pa

    chunk = pa.array(values.drop_nulls().to_arrow(), type=pa.large_binary())
    offsets = memoryview(chunk.buffers()[1]).cast("q")
    data = chunk.buffers()[2]
    if data is not None and len(chunk):
        yield memoryview(data)[offsets[chunk.offset] : offsets[chunk.offset + len(chunk)]]


def save(table: pl.DataFrame, settings: Settings) -> Snapshot:
    """Keep a table; a table with the same content is kept only once.

    The file appears under its name only when it is complete and on disk, so an interruption leaves
    nothing half-written.

    Parameters
    ----------
    table : polars.DataFrame, rows x columns
    settings : Settings
        Says where, with ``settings.snapshots``.

    Raises
    ------
    StorageError
        If the disk is full or may not be written.
    DataError
        If a column holds Python objects.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home:
    ...     settings = Settings(home=home)
    ...     kept = save(pl.DataFrame({"a": [1, 2]}), settings)
    ...     open_snapshot(kept.hash, settings)["a"].to_list()
    [1, 2]
    """
    digest = fingerprint(table)
    path = settings.snapshot(digest)
    if path.is_file():
        with contextlib.suppress(OSError):  # the time matters to `noria prune` only
            os.utime(path)
    else:
        try:
            _write(table, path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StorageError(
                f"The snapshot of the data cannot be written to {path.parent}.",
                got=str(error).splitlines()[0],
                do="Free some space there, or set NORIA_HOME to another disk.",
            ) from error
    return Snapshot(digest, table.height, table.width, path, path.stat().st_size)


def _write(table: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            table.write_parquet(out, compression="zstd", compression_level=_COMPRESSION_LEVEL)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some file systems refuse to sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def open_snapshot(digest: str, settings: Settings) -> pl.DataFrame:
    """The table of that hash, after checking that its content still has it.

    Raises
    ------
    NotFoundError
        If there is no such snapshot.
    ArtifactError
        If the file is damaged or was changed.
    """
    path = settings.snapshot(digest)
    if not path.is_file():
        raise NotFoundError(
            f"There is no snapshot {digest}.", got=str(path), do="Run again from the source of the data."
        )
    remedy = f"Delete {path} and run again from the source of the data."
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(
            f"The snapshot {digest} is damaged.", got=str(error).splitlines()[0], do=remedy
        ) from error
    found = fingerprint(table)
    if found != digest:
        raise ArtifactError(f"The snapshot {digest} was changed.", got=f"hash {found}", do=remedy)
    return table
