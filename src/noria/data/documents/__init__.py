"""Documents as a table: one row per paragraph, heading, row of a table or piece of code, each with its place.

====================================  ================================================================
source                                what is read
====================================  ================================================================
``handbook``                          every file of a folder that is of a known kind
``handbook/*.md``, ``handbook/a.pdf`` files that match, one file
``package:noria/docs``                files of an installed package
``collection:cranfield``              a public test collection, see `noria.data.sources.collections`
a list of the above                   all of them
a table                               with the columns ``document`` and ``text``, perhaps ``title``, ...
====================================  ================================================================

Kinds: Markdown, text, HTML, CSV, source code, Word (``.docx``) and PDF (``noria[rag]``). What cannot be read
is left out and reported, and so is a document that repeats another.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.events import Events
from noria.data.documents.blocks import SCHEMA, Block, Unreadable
from noria.data.documents.html import html
from noria.data.documents.office import docx
from noria.data.documents.pdf import pdf
from noria.data.documents.text import code, delimited, markdown, plain
from noria.data.sources import collections
from noria.data.sources.ask import Ask
from noria.errors import MissingExtraError, SourceError
from noria.settings import Settings

__all__ = ["read"]

_LARGEST = 64_000_000  # bytes of a file
_LISTED = 3
_CODE = (
    *(".c", ".cc", ".cpp", ".cs", ".css", ".go", ".h", ".hpp", ".java", ".jl", ".js", ".kt", ".lua", ".php"),
    *(".pl", ".py", ".r", ".rb", ".rs", ".scala", ".sh", ".sql", ".swift", ".toml", ".ts", ".tsx", ".yaml"),
    ".yml",
)
_READERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    **dict.fromkeys((".md", ".markdown"), markdown),
    **dict.fromkeys((".txt", ".text", ".rst", ".log"), plain),
    **dict.fromkeys((".html", ".htm", ".xhtml"), html),
    **dict.fromkeys((".csv", ".tsv"), delimited),
    **dict.fromkeys(_CODE, code),
    ".docx": docx,
    ".pdf": pdf,
}


def read(source: Any, *, settings: Settings, events: Events | None = None) -> tuple[pl.DataFrame, list[str]]:
    """Read documents.

    Parameters
    ----------
    source : str, path, table or list of them
        See the table in this module's documentation.
    settings : Settings
        Cache, mirror and whether the network may be used.
    events : Events, optional
        Hears ``document.progress``.

    Returns
    -------
    documents : Table
        Columns ``document``, ``title``, ``kind``, ``text``, ``heading``, ``page``, ``line``; blocks in
        reading order.
    notes : list of str
        What was left out, in words.

    Raises
    ------
    SourceError
        If there is no document, or nothing in any of them.

    Examples
    --------
    >>> table, notes = read([{"document": "a", "text": "Water lifts."}], settings=Settings())
    >>> table["document"].to_list(), notes
    (['a'], [])
    """
    events = events or Events()
    if isinstance(source, pl.DataFrame) or _is_rows(source):
        return _given(pl.DataFrame(source)), []
    addresses = [source] if isinstance(source, str | Path) else list(source)
    public = [address for address in addresses if str(address).startswith(collections.PREFIX)]
    parts = [_given(collections.documents(Ask(address, settings, events=events))) for address in public]
    table, notes = _files([_located(str(address)) for address in addresses if address not in public], events)
    table = pl.concat([*parts, table])
    if not table.height:
        raise SourceError(
            f"There is no document in {', '.join(map(str, addresses))}.",
            got="; ".join(notes) or "no file of a known kind",
            do=f"Known are {', '.join(sorted(set(_READERS) - set(_CODE)))} and source code.",
        )
    return table, notes


def _is_rows(source: Any) -> bool:
    return isinstance(source, list) and bool(source) and isinstance(source[0], dict)


def _given(table: pl.DataFrame) -> pl.DataFrame:
    """A table of documents with all of its columns."""
    missing = {"document", "text"} - set(table.columns)
    if missing:
        raise SourceError(
            f"The table of documents has no column {min(missing)!r}.",
            got=", ".join(table.columns),
            do="Give it one row per document, with the columns 'document' and 'text'.",
        )
    absent = {"title": "", "kind": "text", "heading": "", "page": None, "line": None}
    table = table.with_columns(
        pl.lit(value).alias(name) for name, value in absent.items() if name not in table
    )
    table = table.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    return table.with_columns(pl.col("title", "heading", "text").fill_null("")).drop_nulls("document")


def _located(address: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files of an address."""
    if address.startswith("package:"):
        address = str(_packaged(address))
    path = Path(address).expanduser()
    if path.is_dir():
        return path, sorted(one for one in path.rglob("*") if one.is_file() and not _hidden(one, path))
    if path.is_file():
        return path.parent, [path]
    found = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(address) else []  # noqa: PTH207
    fixed = [part for part in path.parts if not glob.has_magic(part)]
    root = Path(*path.parts[: len(fixed)]) if len(fixed) < len(path.parts) else path.parent
    files = [Path(name) for name in found if Path(name).is_file()]
    if not files:
        raise SourceError(f"There is no document {address}.", do="Name a folder, a file or a pattern.")
    return root, files


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)


