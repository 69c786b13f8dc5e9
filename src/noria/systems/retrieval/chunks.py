"""Documents cut into chunks: spans of characters that are found, and the wider ones that are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from noria.systems.retrieval.corpus import Corpus

__all__ = ["CHUNKINGS", "Chunking", "Chunks", "sentences"]

_WORD = re.compile(r"\S+")
_END = re.compile(r"[.!?]+[\"')\]’”]*(?=\s|$)|[。！？]|\n")
_SHORT = re.compile(r"(?:^|[\s(.])(?:[A-Za-z]|[Ee]\.g|[Ii]\.e|etc|al|vs|cf|Dr|Mrs?|No|Fig)$")
_LOOK = 6  # characters before a full stop in which a short form stands
_PARENT = 400  # words of the part of a section that is read around a small chunk
_Span = tuple[int, int]


def sentences(text: str) -> list[_Span]:
    """First and last character of each sentence; a line ends one.

    Examples
    --------
    >>> text = "Water, e.g. rain, falls. It rises!"
    >>> [text[begin:end] for begin, end in sentences(text)]
    ['Water, e.g. rain, falls.', 'It rises!']
    """
    found, begin = [], 0
    for match in _END.finditer(text):
        at = match.start()
        if match[0][0] == "." and _SHORT.search(text[max(begin, at - _LOOK) : at]):
            continue
        found.append((begin, match.end()))
        begin = match.end()
    found.append((begin, len(text)))
    return [span for span in (_trimmed(text, *span) for span in found) if span[0] < span[1]]


def _trimmed(text: str, begin: int, end: int) -> _Span:
    """Without the blanks around it."""
    piece = text[begin:end]
    words = piece.strip()
    first = begin + piece.find(words)
    return first, first + len(words)


@dataclass(frozen=True)
class Chunking:
    """How documents are cut.

    Attributes
    ----------
    how : str
        A key of `CHUNKINGS`.
    size : int
        Words of a chunk, at most, where a sentence is not longer.
    overlap : float
        The share of a chunk that the next one repeats, where chunks are of a fixed size.
    gaps : callable, optional
        The distances in meaning between adjacent sentences of a document, by its name.
    """

    how: str = "whole"
    size: int = 200
    overlap: float = 0.0
    gaps: Callable[[str], NDArray[np.float32]] | None = None


@dataclass(frozen=True, eq=False)
class Chunks:
    """Spans of the documents of a corpus, in their order.

    Attributes
    ----------
    spans : array of int64, (chunks, 5)
        Document, first and last character; first and last character of what is read around it.
    """

    spans: NDArray[np.int64]

    @classmethod
    def of(cls, corpus: Corpus, chunking: Chunking) -> Chunks:
        """Cut every document."""
        cut = CHUNKINGS[chunking.how]
        rows = [
            (document, *spans) for document in range(len(corpus)) for spans in cut(corpus, document, chunking)
        ]
        return cls(np.array(rows, dtype=np.int64).reshape(-1, 5))

    def __len__(self) -> int:
        return len(self.spans)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The document of each chunk, ascending."""
        return np.ascontiguousarray(self.spans[:, 0])

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first chunk of each document."""
        return np.flatnonzero(np.diff(self.owners, prepend=-1))

    def owned(self, document: int) -> slice:
        """The chunks of a document."""
        first, last = np.searchsorted(self.owners, [document, document + 1])
        return slice(int(first), int(last))

    def texts(self, corpus: Corpus, rows: slice = slice(None)) -> list[str]:
        """What each chunk says."""
        return [corpus.text(document, begin, end) for document, begin, end in self.spans[rows, :3].tolist()]

    def heads(self, corpus: Corpus, rows: slice = slice(None)) -> list[str]:
        """The title and the headings above each chunk."""
        return [corpus.head(document, begin) for document, begin in self.spans[rows, :2].tolist()]


def _whole(corpus: Corpus, document: int, _chunking: Chunking) -> Iterator[tuple[int, ...]]:
    end = len(corpus.text(document))
    yield 0, end, 0, end


def _fixed(corpus: Corpus, document: int, chunking: Chunking) -> Iterator[tuple[int, ...]]:
    words = [match.span() for match in _WORD.finditer(corpus.text(document))]
    step = max(round(chunking.size * (1 - chunking.overlap)), 1)
    for first in range(0, max(len(words), 1), step):
        part = words[first : first + chunking.size] or [(0, 0)]
        yield (part[0][0], part[-1][1]) * 2
        if first + chunking.size >= len(words):
            return


def _by_sentences(corpus: Corpus, document: int, chunking: Chunking) -> Iterator[tuple[int, ...]]:
    for span in _packed(corpus.text(document), chunking.size):
        yield span * 2


def _by_headings(corpus: Corpus, document: int, chunking: Chunking) -> Iterator[tuple[int, ...]]:
    for begin, end in corpus.sections(document):
        for first, last in _packed(corpus.text(document, begin, end), chunking.size):
            yield (begin + first, begin + last) * 2


def _by_meaning(corpus: Corpus, document: int, chunking: Chunking) -> Iterator[tuple[int, ...]]:
    """Cut at the widest gaps, one for every `size` words; what is longer still, between any sentences."""
    assert chunking.gaps is not None
    text, gaps = corpus.text(document), chunking.gaps(corpus.names[document])
    spans = np.array(sentences(text) or [(0, 0)])
    widest = np.argsort(-gaps, kind="stable")[: len(_WORD.findall(text)) // chunking.size]
    for part in np.split(spans, np.sort(widest) + 1):
        begin, end = int(part[0, 0]), int(part[-1, 1])
        for first, last in _packed(text[begin:end], chunking.size):
            yield (begin + first, begin + last) * 2


def _children(corpus: Corpus, document: int, chunking: Chunking) -> Iterator[tuple[int, ...]]:
    """Small chunks, each within a part of its section."""
    for begin, end in corpus.sections(document):
        for first, last in _packed(corpus.text(document, begin, end), _PARENT):
            part = corpus.text(document, begin + first, begin + last)
            for inner, outer in _packed(part, chunking.size):
                at = begin + first
                yield at + inner, at + outer, at, begin + last


def _packed(text: str, size: int) -> Iterator[_Span]:
    """Runs of whole sentences of at most `size` words; a longer sentence stays whole."""
    begin, end, words = 0, 0, 0
    for first, last in sentences(text):
        count = text.count(" ", first, last) + 1
        if words and words + count > size:
            yield begin, end
            begin, words = first, 0
        end, words = last, words + count
    yield begin, end


CHUNKINGS: dict[str, Callable[[Corpus, int, Chunking], Iterator[tuple[int, ...]]]] = {
    "whole": _whole,
    "fixed": _fixed,
    "sentences": _by_sentences,
    "headings": _by_headings,
    "children": _children,
    "semantic": _by_meaning,
}
"""Whole documents; words regardless of sentences; sentences; sentences within a section; the same with
more of the section read around what is found; sentences of one meaning."""
