"""The meaning of chunks, as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from noria.systems.retrieval.embedder import Embedder

__all__ = ["Dense"]

_MANY = 20_000  # chunks from which on not all of them are compared in all dimensions
_DIMENSIONS = 96
_CANDIDATES = 500
_SEEN = 5_000  # chunks that the main directions are taken from


class Dense:
    """Cosine similarity of a question with every chunk.

    Exactly for few chunks. For many, along the directions in which the chunks differ most, and then exactly
    for the best of them. Summed without BLAS, whose threads wait for each other longer than one such sum
    takes on a busy machine.

    Parameters
    ----------
    vectors : array of float32, (chunks, dimensions)
        Of unit length.
    embedder : Embedder
    """

    def __init__(self, vectors: NDArray[np.float32], embedder: Embedder) -> None:
        self.vectors = vectors
        self.embedder = embedder

    def scores(self, question: str, also: Sequence[str] = ()) -> NDArray[np.float32]:
        """The similarity with every chunk, (chunks,), -1 to 1; 0 for a question without a word.

        With further texts, that of the middle of all their vectors.
        """
        if not question.strip():
            return np.zeros(len(self.vectors), dtype=np.float32)
        asked = self.embedder.question(question)
        if also:
            middle = np.sum([asked, *(self.embedder.question(text) for text in also)], axis=0)
            asked = middle / max(float(np.linalg.norm(middle)), 1e-12)
        if len(self.vectors) < _MANY:
            return np.einsum("ij,j->i", self.vectors, asked)
        directions, short = self._main
        scores = np.einsum("ij,j->i", short, directions.T @ asked)
        best = np.argpartition(scores, -_CANDIDATES)[-_CANDIDATES:]
        scores[best] = np.einsum("ij,j->i", self.vectors[best], asked)
        return scores

    @cached_property
    def _main(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The directions of most weight, (dimensions, 96), and every chunk along them, (chunks, 96)."""
        some = self.vectors[:: max(len(self.vectors) // _SEEN, 1)]
        _, axes = np.linalg.eigh(some.T @ some)
        directions = np.ascontiguousarray(axes[:, ::-1][:, :_DIMENSIONS], dtype=np.float32)
        return directions, self.vectors @ directions
