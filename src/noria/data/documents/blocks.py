"""What documents are made of: blocks of text that know their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

__all__ = ["SCHEMA", "Block", "Outline", "Unreadable", "paragraphs"]

SCHEMA = {
    "document": pl.String,
    "title": pl.String,
    "kind": pl.String,
    "text": pl.String,
    "heading": pl.String,
    "page": pl.Int64,
    "line": pl.Int64,
}
"""The columns of a table of documents, one row per block, in reading order."""


class Unreadable(Exception):  # noqa: N818 - a document that is left out, not an error of the run
    """A document has no text that can be read; the message says why."""


class Block(NamedTuple):
    """A paragraph, a heading, a table or a piece of code.

    Attributes
    ----------
    kind : {"text", "heading", "table", "code"}
    text : str
    heading : str
        The headings above it, outermost first, joined by `` > ``.
    page, line : int, optional
        Where it begins, from 1.
    """

    kind: str
    text: str
    heading: str = ""
    page: int | None = None
    line: int | None = None


class Outline:
    """The headings above the place that has been reached.

    Examples
    --------
    >>> outline = Outline()
    >>> outline.enter(1, "Install"), outline.enter(2, "Linux"), outline.enter(2, "macOS")
    ('Install', 'Install > Linux', 'Install > macOS')
    """

    def __init__(self) -> None:
        self._above: list[tuple[int, str]] = []

    @property
    def path(self) -> str:
        """The headings, outermost first."""
        return " > ".join(text for _, text in self._above)

    def enter(self, level: int, text: str) -> str:
        """Go on below a heading of a level, 1 being the outermost; the new path."""
        self._above = [(above, words) for above, words in self._above if above < level]
        self._above.append((level, text))
        return self.path


def paragraphs(lines: Iterable[str], first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines that are not blank, and the number of the line that each begins at."""
    run: list[str] = []
    number = first
    for number, line in enumerate(lines, first):
        if line.strip():
            run.append(line)
        elif run:
            yield number - len(run), run
            run = []
    if run:
        yield number - len(run) + 1, run
