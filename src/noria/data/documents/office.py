"""Documents in Word's format (Office Open XML)."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from noria.data.documents.blocks import Block, Outline, Unreadable

__all__ = ["docx"]

_NAMES = {"w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main"}
_W = f"{{{_NAMES['w']}}}"
_BODY = "word/document.xml"
_LARGEST = 200_000_000  # bytes of the text once unpacked
_OLD = b"\xd0\xcf\x11\xe0"


def docx(content: bytes) -> Iterator[Block]:
    """Headings, paragraphs and rows of tables.

    Raises
    ------
    Unreadable
        If the file is damaged, protected by a password, or of Word's old format.
    """
    if content.startswith(_OLD):
        raise Unreadable("it is protected by a password, or of Word's format before 2007")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(_BODY).file_size > _LARGEST:
                raise Unreadable("its text is too large")
            body = ET.fromstring(archive.read(_BODY)).find("w:body", _NAMES)
    except (
        zipfile.BadZipFile,
        KeyError,
        ET.ParseError,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as error:
        raise Unreadable("it is damaged") from error
    outline = Outline()
    for part in body if body is not None else ():
        if part.tag == f"{_W}tbl":
            for row in part.iterfind("w:tr", _NAMES):
                cells = [_words(cell) for cell in row.iterfind("w:tc", _NAMES)]
                if any(cells):
                    yield Block("table", " | ".join(cells), outline.path)
        elif part.tag == f"{_W}p" and (text := _words(part)):
            level = _level(part)
            if level:
                yield Block("heading", text, outline.enter(level, text))
            else:
                yield Block("text", text, outline.path)


def _words(part: ET.Element) -> str:
    spaces = {f"{_W}tab", f"{_W}br", f"{_W}p"}
    pieces = (
        node.text or "" if node.tag == f"{_W}t" else " " if node.tag in spaces else "" for node in part.iter()
    )
    return " ".join("".join(pieces).split())


def _level(paragraph: ET.Element) -> int:
    """The level of a heading; 0 for other paragraphs."""
    style = paragraph.find("w:pPr/w:pStyle", _NAMES)
    name = style.get(f"{_W}val", "") if style is not None else ""
    if name.lower() == "title":
        return 1
    match = re.fullmatch(r"heading\s?([1-9])", name, re.IGNORECASE)
    return int(match[1]) if match else 0
