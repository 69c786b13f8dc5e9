"""How good rankings and answers are, question by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from noria.core.protocol import Metric
from noria.methods import ranking
from noria.systems.retrieval import grounds, spans
from noria.systems.retrieval.embedder import usable
from noria.systems.retrieval.judge import Judge, judge_of
from noria.systems.retrieval.options import AnswerOptions
from noria.systems.retrieval.target import judged, true_answers

if TYPE_CHECKING:
    from noria.core.protocol import Scorer

__all__ = ["metrics"]

_Row = Mapping[str, Any]
_Measure = Callable[[Sequence[str], Mapping[str, float]], float]


def metrics(
    target: str, question: str | None = None, short: bool = False, judge: AnswerOptions | None = None
) -> list[Metric]:
    """All measures of question answering; those of rankings leave out questions that no document answers.

    Parameters
    ----------
    target : str
    question : str, optional
        The column of questions; with it, answers are measured too.
    short : bool
        Whether there are short answers.
    judge : AnswerOptions, optional
        A language model that judges answers besides.
    """
    read = [
        _short(target, "exact_match", spans.exact, "Share of the short answers that are as they should be"),
        _short(target, "f1", spans.f1, "Mean F1 of the words of short answers, by SQuAD's rules"),
    ]
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
        *(read if short else []),
        *(_grounded(target, question) if question else []),
        *(_judged(question, judge) if question and judge is not None else []),
    ]


def _judged(question: str, wish: AnswerOptions) -> list[Metric]:
    """What a language model thinks of answers."""

    def of(
        name: str, measure: Callable[[Judge, list[str], list[dict[str, Any]]], np.ndarray], doc: str
    ) -> Metric:
        def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
            asked = [one or "" for one in truth[question].to_list()]
            return measure(judge_of(wish), asked, predictions.to_dicts())

        return _metric(name, each, doc, nothing=np.nan)

    found = [
        of(
            "faithfulness_judged",
            Judge.faithfulness,
            "Share of an answer's statements that its sources bear out, as a language model judges",
        )
    ]
    if usable():
        doc = "Nearness of the question to those that a language model reads out of the answer"
        found.append(of("answer_relevance_judged", Judge.relevance, doc))
    return found


def _grounded(target: str, question: str) -> list[Metric]:
    """How well answers are founded, in words and documents, without a judge."""

    def of(name: str, measure: Callable[[_Row, _Row], float], doc: str) -> Metric:
        def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
            return np.array([measure(*pair) for pair in zip(truth.to_dicts(), predictions.to_dicts())])

        return _metric(name, each, doc)

    return [
        of(
            "faithfulness",
            lambda _, said: grounds.faithfulness(said),
            "Share of an answer's statements that the sentences it cites bear out, by their words",
        ),
        of(
            "answer_relevance",
            lambda row, said: grounds.answer_relevance(row[question] or "", said),
            "Share of the question's words that the answer takes up, or the headings above it",
        ),
        of(
            "context_precision",
            lambda row, said: grounds.context_precision(said, judged(row[target])),
            "Mean precision at each relevant one of the first three documents",
        ),
        of(
            "context_recall",
            lambda row, said: grounds.context_recall(said, judged(row[target]), true_answers(row[target])),
            "Share of the true answer that is cited: of its words if they are known, else of the documents",
        ),
    ]


def _ranked(target: str, name: str, measure: _Measure, doc: str) -> Metric:
    def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        pairs = zip(predictions["documents"].to_list(), truth[target].to_list())
        return np.array([measure(ranked, judged(relevant)) for ranked, relevant in pairs])

    return _metric(name, each, doc)


def _short(target: str, name: str, measure: Callable[[str, Sequence[str]], float], doc: str) -> Metric:
    """Of questions whose short answer is known."""

    def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        known = [true_answers(one) for one in truth[target].to_list()]
        said = predictions["span"].to_list()
        return np.array([measure(one, told) if told else np.nan for one, told in zip(said, known)])

    return _metric(name, each, doc)


def _decided(target: str) -> Metric:
    """Whether it was answered what has an answer, and only that."""

    def each(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        answerable = np.array([bool(judged(relevant)) for relevant in truth[target].to_list()])
        return (predictions["found"].to_numpy() == answerable).astype(np.float64)

    return _metric("decided", each, "Share of the questions answered if the documents do so, else refused")


def _metric(
    name: str,
    each: Callable[[pl.DataFrame, pl.DataFrame], np.ndarray],
    doc: str,
    nothing: float = 0.0,
) -> Metric:
    """A metric of the rows that have a value; `nothing` where none has: 0, or NaN if that is unknown."""

    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
        values = each(truth, predictions)
        return lambda rows: _mean(values if rows is None else values[rows], nothing)

    def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        values = each(truth, predictions)
        return 1.0 - (values if np.isnan(nothing) else np.nan_to_num(values, nan=1.0))

    return Metric(name, True, bind, doc, losses)


def _mean(values: np.ndarray, nothing: float) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else nothing
