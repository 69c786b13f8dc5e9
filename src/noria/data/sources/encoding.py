"""Any text or compressed file as plain UTF-8."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from noria.data.sources.ask import Ask, File
from noria.errors import SourceError

__all__ = ["COMPRESSED", "decompress", "utf8"]

_CHUNK_BYTES = 1 << 22
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def decompress(file: File, folder: Path) -> File:
    """The file as it was before it was compressed, in `folder`; itself if it is not compressed.

    Raises
    ------
    SourceError
        If it is damaged.
    OSError
        If it cannot be read, or `folder` cannot be written.
    """
    opener = COMPRESSED.get(file.format)
    if opener is None:
        return file
    target = folder / file.path.stem
    try:
        with opener(file.path, "rb") as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SourceError(
            f"{file.name} cannot be decompressed.",
            got=str(error),
            do="Is it whole, and is its extension the right one?",
        ) from error
    return File(target, file.name)


def utf8(file: File, folder: Path, ask: Ask) -> Path:
    """The file's path if it is UTF-8 text, else that of a copy in `folder` that is.

    A byte order mark decides first, then whether all bytes are UTF-8, then zero bytes (UTF-16 without
    a mark); what remains is read as Windows-1252, or Latin-1 where that has gaps.
    """
    encoding = _encoding(file)
    if encoding in {"utf-8", "utf-8-sig"}:
        return file.path
    target = folder / f"{file.path.name}.utf8"
    with (
        file.path.open(encoding=encoding, newline="") as source,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        try:
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
        except UnicodeError as error:
            raise SourceError(
                f"{file.name} is not valid {encoding} text.", got=str(error), do="Save it as UTF-8."
            ) from error
    ask.repaired(file.name, f"read as {encoding}, for it is not UTF-8")
    return target


def _encoding(file: File) -> str:
    with file.path.open("rb") as data:
        head = data.read(4096)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        return _encoding_of_zeros(file, head)
    return next(name for name in ("utf-8", "cp1252", "latin-1") if _decodes(file.path, name))


def _encoding_of_zeros(file: File, head: bytes) -> str:
    """Zeros in every other byte are UTF-16; elsewhere they mean that this is not text."""
    high, low = head[0::2].count(0), head[1::2].count(0)
    if min(high, low) * 10 > max(high, low) or max(high, low) * 5 < len(head) // 2:
        raise SourceError(
            f"{file.name} is not text: it holds zero bytes.", do="Is its extension the right one?"
        )
    return "utf-16-be" if high > low else "utf-16-le"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as data:
            while chunk := data.read(_CHUNK_BYTES):
                if not (chunk.isascii() and not decoder.getstate()[0]):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
