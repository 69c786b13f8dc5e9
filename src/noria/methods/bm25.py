"""BM25: how well texts answer to a bag of words, from counts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Postings", "top"]

_PIECE = 2**18  # entries


@dataclass(frozen=True, eq=False)
class Postings:
    """Which texts hold each term, and how often.

    Attributes
    ----------
    starts : array of int64, (terms + 1,)
        Where the texts of each term begin in `texts`.
    texts : array of int32, (entries,)
        Ascending within a term.
    counts : array of float32, (entries,)
        How often the term stands there; fractions are allowed.
    lengths : array of float32, (texts,)
        Terms of each text.

    References
    ----------
    Robertson and Zaragoza (2009), "The probabilistic relevance framework: BM25 and beyond"; weights that are
    summed at query time as in Lù (2024), "BM25S".

    Examples
    --------
    >>> made = Postings.of(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([2.0, 1.0, 3.0]), 2, 2)
    >>> made.score({1: 1.0}, made.weights(1.2, 0.75)).argmax()
    np.int64(1)
    """

    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    counts: NDArray[np.float32]
    lengths: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        terms: NDArray[np.integer],
        texts: NDArray[np.integer],
        counts: NDArray[np.floating],
        n_terms: int,
        n_texts: int,
    ) -> Postings:
        """Postings of entries in any order: term, text, count, (entries,) each; sorted ones cost less."""
        if not all(_sorted(terms[piece], texts[piece]) for piece in _pieces(len(terms), 1)):
            order = np.lexsort((texts, terms))
            terms, texts, counts = terms[order], texts[order], counts[order]
        starts, lengths = np.zeros(n_terms + 1, dtype=np.int64), np.zeros(n_texts)
        for piece in _pieces(len(terms)):
            starts[1:] += np.bincount(terms[piece], minlength=n_terms)
            lengths += np.bincount(texts[piece], weights=counts[piece], minlength=n_texts)
        np.cumsum(starts, out=starts)
        return cls(
            starts,
            texts.astype(np.int32, copy=False),
            counts.astype(np.float32, copy=False),
            lengths.astype(np.float32),
        )

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """How many texts hold each term, (terms,)."""
        return np.diff(self.starts)

    @property
    def idf(self) -> NDArray[np.float32]:
        """How rare each term is, (terms,), never negative."""
        found = self.frequencies
        return np.log1p((len(self.lengths) - found + 0.5) / (found + 0.5)).astype(np.float32)

    def weights(self, k1: float, b: float) -> NDArray[np.float32]:
        """What each entry adds to the score of its text, (entries,).

        Parameters
        ----------
        k1 : float
            How slowly repetitions of a term stop counting; 0 counts a term once.
        b : float
            How much long texts are held back, from 0 to 1.
        """
        mean = float(self.lengths.mean()) if len(self.lengths) else 1.0
        held = k1 * (1 - b + b * self.lengths / max(mean, 1e-9))
        weights = np.repeat(self.idf, self.frequencies)
        for piece in _pieces(len(weights)):
            counts = self.counts[piece]
            weights[piece] *= counts * (k1 + 1) / (counts + held[self.texts[piece]])
        return weights

    def score(self, query: Mapping[int, float], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The score of every text, (texts,), for terms and how much each of them counts."""
        total = np.zeros(len(self.lengths), dtype=np.float32)
        for term, share in query.items():
            part = slice(self.starts[term], self.starts[term + 1])
            total[self.texts[part]] += share * weights[part]
        return total


def _pieces(entries: int, more: int = 0) -> Iterator[slice]:
    """So many entries at a time, and some of the next, that what is computed of them takes little memory."""
    return (slice(start, start + _PIECE + more) for start in range(0, entries, _PIECE))


def _sorted(terms: NDArray[np.integer], texts: NDArray[np.integer]) -> bool:
    """Whether entries ascend by their term, and within a term by their text, none twice."""
    rises = np.diff(terms)
    return bool(np.all((rises > 0) | ((rises == 0) & (np.diff(texts) > 0))))


def top(scores: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """The places of the highest scores, best first; of equal ones the first place comes first.

    Examples
    --------
    >>> top(np.array([0.1, 0.9, 0.5, 0.9]), 3).tolist()
    [1, 3, 2]
    """
    count = min(count, len(scores))
    if not count:
        return np.zeros(0, dtype=np.int64)
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    found = np.flatnonzero(scores >= least)
    return found[np.argsort(-scores[found], kind="stable")][:count]
