"""Every strategy of retrieval, simple first."""

from noria.systems.retrieval.learners.base import RetrievalLearner
from noria.systems.retrieval.learners.strategies import (
    Bm25,
    Bm25Feedback,
    DenseVectors,
    HybridRanks,
    HybridWeights,
    Hyde,
    MultiQuery,
    Popular,
    Reranked,
)

__all__ = ["LEARNERS", "RetrievalLearner"]

LEARNERS: tuple[type[RetrievalLearner], ...] = (
    Popular,
    Bm25,
    Bm25Feedback,
    DenseVectors,
    HybridRanks,
    HybridWeights,
    Reranked,
    Hyde,
    MultiQuery,
)
