"""The strategies: by how often a document was asked for, by words, by meaning, and by both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from noria.core.params import Params, integer, real
from noria.core.protocol import Context
from noria.methods import ranking
from noria.methods.bm25 import top
from noria.systems.retrieval.learners.base import (
    ChunkedParams,
    FeedbackParams,
    RetrievalLearner,
    WordParams,
    questions,
)
from noria.systems.retrieval.model import Index, RetrievalModel, Strategy

__all__ = [
    "Bm25",
    "Bm25Feedback",
    "DenseVectors",
    "HybridRanks",
    "HybridWeights",
    "Hyde",
    "MultiQuery",
    "Popular",
    "Reranked",
]

_GRID = np.linspace(0, 1, 21)


class Popular(RetrievalLearner[Params]):
    """What was relevant to most training questions, whatever is asked: the floor to stand on."""

    name = "popular"
    reads = False
    settings = Params

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """The same for every question."""
        return model.strategy


class Bm25(RetrievalLearner[WordParams]):
    """Words, weighed by how rare they are (Robertson and Zaragoza 2009)."""

    name = "bm25"
    settings = WordParams
    known = (
        {},
        {"chunking": "headings"},
        {"k1": 2.0, "b": 0.8, "head_weight": 2.0},
        {"chunking": "children"},
        {"chunking": "sentences"},
        {"chunking": "fixed"},
        {"k1": 0.8, "b": 0.5, "head_weight": 0.0},
    )

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """By words alone."""
        return _by(model, "lexical")


class Bm25Feedback(RetrievalLearner[FeedbackParams]):
    """BM25 asked twice, the second time with words of the best chunks (RM3)."""

    name = "bm25_feedback"
    turn = 1
    settings = FeedbackParams
    known = ({}, {"chunking": "headings"}, {"k1": 2.0, "b": 0.8, "head_weight": 2.0})

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """By words alone; the index adds the words."""
        return _by(model, "lexical")


class DenseVectors(RetrievalLearner[ChunkedParams]):
    """Nearness in meaning: cosine of sentence embeddings (Reimers and Gurevych 2019)."""

    name = "dense"
    turn = 1
    embeds = True
    settings = ChunkedParams
    known = ({}, {"chunking": "headings"})

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """By meaning alone."""
        return _by(model, "dense")


class HybridRanksParams(FeedbackParams):
    """Settings of `HybridRanks`."""

    k: float = real(60.0, low=1.0, high=200.0, log=True, doc="How little the first ranks stand out.")


class HybridRanks(RetrievalLearner[HybridRanksParams]):
    """Words and meaning, joined by their ranks (Cormack et al. 2009)."""

    name = "hybrid_ranks"
    turn = 2
    embeds = True
    settings = HybridRanksParams
    known = ({"feedback": 0}, {"chunking": "headings"}, {"k1": 2.0, "b": 0.8, "k": 20.0})

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """Both, by ranks."""
        return _by(model, "ranks", k=self.params.k)


class HybridWeights(RetrievalLearner[FeedbackParams]):
    """Words and meaning as a sum whose weight is learned from the training questions (Bruch et al. 2023)."""

    name = "hybrid_weights"
    turn = 2
    embeds = True
    settings = FeedbackParams
    known = (
        {"feedback": 0},
        {},
        {"chunking": "headings"},
        {"k1": 2.0, "b": 0.8, "head_weight": 2.0},
    )

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:
        """Both, with the weight of the best mean nDCG@10 over the training questions."""
        known: dict[str, list[float]] = ctx.shared.get(("gains", self.params), dict)
        gains = []
        for question, relevant in questions(model, train):
            if relevant:
                ctx.deadline.check()
                if question not in known:
                    known[question] = _gains(model.index, question, relevant)
                gains.append(known[question])
        mean = np.mean(gains, axis=0) if gains else np.zeros(len(_GRID))
        return _by(model, "convex", weight=float(_smoothed(mean)))


def _gains(index: Index, question: str, relevant: Mapping[str, float]) -> list[float]:
    """nDCG@10 of a question for each weight of the grid; the same in all folds, which share the index."""
    assert index.dense is not None
    names, starts = index.corpus.names, index.chunks.starts
    scores = [index.lexical.scores(question), index.dense.scores(question) + 1]
    ranked = (
        top(np.maximum.reduceat(ranking.convex(scores, [1 - weight, weight]), starts), 10) for weight in _GRID
    )
    return [ranking.ndcg([names[at] for at in one], relevant) for one in ranked]


class RerankedParams(HybridRanksParams):
    """Settings of `Reranked`."""

    reranked: int = integer(
        20, low=5, high=100, log=True, doc="Chunks whose order the cross-encoder decides."
    )


class Reranked(RetrievalLearner[RerankedParams]):
    """Words and meaning joined by ranks, the first places in the order of a cross-encoder."""

    name = "reranked"
    turn = 2
    embeds = True
    reranks = True
    settings = RerankedParams
    known = ({"feedback": 0}, {"feedback": 0, "chunking": "headings"})

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """Both, by ranks, and then read together with the question."""
        return _by(model, "ranks", k=self.params.k, reranked=self.params.reranked)


class Hyde(RetrievalLearner[HybridRanksParams]):
    """Words of the question, and the meaning of it and of an answer that a language model invents (HyDE)."""

    name = "hyde"
    turn = 2
    embeds = True
    queries = "hyde"
    settings = HybridRanksParams
    known = ({"feedback": 0}, {"feedback": 0, "chunking": "headings"})

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:  # noqa: ARG002
        """Both, by ranks."""
        return _by(model, "ranks", k=self.params.k, queries=self.queries)


class MultiQuery(Hyde):
    """The question in four ways of asking, of which a language model wrote three, all joined by ranks."""

    name = "multi_query"
    queries = "multi"


def _smoothed(mean: np.ndarray) -> float:
    """The weight with the best mean gain over itself and its neighbours, which chance moves less."""
    padded = np.pad(mean, 1, mode="edge")
    return float(_GRID[int(np.argmax(padded[:-2] + padded[1:-1] + padded[2:]))])


def _by(model: RetrievalModel, fusion: str, **settings: Any) -> Strategy:
    return replace(model.strategy, fusion=fusion, **settings)
