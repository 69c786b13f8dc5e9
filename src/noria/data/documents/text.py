"""Documents of plain text: notes, Markdown, tables."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any

from noria.data.documents.blocks import Block, Outline, Unreadable, paragraphs

__all__ = ["decoded", "delimited", "markdown", "plain"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})
_BINARY = 0.05  # share of control characters beyond which a file is no text
_RULE = "---"


def decoded(content: bytes) -> str:
    """The text of a file: by its byte order mark, as UTF-8, else as Windows-1252 or Latin-1.

    Raises
    ------
    Unreadable
        If it is not text.

    Examples
    --------
    >>> decoded("café".encode("cp1252"))
    'café'
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    head = content[:65_536]
    if b"\0" in head or len(head) - len(head.translate(None, _CONTROL)) > _BINARY * len(head):
        raise Unreadable("it is not text")
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def plain(content: bytes) -> Iterator[Block]:
    """Paragraphs of a text file."""
    for line, run in paragraphs(decoded(content).splitlines()):
        yield Block("text", " ".join(map(str.strip, run)), line=line)


def delimited(content: bytes) -> Iterator[Block]:
    """Rows of a CSV or TSV file, each with the names of its columns."""
    text = decoded(content)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows = csv.reader(io.StringIO(text, newline=""), dialect)
    try:
        names = next(rows, [])
        for row in rows:
            cells = [f"{name}: {value}" for name, value in zip(names, row) if value.strip()]
            if cells:
                yield Block("table", "; ".join(cells), line=rows.line_num)
    except csv.Error as error:
        raise Unreadable(f"its rows cannot be read: {error}") from error


def markdown(content: bytes) -> Iterator[Block]:
    """Headings, paragraphs, list items, rows of tables and code, without their marks."""
    from markdown_it import MarkdownIt

    lines = decoded(content).splitlines()
    body = _after_front_matter(lines)
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join([""] * body + lines[body:]))
    outline, cells, level, line = Outline(), [], 0, 0
    for token in tokens:
        line = token.map[0] + 1 if token.map else line
        match token.type:
            case "heading_open":
                level = int(token.tag[1:])
            case "inline" if level:
                title = _spoken(token)
                yield Block("heading", title, outline.enter(level, title), line=line)
                level = 0
            case "inline":
                cells.append(_spoken(token))
            case "paragraph_close" | "tr_close":
                kind = "table" if token.type == "tr_close" else "text"
                if any(cells):
                    yield Block(kind, " | ".join(cells), outline.path, line=line)
                cells = []
            case "fence" | "code_block":
                yield Block("code", token.content.rstrip("\n"), outline.path, line=line)


def _after_front_matter(lines: list[str]) -> int:
    """The number of lines that a block of YAML at the top takes."""
    if lines and lines[0].strip() == _RULE and _RULE in (line.strip() for line in lines[1:]):
        return 2 + [line.strip() for line in lines[1:]].index(_RULE)
    return 0


def _spoken(token: Any) -> str:
    """The words of a line, without emphasis and the targets of links."""
    words = (
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in token.children or ()
        if child.type in ("text", "code_inline", "softbreak", "hardbreak", "image")
    )
    return "".join(words).strip()
