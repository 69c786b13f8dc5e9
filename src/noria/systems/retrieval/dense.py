"""The meaning of chunks, as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from noria.core.ports import KeptVectors
from noria.errors import ArtifactError
from noria.systems.retrieval.embedder import Embedder

__all__ = ["Arrays", "Dense"]

_MANY = 20_000  # chunks from which on not all of them are compared in all dimensions
_DIMENSIONS = 96
_CANDIDATES = 500
_SEEN = 5_000  # chunks that the main directions are taken from


class Arrays:
    """Vectors in memory, which a model keeps in its folder: `noria.core.ports.Vectors`.

    Compared exactly if they are few. If there are many, along the directions in which they differ most, and
    then exactly for the best of them. Summed without BLAS, whose threads wait for each other longer than one
    such sum takes on a busy machine.

    Parameters
    ----------
    rows : array of float32, (chunks, dimensions)
        Of unit length.
    """

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows

    def count(self) -> int:
        """How many there are."""
        return len(self.rows)

    def similar(
        self,
        asked: NDArray[np.float32],
        documents: NDArray[np.int64] | None = None,  # noqa: ARG002 - all are compared
    ) -> NDArray[np.float32]:
        """The cosine of each with another, (chunks,), -1 to 1.

        Raises
        ------
        ArtifactError
            If the embedding model has changed, and that one has other dimensions.
        """
        if len(asked) != self.rows.shape[1]:
            raise ArtifactError(
                "The embedding model gives other vectors than those of the index.",
                got=f"{len(asked)} dimensions, and {self.rows.shape[1]} in the index",
                do="Train again.",
            )
        if len(self.rows) < _MANY:
            return np.einsum("ij,j->i", self.rows, asked)
        directions, short = self._main
        scores = np.einsum("ij,j->i", short, directions.T @ asked)
        best = np.argpartition(scores, -_CANDIDATES)[-_CANDIDATES:]
        scores[best] = np.einsum("ij,j->i", self.rows[best], asked)
        return scores

    @cached_property
    def _main(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The directions of most weight, (dimensions, 96), and every chunk along them, (chunks, 96)."""
        some = self.rows[:: max(len(self.rows) // _SEEN, 1)]
        _, axes = np.linalg.eigh(some.T @ some)
        directions = np.ascontiguousarray(axes[:, ::-1][:, :_DIMENSIONS], dtype=np.float32)
        return directions, self.rows @ directions


class Dense:
    """Cosine similarity of a question with every chunk.

    Parameters
    ----------
    vectors : Arrays or KeptVectors
        Of all chunks.
    embedder : Embedder
    """

    def __init__(self, vectors: Arrays | KeptVectors, embedder: Embedder) -> None:
        self.vectors = vectors
        self.embedder = embedder

    @property
    def rows(self) -> NDArray[np.float32] | None:
        """The vectors, (chunks, dimensions), if they are in memory."""
        return self.vectors.rows if isinstance(self.vectors, Arrays) else None

    def scores(
        self, question: str, also: Sequence[str] = (), documents: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """The similarity with every chunk, (chunks,), -1 to 1; 0 for a question without a word.

        Parameters
        ----------
        question : str
        also : sequence of str
            Further texts; with them, the similarity is that of the middle of all their vectors.
        documents : array of int, optional
            Those that matter, by number; what is said of the others is of no use then.
        """
        if not question.strip():
            return np.zeros(self.vectors.count(), dtype=np.float32)
        asked = self.embedder.question(question)
        if also:
            middle = np.sum([asked, *(self.embedder.question(text) for text in also)], axis=0)
            asked = middle / max(float(np.linalg.norm(middle)), 1e-12)
        return self.vectors.similar(asked, documents)
