"""Which kinds of documents are read, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import PurePath

from noria.data.documents.blocks import Block, Unreadable
from noria.data.documents.html import html
from noria.data.documents.mail import mail, mailbox
from noria.data.documents.office import docx
from noria.data.documents.pdf import pdf
from noria.data.documents.source import code
from noria.data.documents.text import delimited, markdown, plain

__all__ = ["CODE", "KINDS", "LARGEST", "blocks", "parts"]

LARGEST = 64_000_000
"""Bytes of a document."""
CODE = (
    *(".c", ".cc", ".cpp", ".cs", ".css", ".go", ".h", ".hpp", ".java", ".jl", ".js", ".kt", ".lua", ".php"),
    *(".pl", ".py", ".r", ".rb", ".rs", ".scala", ".sh", ".sql", ".swift", ".toml", ".ts", ".tsx", ".yaml"),
    ".yml",
)
"""Endings of source code."""


def blocks(name: str, content: bytes) -> list[Block]:
    """What a document holds.

    Parameters
    ----------
    name : str
        Its ending, in large or small letters, decides how it is read.
    content : bytes

    Raises
    ------
    Unreadable
        If that is nothing, or nothing that can be read.

    Examples
    --------
    >>> blocks("notes.md", b"# Water")
    [Block(kind='heading', text='Water', heading='Water', page=None, line=1)]
    """
    reader = _READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise Unreadable("its kind is not known")
    found = list(reader(content))
    if not found:
        raise Unreadable("it is empty")
    return found


def parts(name: str, content: bytes) -> dict[str, list[Block]]:
    r"""What each document of a file holds: messages of a box of mail by their numbers, else the file itself.

    Raises
    ------
    Unreadable
        As `blocks`.

    Examples
    --------
    >>> box = b"From ann Mon Nov  2 10:00:00 2026\nSubject: Pumps\n\nThey leak.\n"
    >>> [(name, one.text) for name, found in parts("in.mbox", box).items() for one in found]
    [('in.mbox/1', 'Pumps'), ('in.mbox/1', 'They leak.')]
    """
    if PurePath(name).suffix.lower() != _BOX:
        return {name: blocks(name, content)}
    return {f"{name}/{at}": found for at, found in enumerate(mailbox(content, attached=blocks), 1)}


def _box(content: bytes) -> Iterator[Block]:
    return chain.from_iterable(mailbox(content, attached=blocks))


_BOX = ".mbox"
_READERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    **dict.fromkeys((".md", ".markdown"), markdown),
    **dict.fromkeys((".txt", ".text", ".rst", ".log"), plain),
    **dict.fromkeys((".html", ".htm", ".xhtml"), html),
    **dict.fromkeys((".csv", ".tsv"), delimited),
    **{ending: partial(code, ending=ending) for ending in CODE},
    ".docx": docx,
    ".eml": partial(mail, attached=blocks),
    _BOX: _box,
    ".pdf": pdf,
}
KINDS = tuple(_READERS)
"""The endings of all kinds."""
