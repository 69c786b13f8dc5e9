"""The meaning of chunks, as vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from noria.systems.retrieval.embedder import Embedder

__all__ = ["Dense"]


class Dense:
    """Cosine similarity of a question with every chunk, exactly.

    Summed without BLAS, whose threads wait for each other longer than one such sum takes on a busy machine.

    Parameters
    ----------
    vectors : array of float32, (chunks, dimensions)
        Of unit length.
    embedder : Embedder
    """

    def __init__(self, vectors: NDArray[np.float32], embedder: Embedder) -> None:
        self.vectors = vectors
        self.embedder = embedder

    def scores(self, question: str) -> NDArray[np.float32]:
        """The similarity with every chunk, (chunks,), -1 to 1; 0 for a question without a word."""
        if not question.strip():
            return np.zeros(len(self.vectors), dtype=np.float32)
        return np.einsum("ij,j->i", self.vectors, self.embedder.question(question))
