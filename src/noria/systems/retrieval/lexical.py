"""The words of chunks, counted once and weighed for every setting of BM25."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import SEEK_END
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from noria.methods.bm25 import Postings, top
from noria.systems.retrieval.chunks import Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.words import Analyzer

__all__ = ["Counts", "Lexical", "Scratch"]

_BATCH = 2_000
_SORTED = 2**18  # entries that are sorted at once, and those of their last term


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each term stands in the body and in the head of each chunk.

    Attributes
    ----------
    vocabulary : Series of str
        The terms; their places are their numbers.
    terms, chunks : array of int32, (entries,)
    body, head : array of uint16, (entries,)
        At most 65,535.
    size : int
        Chunks in all.
    """

    vocabulary: pl.Series
    terms: NDArray[np.int32]
    chunks: NDArray[np.int32]
    body: NDArray[np.uint16]
    head: NDArray[np.uint16]
    size: int

    @classmethod
    def of(cls, corpus: Corpus, chunks: Chunks, analyzer: Analyzer) -> Counts:
        """Count batch by batch, so that memory holds the counts and one batch of words."""
        parts = Scratch()
        for first in range(0, max(len(chunks), 1), _BATCH):
            parts.add(cls._batch(corpus, chunks, slice(first, first + _BATCH), analyzer))
        return parts.joined(np.arange(len(chunks), dtype=np.int32))

    @classmethod
    def _batch(cls, corpus: Corpus, chunks: Chunks, rows: slice, analyzer: Analyzer) -> Counts:
        texts = chunks.texts(corpus, rows)
        said = analyzer.counts(texts).rename({"count": "body"})
        above = analyzer.counts(chunks.heads(corpus, rows)).rename({"count": "head"})
        both = said.join(above, on=["text", "term"], how="full", coalesce=True)
        vocabulary = both["term"].unique().sort()
        numbers = pl.DataFrame({"term": vocabulary, "number": np.arange(len(vocabulary), dtype=np.int32)})
        most = np.iinfo(np.uint16).max
        count = pl.col("body", "head").fill_null(0).clip(upper_bound=most).cast(pl.UInt16)
        filled = both.with_columns(pl.col("text").cast(pl.Int32), count)
        table = filled.join(numbers, on="term").sort("number", "text")
        terms, places, body, head = (table[name].to_numpy() for name in ("number", "text", "body", "head"))
        return cls(vocabulary, terms, places, body, head, len(texts))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of every term."""
        return {term: number for number, term in enumerate(self.vocabulary.to_list())}

    @cached_property
    def by_chunk(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The entries chunk by chunk, and where those of each chunk begin."""
        order = np.argsort(self.chunks, kind="stable").astype(np.int32)
        return order, np.searchsorted(self.chunks[order], np.arange(self.size + 1))

    def by(self, what: Callable[[NDArray[Any]], NDArray[Any]]) -> Counts:
        """The same with something done to each array."""
        terms, chunks, body, head = (what(one) for one in (self.terms, self.chunks, self.body, self.head))
        return Counts(self.vocabulary, terms, chunks, body, head, self.size)

    def sort(self, ends: NDArray[np.int64]) -> None:
        """Bring the entries of each term, which end there, into the order of their chunks, in place."""
        begin = 0
        while begin < len(self.chunks):
            end = int(ends[np.searchsorted(ends, min(begin + _SORTED, len(self.chunks)))])
            piece = slice(begin, end)
            order = np.lexsort((self.chunks[piece], self.terms[piece]))
            for array in (self.chunks, self.body, self.head):
                array[piece] = array[piece][order]
            begin = end

    @classmethod
    def none(cls, size: int) -> Counts:
        """Of chunks whose words do not matter."""
        numbers, counts = np.zeros(0, np.int32), np.zeros(0, np.uint16)
        return cls(pl.Series("term", [], pl.String), numbers, numbers, counts, counts, size)

    def postings(self, head_weight: float) -> Postings:
        """The postings where a term of the head counts this many times one of the body."""
        counts = self.body + np.float32(head_weight) * self.head
        terms, chunks, some = self.terms, self.chunks, counts > 0
        if not some.all():  # else they share memory
            terms, chunks, counts = terms[some], chunks[some], counts[some]
        return Postings.of(terms, chunks, counts, len(self.vocabulary), self.size)


