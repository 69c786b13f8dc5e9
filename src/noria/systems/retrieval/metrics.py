"""How good rankings and answers are, question by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from noria.core.protocol import Metric
from noria.methods import ranking
from noria.systems.retrieval.target import judged

if TYPE_CHECKING:
    from noria.core.protocol import Scorer

__all__ = ["metrics"]

_Measure = Callable[[Sequence[str], Mapping[str, float]], float]


def metrics(target: str) -> list[Metric]:
    """All measures of question answering; those of rankings leave out questions that no document answers."""
    return [
        _ranked(
            target,
            "ndcg@10",
            ranking.ndcg,
            "Gain of the first ten documents, the sooner the better; 1 is ideal",
        ),
        _ranked(target, "recall@10", ranking.recall, "Share of the relevant documents among the first ten"),
        _ranked(target, "recall@3", partial(ranking.recall, at=3), "Share of them among the first three"),
        _ranked(
            target, "mrr@10", ranking.reciprocal_rank, "One over the place of the first relevant document"
        ),
        _decided(target),
    ]


def _ranked(target: str, name: str, measure: _Measure, doc: str) -> Metric:
    def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        pairs = zip(predictions["documents"].to_list(), truth[target].to_list())
        return np.array([measure(ranked, judged(relevant)) for ranked, relevant in pairs])

    return _metric(name, each, doc)


def _decided(target: str) -> Metric:
    """Whether it was answered what has an answer, and only that."""

    def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        answerable = np.array([bool(judged(relevant)) for relevant in truth[target].to_list()])
        return (predictions["found"].to_numpy() == answerable).astype(np.float64)

    return _metric("decided", each, "Share of the questions answered if the documents do so, else refused")


def _metric(name: str, each: Callable[[pl.DataFrame, pl.DataFrame], np.ndarray], doc: str) -> Metric:
    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
        values = each(truth, predictions)
        return lambda rows: _mean(values if rows is None else values[rows])

    def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return 1.0 - np.nan_to_num(each(truth, predictions), nan=1.0)

    return Metric(name, True, bind, doc, losses)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
