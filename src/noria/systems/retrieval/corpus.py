"""Documents as one text each, with the place of every character."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Corpus", "Place"]

_READ = 32  # documents whose texts are kept decoded


class Place(NamedTuple):
    """Where a text stands.

    Attributes
    ----------
    document, title, heading : str
    page, line : int, optional
    """

    document: str
    title: str
    heading: str
    page: int | None
    line: int | None


class Corpus:
    """Documents and the blocks that they are made of.

    Parameters
    ----------
    documents : Table
        ``document``, ``title``, ``text``: the blocks' texts, one per line.
    blocks : Table
        ``owner`` (the number of the document), ``begin`` (its first character there), ``kind``, ``heading``,
        ``page``, ``line``; in reading order.

    Examples
    --------
    >>> from noria.data.documents import read
    >>> from noria.settings import Settings
    >>> corpus = Corpus.of(read([{"document": "a", "text": "One."}], settings=Settings())[0])
    >>> corpus.place(0, 2).document
    'a'
    """

    def __init__(self, documents: pl.DataFrame, blocks: pl.DataFrame) -> None:
        self.documents, self.blocks = documents, blocks
        self.names: list[str] = documents["document"].to_list()
        self._titles: list[str] = documents["title"].to_list()
        self._text = lru_cache(_READ)(documents["text"].item)
        self._begins = blocks["begin"].to_numpy()
        self._places = blocks.select("kind", "heading", "page", "line").rows()
        self._first = np.searchsorted(blocks["owner"].to_numpy(), np.arange(documents.height + 1))

    @classmethod
    def of(cls, table: pl.DataFrame) -> Corpus:
        """From a table of blocks, as `noria.data.documents.read` gives it."""
        titled = pl.col("title").filter(pl.col("title") != "").first().fill_null("")
        documents = table.group_by("document", maintain_order=True).agg(titled, pl.col("text").str.join("\n"))
        numbers = documents.select("document").with_row_index("owner")
        length = pl.col("text").str.len_chars().cast(pl.Int64) + 1
        blocks = (
            table.join(numbers, on="document", how="left", maintain_order="left")
            .sort("owner", maintain_order=True)
            .with_columns(begin=length.cum_sum().over("owner") - length)
        )
        return cls(documents, blocks.select("owner", "begin", "kind", "heading", "page", "line"))

    def __len__(self) -> int:
        return len(self.names)

    def part(self, rows: NDArray[np.int64]) -> Corpus:
        """Some of the documents, by their numbers, ascending."""
        owners = np.zeros(len(self), dtype=bool)
        owners[rows] = True
        blocks = self.blocks.filter(owners[self.blocks["owner"].to_numpy()])
        numbers = np.searchsorted(rows, blocks["owner"].to_numpy())
        return Corpus(self.documents[rows], blocks.with_columns(owner=pl.Series(numbers, dtype=pl.UInt32)))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each document by its name."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """A number for each document, of all that it says and where, (documents, 2)."""
        said = self.documents.hash_rows().to_numpy()
        places = self.blocks.drop("owner").hash_rows().to_numpy()
        weights = np.arange(1, 2 * len(places), 2, dtype=np.uint64)  # so that the order of blocks counts
        weights = weights - np.repeat(weights[self._first[:-1]], np.diff(self._first)) + np.uint64(1)
        return np.stack([said, np.add.reduceat(places * weights, self._first[:-1])], axis=1)

    def text(self, document: int, begin: int = 0, end: int | None = None) -> str:
        """Some characters of a document."""
        return self._text(document)[begin:end]

    def head(self, document: int, character: int) -> str:
        """The title of a document and the headings above a character of it."""
        title, heading = self._titles[document], self._block(document, character)[1]
        return heading if heading.startswith(title) else f"{title} {heading}".strip()

    def sections(self, document: int) -> Iterator[tuple[int, int]]:
        """First and last character of each run of blocks below the same heading."""
        first, last = self._first[document], self._first[document + 1]
        begin, above = 0, self._places[first][1]
        for row in range(first + 1, last):
            heading = self._places[row][1]
            if heading != above:
                yield begin, int(self._begins[row])
                begin, above = int(self._begins[row]), heading
        yield begin, len(self._text(document))

    def place(self, document: int, character: int) -> Place:
        """The place of one character."""
        _, heading, page, line = self._block(document, character)
        return Place(self.names[document], self._titles[document], heading, page, line)

    def around(self, document: int, begin: int, end: int, room: int) -> list[dict[str, Any]]:
        """The blocks of a document around some characters, each with its place.

        Parameters
        ----------
        document, begin, end : int
        room : int
            Characters before and after.

        Returns
        -------
        list of dict
            ``kind``, ``heading``, ``page``, ``line`` and ``parts``: what stands before the characters, what
            of them is in the block, and what stands after.
        """
        first, last = self._first[document], self._first[document + 1]
        text, found = self._text(document), []
        starts = [*self._begins[first:last].tolist(), len(text) + 1]
        for row, (start, following) in enumerate(pairwise(starts), first):
            low, high = max(start, begin - room), min(following - 1, end + room)
            if low < high:
                cuts = (low, min(max(begin, low), high), max(min(end, high), low), high)
                parts = [text[at:to] for at, to in pairwise(cuts)]
                found.append(
                    {**dict(zip(("kind", "heading", "page", "line"), self._places[row])), "parts": parts}
                )
        return found

    def kind(self, document: int, character: int) -> str:
        """The kind of the block that a character belongs to."""
        return self._block(document, character)[0]

    def _block(self, document: int, character: int) -> Any:
        first, last = self._first[document], self._first[document + 1]
        at = int(np.searchsorted(self._begins[first:last], character, side="right"))
        return self._places[first + max(at - 1, 0)]