class Scratch:
    """Counts of parts, in a file without a name until they are joined: memory holds those of one part."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - open for as long as this lives, and gone with it
        self._parts: list[Counts] = []

    def add(self, part: Counts) -> None:
        """Put another part behind those before."""
        self._parts.append(part.by(self._kept))

    def joined(self, places: NDArray[np.int32]) -> Counts:
        """One of all, whose chunks, part after part, go to these places; terms are numbered anew.

        Nothing is left to be joined again.
        """
        if len(self._parts) == 1 and (np.diff(places) == 1).all():
            return self._parts.pop().by(np.array)
        said = pl.concat([one.vocabulary for one in self._parts])
        vocabulary = said.unique().sort()
        numbers = vocabulary.search_sorted(said).to_numpy().astype(np.int32)
        entries = sum(len(one.terms) for one in self._parts)
        found = np.zeros(len(vocabulary), dtype=np.int64)
        begins = np.cumsum([0, *(len(one.vocabulary) for one in self._parts)])
        for at, one in zip(begins, self._parts):
            found += np.bincount(numbers[at + one.terms], minlength=len(found))
        ends = np.cumsum(found)
        following = ends - found
        made = Counts(
            vocabulary,
            np.repeat(np.arange(len(found), dtype=np.int32), found),
            np.empty(entries, dtype=np.int32),
            np.empty(entries, dtype=np.uint16),
            np.empty(entries, dtype=np.uint16),
            len(places),
        )
        before = 0
        for at in begins[:-1]:
            one = self._parts.pop(0)
            terms = numbers[at + one.terms]
            firsts = np.flatnonzero(np.diff(terms, prepend=-1))
            to = np.arange(len(terms)) + np.repeat(
                following[terms[firsts]] - firsts, np.diff(firsts, append=len(terms))
            )
            made.chunks[to] = places[before + one.chunks]
            made.body[to], made.head[to] = one.body, one.head
            following += np.bincount(terms, minlength=len(found))
            before += one.size
        made.sort(ends)
        return made

    def _kept(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same, in the file; where that is full, in memory."""
        try:
            begin = self._file.seek(0, SEEK_END)
            self._file.write(np.ascontiguousarray(array).data)
            self._file.flush()
        except OSError:
            return array
        return np.memmap(self._file, array.dtype, "r", begin, array.shape) if array.size else array


class Lexical:
    """BM25 over chunks.

    Parameters
    ----------
    counts : Counts
    analyzer : Analyzer
    k1, b, head_weight : float
    feedback : int
        How many of the best chunks lend their words to a second round; 0 for none.

    References
    ----------
    Feedback: Lavrenko and Croft (2001), "Relevance-based language models"; RM3 of Abdul-Jaleel et al. (2004).
    """

    EXPANSION = 20
    OLD = 0.6  # share of the words that were asked

    def __init__(
        self,
        counts: Counts,
        analyzer: Analyzer,
        *,
        k1: float,
        b: float,
        head_weight: float,
        feedback: int = 0,
    ) -> None:
        self.counts, self.analyzer = counts, analyzer
        self.settings = {"k1": k1, "b": b, "head_weight": head_weight, "feedback": feedback}
        postings = counts.postings(head_weight)
        self._weights = postings.weights(k1, b)
        self.postings = replace(postings, counts=postings.counts[:0].copy())  # the weights say all of them
        self._feedback = feedback

    @cached_property
    def idf(self) -> NDArray[np.float32]:
        """How rare each term is, and of an unknown one, last, (terms + 1,)."""
        return np.append(self.postings.idf, np.float32(np.log1p(2 * len(self.postings.lengths) + 1)))

    def query(self, question: str) -> dict[int, float]:
        """The known terms of a question, and how often each is asked."""
        asked: dict[int, float] = {}
        for term in self.analyzer.words(question):
            number = self.counts.numbers.get(term)
            if number is not None:
                asked[number] = asked.get(number, 0.0) + 1.0
        return asked

    def scores(self, question: str) -> NDArray[np.float32]:
        """The score of every chunk, (chunks,)."""
        asked = self.query(question)
        scores = self.postings.score(asked, self._weights)
        if self._feedback and asked:
            return self.postings.score(self._expanded(asked, scores), self._weights)
        return scores

    def terms(self, chunk: int) -> NDArray[np.int32]:
        """The terms that a chunk or the headings above it hold."""
        return self.counts.terms[self._entries(chunk)]

    def _expanded(self, asked: Mapping[int, float], scores: NDArray[np.float32]) -> dict[int, float]:
        """The question with the words that mark the best chunks."""
        best = top(scores, self._feedback)
        total = np.zeros(len(self.counts.vocabulary))
        for chunk in best[scores[best] > 0]:
            entries = self._entries(int(chunk))
            part = self.counts.body[entries] + self.counts.head[entries]
            total[self.counts.terms[entries]] += scores[chunk] * part / part.sum()
        total *= self.idf[:-1]
        added = top(total, self.EXPANSION)
        added = added[total[added] > 0]
        weighed = {term: self.OLD * count / sum(asked.values()) for term, count in asked.items()}
        for term, share in zip(added.tolist(), total[added] / max(total[added].sum(), 1e-9)):
            weighed[term] = weighed.get(term, 0.0) + (1 - self.OLD) * float(share)
        return weighed

    def _entries(self, chunk: int) -> NDArray[np.int32]:
        order, starts = self.counts.by_chunk
        return order[starts[chunk] : starts[chunk + 1]]

    def alike(self, chunks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The cosine of the words of some chunks with each other, rare words counting more, (some, some)."""
        entries = [self._entries(int(chunk)) for chunk in chunks]
        places = np.unique(self.counts.terms[np.concatenate(entries)]) if entries else np.zeros(0)
        table = np.zeros((len(chunks), len(places)))
        for row, some in zip(table, entries):
            terms = self.counts.terms[some]
            row[np.searchsorted(places, terms)] = self.counts.body[some] * self.idf[terms]
        table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
        return table @ table.T
