"""Documents as a table: one row per paragraph, heading, row of a table or piece of code, each with its place.

====================================  ================================================================
source                                what is read
====================================  ================================================================
``handbook``                          every file of a folder that is of a known kind
``handbook/*.md``, ``handbook/a.pdf`` files that match, one file
``https://example.org/pumps.html``    one page of the web, read anew each time unless offline
``package:noria/docs``                files of an installed package
``collection:cranfield``              a public test collection, see `noria.data.sources.collections`
a list of the above                   all of them
a table                               with the columns ``document`` and ``text``, perhaps ``title``, ...
====================================  ================================================================

Kinds: Markdown, text, HTML, CSV, source code, mail (``.eml``, ``.mbox``), Word (``.docx``) and PDF
(``noria[rag]``). What cannot be read is left out and reported, and so is a document that repeats another.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from noria.core.events import Events
from noria.data.documents.blocks import SCHEMA, Block, Unreadable
from noria.data.documents.kinds import CODE, KINDS, LARGEST, blocks, parts
from noria.data.documents.known import WITH_FACTS, Facts, Known
from noria.data.documents.source import uncut
from noria.data.sources import collections
from noria.data.sources.ask import Ask, File
from noria.data.sources.remote import fetch_page
from noria.errors import MissingExtraError, SourceError
from noria.settings import Settings

__all__ = ["read"]

_LISTED = 3
_WEB = ("http://", "https://")


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
    pages = [
        fetch_page(str(address), Ask(address, settings, events=events), LARGEST)
        for address in addresses
        if str(address).startswith(_WEB)
    ]
    located = [
        _located(str(address))
        for address in addresses
        if not str(address).startswith((collections.PREFIX, *_WEB))
    ]
    table, notes = _files(located, pages, settings, events)
    table = pl.concat([*parts, table])
    if not table.height:
        raise SourceError(
            f"There is no document in {', '.join(map(str, addresses))}.",
            got="; ".join(notes) or "no file of a known kind",
            do=f"Known are {', '.join(sorted(set(KINDS) - set(CODE)))} and source code.",
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


def _located(address: str) -> tuple[Path, list[str]]:
    """The folder that names are relative to, and the files of an address."""
    if address.startswith("package:"):
        address = str(_packaged(address))
    path = Path(address).expanduser().absolute()
    if path.is_dir():
        return path, list(_below(str(path)))
    if path.is_file():
        return path.parent, [str(path)]
    found = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(address) else []  # noqa: PTH207
    fixed = [part for part in path.parts if not glob.has_magic(part)]
    root = Path(*path.parts[: len(fixed)]) if len(fixed) < len(path.parts) else path.parent
    files = [name for name in found if Path(name).is_file()]
    if not files:
        raise SourceError(f"There is no document {address}.", do="Name a folder, a file or a pattern.")
    return root, files


def _below(folder: str) -> Iterator[str]:
    """All files of a folder, in the order of their paths, that are not hidden."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif entry.is_file():
            yield entry.path


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


def _files(
    located: list[tuple[Path, list[str]]], pages: list[File], settings: Settings, events: Events
) -> tuple[pl.DataFrame, list[str]]:
    """The blocks of all files, named from the folder that holds them all, and which were left out and why."""
    if not located and not pages:
        return pl.DataFrame(schema=SCHEMA), []
    root = Path(os.path.commonpath([folder for folder, _ in located])) if located else settings.cache
    start = len(os.path.join(root, ""))  # noqa: PTH118 - thousands of paths
    paths = {_named(path[start:]): path for _, some in located for path in some}
    paths |= {page.name: str(page.path) for page in pages}
    formats = {page.name: page.format for page in pages}
    known = Known(settings.cache, root)
    columns: dict[str, list[Any]] = {name: [] for name in WITH_FACTS}
    facts: dict[str, Facts] = {}
    why: dict[str, list[str]] = {}
    for number, (name, path) in enumerate(paths.items(), 1):
        try:
            now, before = Facts.of(path), known.files.get(name)
            if before is not None and before.still(now):
                facts[name] = before
                continue
            found = _read(Path(path), name, formats.get(name))
        except OSError as error:
            why.setdefault(error.strerror or "it cannot be read", []).append(name)
        except Unreadable as error:
            why.setdefault(str(error), []).append(name)
        else:
            facts[name] = now
            for document, held in found.items():
                _add(columns, document, held, name, now)
            events.emit("document.progress", done=number, total=len(paths), document=name)
    table = known.updated(facts, pl.DataFrame(columns, schema=WITH_FACTS))
    digests = table.select("document", "digest").unique("document", keep="first", maintain_order=True).rows()
    first = {digest: name for name, digest in reversed(digests)}
    repeated = [name for name, digest in digests if first[digest] != name]
    for name, digest in digests:
        if first[digest] != name:
            why.setdefault(f"it repeats {first[digest]}", []).append(name)
    return table.filter(~pl.col("document").is_in(repeated)).select(*SCHEMA), [
        *_told(why),
        *_told_of_code(facts),
    ]


def _told_of_code(names: Iterable[str]) -> Iterable[str]:
    kinds = sorted(filter(uncut, {Path(name).suffix.lower() for name in names}))
    if kinds:
        yield (
            f"Source code ({', '.join(kinds)}) was cut at blank lines; "
            'into functions and classes it is cut with tree-sitter: pip install "noria[rag]"'
        )


def _named(path: str) -> str:
    """A path as a name that is text on every system."""
    return os.fsencode(path).decode(errors="replace").replace(os.sep, "/")


def _digest(found: list[Block]) -> str:
    """Of the words alone, so that copies are seen through other blanks and marks."""
    return hashlib.sha256("\0".join(" ".join(one.text.split()) for one in found).encode()).hexdigest()


def _read(path: Path, name: str, ending: str | None = None) -> dict[str, list[Block]]:
    """What a file holds, by its own ending unless another is given.

    Raises
    ------
    Unreadable
        If that is nothing.
    OSError
        If it cannot be opened.
    """
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST // 1_000_000} MB")
    content = path.read_bytes()
    return parts(name, content) if ending is None else {name: blocks(f"page{ending}", content)}


def _add(columns: dict[str, list[Any]], name: str, found: list[Block], file: str, facts: Facts) -> None:
    title = next((block.text for block in found if block.kind == "heading"), Path(file).stem)
    told = {"document": name, "title": title, "digest": _digest(found), "file": file, **facts._asdict()}
    for field, values in zip(Block._fields, zip(*found)):
        columns[field] += values
    for field, value in told.items():
        columns[field] += [value] * len(found)


def _told(why: dict[str, list[str]]) -> Iterable[str]:
    for reason, names in why.items():
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        count = "1 document" if len(names) == 1 else f"{len(names):,} documents"
        yield f"{count} left out, {reason}: {', '.join(names[:_LISTED])}{more}"
