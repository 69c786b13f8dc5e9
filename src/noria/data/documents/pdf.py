"""Documents in PDF."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from noria._lazy import installed, require
from noria.data.documents.blocks import Block, Unreadable, paragraphs

__all__ = ["pdf"]

_BROKEN = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    ArithmeticError,
    RecursionError,
    OSError,
)


def pdf(content: bytes) -> Iterator[Block]:
    """Paragraphs, page by page.

    Raises
    ------
    Unreadable
        If the file is damaged, protected by a password, or holds pictures of text only.
    """
    if not installed("pypdf"):
        raise Unreadable('PDF needs the package pypdf: pip install "noria[rag]"')
    pypdf = require("pypdf", extra="rag")
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    found = False
    try:
        reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it is protected by a password")
        for number, page in enumerate(reader.pages, 1):
            for line, run in paragraphs(page.extract_text().splitlines()):
                found = True
                yield Block("text", " ".join(map(str.strip, run)), page=number, line=line)
    except pypdf.errors.DependencyError as error:
        raise Unreadable("it is encrypted in a way that needs the package cryptography") from error
    except (pypdf.errors.PyPdfError, *_BROKEN) as error:
        raise Unreadable(f"it is damaged: {error}") from error
    if not found:
        raise Unreadable("it holds no text, only pictures of it perhaps")