def _packaged(address: str) -> Path:
    """Where an installed package, or the repository that it is run from, keeps a folder."""
    package, _, item = address.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"{address} needs the package {package!r}, which is not installed.",
            do=f"Run: pip install {package}",
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    top = item.partition("/")[0]
    checkout = root.parent.parent
    return checkout / item if root.parent.name == "src" and (checkout / top).is_dir() else root / item


def _files(located: list[tuple[Path, list[Path]]], events: Events) -> tuple[pl.DataFrame, list[str]]:
    """The blocks of all files, named from the folder that holds them all, and which were left out and why."""
    paths = list(dict.fromkeys(path for _, some in located for path in some))
    root = Path(os.path.commonpath([folder for folder, _ in located])) if located else Path()
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    known: dict[bytes, str] = {}
    why: dict[str, list[str]] = {}
    for number, path in enumerate(paths, 1):
        name = path.relative_to(root).as_posix()
        try:
            blocks = _blocks(path)
            digest = hashlib.sha256("\0".join(" ".join(one.text.split()) for one in blocks).encode()).digest()
            if digest in known:
                raise Unreadable(f"it repeats {known[digest]}")
        except Unreadable as error:
            why.setdefault(str(error), []).append(name)
            continue
        known[digest] = name
        _add(columns, name, blocks)
        events.emit("document.progress", done=number, total=len(paths), document=name)
    return pl.DataFrame(columns, schema=SCHEMA), list(_told(why))


def _blocks(path: Path) -> list[Block]:
    """What a file holds.

    Raises
    ------
    Unreadable
        If that is nothing.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise Unreadable("its kind is not known")
    try:
        if path.stat().st_size > _LARGEST:
            raise Unreadable(f"it is larger than {_LARGEST // 1_000_000} MB")
        blocks = list(reader(path.read_bytes()))
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be read") from error
    if not blocks:
        raise Unreadable("it is empty")
    return blocks


def _add(columns: dict[str, list[Any]], name: str, blocks: list[Block]) -> None:
    title = next((block.text for block in blocks if block.kind == "heading"), Path(name).stem)
    columns["document"] += [name] * len(blocks)
    columns["title"] += [title] * len(blocks)
    for field, values in zip(Block._fields, zip(*blocks)):
        columns[field] += values


def _told(why: dict[str, list[str]]) -> Iterable[str]:
    for reason, names in why.items():
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        count = "1 document" if len(names) == 1 else f"{len(names):,} documents"
        yield f"{count} left out, {reason}: {', '.join(names[:_LISTED])}{more}"
